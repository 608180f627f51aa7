// The half of a line that sends, where the other half only listens: a POST for each message.

import { isStillSignedIn, post } from "./api.js";

const FIRST_WAIT_MS = 2000;
const MAX_WAIT_MS = 30000;

/** Gives `send(operation)`, whose answers go to `onItem` as if a WebSocket had brought them. */
export function sendingBy(room, onItem) {
  let failures = 0; // in a row
  return async (operation) => {
    let item;
    try {
      item = (await isStillSignedIn()) ? await post(room, operation) : { type: "signed_out" };
      failures = 0;
    } catch {
      const waitMs = Math.min(MAX_WAIT_MS, FIRST_WAIT_MS * 2 ** failures);
      item = { type: "error", key: operation.key, code: "unanswered", detail: "No answer.", retry_after_ms: waitMs };
      failures += 1;
    }
    onItem(item);
  };
}
