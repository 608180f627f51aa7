// "Connect a program…": a token for this room, made on the spot and shown once, in the lines that are ready to be copied.

import { accountPath, makeToken } from "./api.js";
import { iconNode } from "./marks.js";
import { element } from "./message.js";

const LABEL_CHARS = 60;

/** Offer a token to whoever is signed in. */
export function offerToken(room, title) {
  const sheet = document.getElementById("connect");
  const first = sheet.querySelector("h3"); // a guest who came by a link is shown no commands
  if (document.body.dataset.account === undefined || first === null) return;
  const said = element("p", { class: "error", role: "alert" });
  const button = element("button", { class: "primary", type: "button" }, "Make a token for this room");
  const place = element("div", { class: "token" }, button, said);
  first.before(place);
  button.addEventListener("click", async () => {
    button.disabled = true;
    const made = await makeToken(room, [...`${title || room}: a program`].slice(0, LABEL_CHARS).join(""));
    button.disabled = false;
    if (made.token) show(sheet, place, made.token);
    else said.textContent = made.detail;
  });
}

function show(sheet, place, token) {
  const code = element("code", { class: "secret" }, token);
  const words = element("p", { role: "status" }, iconNode("lock"), " Copy it now, it is shown only once. It reads and writes in this room for 90 days; ",
    element("a", { href: accountPath() }, "your account"), " ends it.");
  place.replaceChildren(words, element("p", { class: "command" }, code));
  for (const part of sheet.querySelectorAll("[data-token]")) part.textContent = part.dataset.token.replace("SECRET", token);
  place.dispatchEvent(new CustomEvent("parlour:command", { bubbles: true }));
}
