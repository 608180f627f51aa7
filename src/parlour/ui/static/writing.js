// The foot of the page: where one writes, or in one sentence why not, as the room and the reader's role are by now.

import { isOut, mayWrite, whyNot } from "./about.js";
import { roomsPath } from "./api.js";
import { hereIn } from "./clock.js";
import { element } from "./message.js";

const OUT = "You are not in this room any more.";

export class Writing {
  #foot = document.querySelector(".foot");
  #form = document.getElementById("composer");
  #closed = document.getElementById("closed");
  #onForm;

  /** `onForm(form)` gets the form, once there is one. */
  constructor(onForm) {
    this.#onForm = onForm;
    if (this.#form) onForm(this.#form);
  }

  /** Agree with the state. Who has been taken out of a private room is told so, and where the others are. */
  render({ about, trouble, why }) {
    const isGone = isOut(trouble);
    const can = !isGone && mayWrite(about);
    if (can && !this.#form) this.#make(about);
    if (this.#form) this.#set(can);
    const words = can ? "" : isGone ? (trouble !== "not_found" && why) || OUT : whyNot(about);
    if ((this.#closed?.dataset.words ?? "") === words) return;
    if (this.#closed?.textContent === words) { // as the page came
      this.#closed.dataset.words = words;
      this.#closed.textContent = hereIn(words);
      return;
    }
    const hadFocus = this.#foot.contains(document.activeElement);
    this.#closed?.remove();
    document.getElementById("unblock")?.remove();
    this.#closed = can ? null : element("p", { class: "closed", id: "closed", tabindex: "-1", "data-words": words },
      hereIn(words), ...(isGone && !about.isByPass ? [" ", element("a", { href: roomsPath() }, "See your rooms")] : []));
    if (this.#closed) this.#foot.append(this.#closed);
    document.getElementById("said").textContent = can ? "You can write in this room now." : hereIn(words);
    if (hadFocus) (this.#closed ?? document.getElementById("message")).focus();
  }

  /** What was being written stays in sight: it can be copied, not sent. */
  #set(can) {
    const text = this.#form.elements.namedItem("message");
    text.readOnly = !can;
    this.#form.hidden = !can && text.value.trim() === "";
    this.#form.querySelector(".send").hidden = !can;
  }

  #make(about) {
    this.#form = composerForm(document.body.dataset.room, about);
    this.#foot.append(this.#form);
    this.#onForm(this.#form);
  }
}

/** The form of room.html, for a room that takes messages only since the page came. */
function composerForm(room, { title, display, isByPass }) {
  const { account } = document.body.dataset;
  return element("form", { class: "composer", id: "composer" },
    ...(account === undefined ? [] : [element("input", { type: "hidden", name: "name", value: isByPass ? "" : display })]),
    element("label", { class: "unseen", for: "message" }, `Message to ${title || room}`),
    element("textarea", {
      id: "message", name: "message", rows: "1", dir: "auto", autocomplete: "off", placeholder: `Message ${title || room}`, "aria-describedby": "hint",
    }),
    element("span", { class: "hint", id: "hint" }),
    element("button", { class: "send", type: "submit" }, "Send"));
}
