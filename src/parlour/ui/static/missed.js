// What is said where messages may be missing; `parlour chat` says the same.

const WORDS = {
  epoch_changed: "The server’s data was replaced: some messages may be missing here.",
  before_joining: "What was said before you joined is not shown.",
  below_retention: "Older messages are not kept any more: some may be missing here.",
  cursor_ahead: "The server has fewer messages than were shown here.",
  damaged: "The server cannot read some messages any more: they are missing here.",
};

/** The words for a reason of a reset (docs/protocol.md#resume). */
export const missedWords = (reason) => WORDS[reason] ?? "Some messages may be missing here.";
