// Which transport to try next: the best that passes here, found out once. A pure function of what became of the others.

/** From the best to the one that passes everywhere: a WebSocket; events by SSE, sent by POST; long-polls and POST. */
export const TRANSPORTS = ["socket", "stream", "poll"];

/**
 * How long a transport may take to bring its first item before the next one is tried. A proxy that swallows a WebSocket
 * is found out within 3 s; one that has brought something before is given more time, because then it is the server that
 * is slow, and going to another transport would only add to its load.
 */
const PATIENCE_MS = { socket: 2500, stream: 2000, poll: 5000 };
const PATIENCE_WITH_KNOWN_MS = 10000;

/**
 * The choice before the first attempt: {first, next, known, atOnce}.
 *
 * `first` is the transport that a round of attempts begins with, `next` the one to try now, `known` are those that have
 * worked in this page, `atOnce` says that the next attempt belongs to the same round and need not wait. `remembered` is
 * what an earlier page of this visit had as `first`, or empty.
 */
export function begin(remembered) {
  const first = TRANSPORTS.includes(remembered) ? remembered : TRANSPORTS[0];
  return { first, next: first, known: [], atOnce: false };
}

/** The choice after the first item has come by `next`. It begins the next rounds, unless a better one has worked too. */
export function worked(choice) {
  const first = choice.known.includes(choice.first) ? choice.first : choice.next;
  return { ...choice, first, known: [...new Set([...choice.known, choice.next])], atOnce: false };
}

/**
 * The choice after `next` has ended: `heard` if anything had come by it, `isRefused` if the server or the network said
 * no, which another transport would not change. (A WebSocket never tells why it failed.)
 */
export function failed(choice, { heard, isRefused }) {
  const below = TRANSPORTS[TRANSPORTS.indexOf(choice.next) + 1];
  if (heard || isRefused || below === undefined) return restart(choice);
  return { ...choice, next: below, atOnce: true };
}

/** Begin a new round. */
export function restart(choice) {
  return { ...choice, next: choice.first, atOnce: false };
}

/**
 * The choice while nobody looks: a browser has six connections to a host on HTTP/1.1, and every stream takes one (a
 * WebSocket does not), so the tabs in the background leave them to the one in front. Null where there is nothing to leave.
 */
export function rest(choice) {
  return choice.next === "stream" ? { ...choice, next: "poll", atOnce: false } : null;
}

/** How long the next attempt may take, in ms. */
export function patience(choice) {
  return choice.known.includes(choice.next) ? PATIENCE_WITH_KNOWN_MS : PATIENCE_MS[choice.next];
}
