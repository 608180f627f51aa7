// The field for the name: remembered, and told there what is wrong with it.

import { lasting } from "./memory.js";
import * as shapes from "./shapes.js";

export class NameField {
  #input = null; // that of a page which names an account
  #error = null;

  /** `onChange(name)` gets every name that was typed, once it is. */
  constructor(form, onChange) {
    const input = form.elements.namedItem("name");
    if (input.type === "hidden") return;
    this.#input = input;
    this.#input.value ||= lasting.get("name", shapes.text);
    this.#input.addEventListener("change", () => {
      this.remember();
      onChange(this.value);
    });
  }

  get value() {
    return this.#input?.value.trim() ?? "";
  }

  remember() {
    if (this.#input === null) return;
    lasting.set("name", this.value);
  }

  /** Say why the server does not take a name ({name, detail}), or (null) that all is well. */
  render(refused) {
    if (this.#input === null) return;
    if (refused === null) {
      this.#error?.remove();
      this.#error = null;
      for (const name of ["aria-invalid", "aria-errormessage"]) this.#input.removeAttribute(name);
      return;
    }
    if (lasting.get("name", shapes.text) === refused.name) lasting.set("name", null);
    if (this.#error === null) {
      this.#error = document.createElement("p");
      Object.assign(this.#error, { id: "name-refused", className: "refused" });
      this.#error.setAttribute("role", "alert");
      this.#input.closest(".below").before(this.#error);
      this.#input.setAttribute("aria-invalid", "true");
      this.#input.setAttribute("aria-errormessage", this.#error.id);
    }
    this.#error.textContent = refused.detail;
  }
}
