// Deleting a message that is in the log.

import { eventPath, remove } from "./api.js";
import { element } from "./message.js";

/** Ask, and have a message deleted; the room tells when it is gone, and the page of a refusal why it is not. */
export async function deleteMessage(room, seq) {
  if (!window.confirm("Delete this message for everybody? It cannot be brought back.")) return;
  if (await remove(room, seq)) return;
  const form = element("form", { action: `${eventPath(room, seq)}/delete`, method: "post" });
  document.body.append(form);
  form.submit();
}
