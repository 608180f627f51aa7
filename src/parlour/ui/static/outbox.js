// What was written here and is not in the log yet: `outbox` of state.js.

/** Refusals that pass by themselves: the same message is sent again with the same key (docs/protocol.md#sending). */
export const PASSING = new Set([
  "rate_limited", "too_many_connections", "overloaded", "draining", "storage_unavailable", "storage_full",
  "internal", "outcome_unknown", "unanswered",
]);

/** What is to be sent, and would be if the line were well. */
export function waitingIn(outbox) {
  return outbox.filter(({ status }) => status === "pending" || status === "held");
}

/** Change some values of one of them. */
export function change(state, key, values) {
  return { ...state, outbox: state.outbox.map((item) => (item.key === key ? { ...item, ...values } : item)) };
}

/** Of many messages under a name that the server does not take, one is refused; the others wait with it. */
export function refuseName(state, key, detail) {
  const refused = state.outbox.find((item) => item.key === key);
  if (refused === undefined) return state;
  const { name } = refused;
  const isHit = (item) => item.name === name && (item.status === "pending" || item.status === "held");
  const outbox = state.outbox.map((item) => (isHit(item) ? { ...item, status: "nameless", detail: undefined } : item));
  return { ...state, refusedName: { name, detail }, outbox };
}
