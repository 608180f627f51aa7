// How many messages a page keeps.

/** Weight of the messages kept in the page while the reader is at the end; older ones are loaded again on demand. */
export const KEEP = 1000;

const TRIM_AT = KEEP + 500;
const CHARS_OF_WEIGHT = 500;

/** What a message costs to show: 1, and 1 more for each 500 characters, which may be an element every few of them. */
export function weight({ text }) {
  return 1 + Math.floor(text.length / CHARS_OF_WEIGHT);
}

/** The state without its oldest messages, if it has many and the reader is at the end. */
export function trim(state) {
  const { messages } = state;
  if (!state.attentive || messages.reduce((sum, message) => sum + weight(message), 0) <= TRIM_AT) return state;
  let first = messages.length - 1; // the newest stays, whatever it weighs
  let kept = weight(messages[first]);
  while (first > 0 && kept + weight(messages[first - 1]) <= KEEP) {
    first -= 1;
    kept += weight(messages[first]);
  }
  return { ...state, messages: messages.slice(first) };
}
