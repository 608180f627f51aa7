// The name of a guest: asked for once, before the first message, checked by the server, and changed where one's own
// entry is in the bar.

import { authorAs } from "./api.js";
import { iconNode } from "./marks.js";
import { lasting } from "./memory.js";
import { element } from "./message.js";
import { hue, initial } from "./rows.js";
import * as shapes from "./shapes.js";
import { opener, sheet } from "./sheets.js";

/** Why a name is not to be had, in words that everybody knows; the server's own where it says more. */
function wordsFor({ code, detail }) {
  if (code !== "reserved_name") return detail;
  if (/a member|who is here/.test(detail)) return "Somebody here has that name, or one that looks like it. Try another one.";
  return /staff/.test(detail) ? "That name is kept for the people who run this place. Try another one." : detail;
}

export class Name {
  #room;
  #onName;
  #value = ""; // that of an account is in the page
  #hasAccount = document.body.dataset.account !== undefined;
  #isKnown = this.#hasAccount;
  #then = null; // what waits for the name
  #card = null;
  #input;
  #error;
  #hidden = null;
  #entry = document.querySelector(".bar .me");

  /** For a room, whose form may come later: `onName(name, id)` gets each name that is taken, with the id of its author if that is known. */
  constructor(room, form, onName) {
    this.#room = room;
    this.#onName = onName;
    if (this.#hasAccount) return;
    this.#value = form?.elements.namedItem("name").value ?? "";
    this.#isKnown = this.#value !== "";
    this.#recall();
    this.#make();
    const id = lasting.get("author", shapes.text);
    this.#showEntry(id ? { id } : null);
  }

  /** Whether it need not be asked for. Another tab may have done so. */
  get isKnown() {
    if (!this.#isKnown) this.#recall();
    return this.#isKnown;
  }

  /** The name that the next message carries; empty for that of the account, or what the server makes up for a guest. */
  get value() {
    return this.#value;
  }

  /** The field that browsers without scripts have goes; what is sent without one still says the name. */
  adopt(form) {
    if (this.#hasAccount) return;
    for (const node of form.querySelectorAll(".as")) node.remove();
    this.#hidden = element("input", { type: "hidden", name: "name", value: this.#value });
    form.append(this.#hidden);
  }

  /** Ask for it; `then()` is called once there is one. */
  ask(then = null) {
    this.#then = then;
    this.#card.showPopover();
  }

  /** Say why the server does not take the name any more ({name, detail, code}), or (null) that all is well. */
  render(refused) {
    if (this.#card === null) return;
    if (refused === null) {
      this.#say("");
      return;
    }
    if (this.#value === refused.name) this.#forget();
    this.#input.value = refused.name;
    this.#say(refused.detail);
    if (!document.querySelector(":popover-open")) this.ask();
  }

  #make() {
    const { guestName } = JSON.parse(document.body.dataset.about);
    this.#input = element("input", {
      id: "name", name: "name", maxlength: "64", placeholder: guestName, autocomplete: "nickname", autocapitalize: "words",
      spellcheck: "false", dir: "auto", autofocus: "", enterkeyhint: "done", "aria-describedby": "name-help",
    });
    this.#input.value = this.#value;
    this.#error = element("p", { class: "error", id: "name-refused", role: "alert" });
    const form = element("form", { class: "join", novalidate: "" },
      element("label", { for: "name" }, "Your name"), this.#input, this.#error,
      element("p", { class: "help", id: "name-help" }, `The others see it beside what you write. Without one you are ${guestName}.`),
      element("button", { class: "primary", type: "submit" }, "Join"));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#check();
    });
    const way = this.#entry === null ? [] : [element("p", { class: "or" }, element("a", { href: this.#entry.href }, "Sign in"), " if you have an account here.")];
    this.#card = sheet("join", "What should the others call you?", form, ...way);
    this.#card.classList.add("asks");
    this.#card.addEventListener("toggle", ({ newState }) => {
      if (newState === "open") this.#input.select();
      else if (this.#then !== null) document.getElementById("message")?.focus(); // what was written is still there
      if (newState === "closed") this.#then = null;
    });
  }

  /** Ask the server whether the name can be had. Where it cannot be asked, the first message will tell. */
  async #check() {
    const name = this.#input.value.trim();
    let { by, refusal } = name === "" ? {} : await authorAs(this.#room, name);
    if (refusal) {
      this.#say(wordsFor(refusal));
      this.#input.focus();
      return;
    }
    by ??= null;
    this.#value = by?.name ?? name;
    this.#isKnown = true;
    lasting.set("name", this.#value);
    lasting.set("joined", true);
    lasting.set("author", by?.id ?? null);
    if (this.#hidden) this.#hidden.value = this.#value;
    this.#say("");
    this.#showEntry(by);
    this.#onName(this.#value, by?.id ?? null);
    const then = this.#then;
    this.#then = null;
    this.#card.hidePopover();
    document.getElementById("message")?.focus();
    then?.();
  }

  #recall() {
    this.#value ||= lasting.get("name", shapes.text);
    this.#isKnown ||= this.#value !== "" || lasting.get("joined", shapes.yes);
  }

  #forget() {
    this.#value = "";
    this.#isKnown = false;
    lasting.set("name", null);
    lasting.set("joined", null);
  }

  #say(words) {
    this.#error.textContent = words;
    if (words) {
      this.#input.setAttribute("aria-invalid", "true");
      this.#input.setAttribute("aria-errormessage", this.#error.id);
    } else {
      for (const name of ["aria-invalid", "aria-errormessage"]) this.#input.removeAttribute(name);
    }
  }

  /** One's own entry in the bar. Whoever could sign in and has said nothing sees the way to that. */
  #showEntry(by) {
    if (!this.#isKnown && this.#entry?.localName === "a") return;
    const name = this.#value;
    const avatar = name
      ? element("span", { class: `avatar${by ? ` hue-${hue(by.id, by.hue)}` : ""}`, "aria-hidden": "true", "data-initial": initial(name) })
      : element("span", { class: "avatar nobody", "aria-hidden": "true" }, iconNode("person"));
    const words = name ? `You are ${name}: change your name` : "Your name";
    const entry = opener("join", { class: "me", title: name || "Your name" }, avatar, element("span", { class: "unseen" }, words));
    if (this.#entry) this.#entry.replaceWith(entry);
    else document.querySelector(".bar").append(entry);
    this.#entry = entry;
  }
}
