// What the pages of settings gain by a script: what is shown once can be copied, saved or printed with one press.

import { showHere } from "./clock.js";
import { showOnIcon } from "./icon_count.js";
import { showWhichPage } from "./pages_row.js";
import { offerPasskeys } from "./passkeys.js";
import { goOnOnceIn, keepGuests } from "./waiting.js";

goOnOnceIn();
keepGuests();
showHere();
showWhichPage();
if (document.body.dataset.calls) showOnIcon(Number(document.body.dataset.calls));

for (const text of document.querySelectorAll("[data-copy]")) {
  if (!navigator.clipboard) break; // over plain HTTP from elsewhere there is none
  const button = document.createElement("button");
  button.type = "button";
  button.className = "copy-once";
  button.textContent = "Copy";
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(text.textContent);
    button.textContent = "Copied";
  });
  text.after(button);
}

/** A button behind what is shown once. */
function offer(text, words, act) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "copy-once";
  button.textContent = words;
  button.addEventListener("click", act);
  text.parentElement.append(button);
}

for (const text of document.querySelectorAll("[data-save]")) {
  offer(text, "Save as a file", () => {
    const link = document.createElement("a");
    link.download = text.dataset.save;
    link.href = URL.createObjectURL(new Blob([`${text.textContent}\n`], { type: "text/plain" }));
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60000);
  });
  offer(text, "Print", () => window.print());
}

offerPasskeys();
