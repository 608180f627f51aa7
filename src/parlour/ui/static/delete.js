// Deleting a message that is in the log.

import { remove } from "./api.js";

/** Ask, and have a message deleted; the room tells when it is gone, and the page of a refusal why it is not. */
export async function deleteMessage(form, room, seq) {
  if (!window.confirm("Delete this message for everybody? It cannot be brought back.")) return;
  if (!(await remove(room, seq))) form.submit();
}
