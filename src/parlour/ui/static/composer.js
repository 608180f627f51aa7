// The form as a composer: Enter sends, and what was typed outlives the tab.

import { Draft } from "./draft.js";
import { iconNode } from "./marks.js";
import { element } from "./message.js";

const COUNT_FROM = 0.9; // of the limit

const utf8 = new TextEncoder();

export class Composer {
  #form;
  #text;
  #name;
  #hint;
  #limit;
  #draft;
  #enterSends = !window.matchMedia("(hover: none) and (pointer: coarse)").matches;

  /**
   * Take over the form of a room, for texts of `limit` bytes: `onSend({text, name})` gets what is written, once there is
   * a name (name.js), `onText(text)` what stands there while it is written, `onDraft()` is told that `isUnkept` may have
   * changed.
   */
  constructor(form, room, limit, name, { onSend, onText = () => {}, onDraft }) {
    this.#form = form;
    form.noValidate = true; // nothing to send is no mistake
    this.#text = form.elements.namedItem("message");
    this.#name = name;
    name.adopt(form);
    this.#hint = form.querySelector("#hint");
    this.#limit = limit;
    this.#draft = new Draft(room, { onGone: (text) => this.#dropped(text), onSaved: onDraft });
    this.#text.value ||= this.#draft.begin();
    form.querySelector(".send").replaceChildren(iconNode("send"), element("span", { class: "words" }, "Send"));
    this.#text.enterKeyHint = this.#enterSends ? "send" : "enter";
    this.#listen(onSend, onText);
    this.#showHint();
  }

  /** Begin writing, where that does not bring up a keyboard on the screen. */
  focus() {
    if (this.#enterSends) this.#text.focus({ preventScroll: true });
  }

  /** Whether closing the tab now would lose something that was typed. */
  get isUnkept() {
    return this.#text.value !== "" && !this.#draft.isKept;
  }

  /** Take a text back to be changed, before what is being written now. */
  takeBack(text) {
    this.#text.value = [text, this.#text.value].filter(Boolean).join("\n");
    this.#changed();
    this.#text.focus();
  }

  /** Begin a reply: some lines before what is being written. */
  quote(lines) {
    this.#text.value = lines + this.#text.value;
    this.#changed();
    this.#text.focus();
    this.#text.setSelectionRange(this.#text.value.length, this.#text.value.length);
  }

  #listen(onSend, onText) {
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#send(onSend);
    });
    this.#text.addEventListener("input", () => {
      this.#changed();
      onText(this.#text.value);
    });
    this.#text.addEventListener("keydown", (event) => {
      // While an input method is composing, Enter chooses a word.
      if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.keyCode === 229) return;
      if (!this.#enterSends && !event.ctrlKey && !event.metaKey) return;
      event.preventDefault();
      this.#form.requestSubmit();
    });
  }

  #send(onSend) {
    if (this.#text.readOnly) return; // the room takes no messages now
    const text = this.#text.value.replace(/^(?:[ \t]*\n)+/, "").trimEnd();
    if (text === "" || utf8.encode(text).length > this.#limit) {
      this.#text.focus();
      return;
    }
    if (!this.#name.isKnown) {
      this.#name.ask(() => this.#send(onSend));
      return;
    }
    const name = this.#name.value;
    this.#text.value = "";
    this.#changed();
    this.#form.querySelector("#refused")?.remove();
    onSend({ text, name });
    this.#text.focus();
  }

  #changed() {
    this.#draft.write(this.#text.value);
    this.#showHint();
  }

  /** Another tab has sent or dropped what both began with. */
  #dropped(text) {
    if (this.#text.value !== text) return;
    this.#text.value = "";
    this.#showHint();
  }

  #showHint() {
    const { value } = this.#text;
    const bytes = utf8.encode(value).length;
    const left = this.#limit - bytes;
    const unit = bytes === value.length ? "characters" : "bytes"; // the same, in the letters of English
    this.#hint.classList.toggle("over", left < 0);
    const isNear = left < this.#limit * (1 - COUNT_FROM);
    this.#hint.classList.toggle("unseen", !isNear);
    if (left < 0) this.#hint.textContent = `${-left} ${unit} too many`;
    else if (isNear) this.#hint.textContent = `${left} ${unit} left`;
    else this.#hint.textContent = this.#enterSends ? "Enter sends, Shift + Enter starts a line" : "";
  }
}
