// Leaving the page asks first while something would be left unsent.

const ask = (event) => event.preventDefault();

/** Whether leaving asks from now on. The listener is there only then: some browsers keep no page that has one. */
export function askBeforeLeaving(must) {
  if (must) window.addEventListener("beforeunload", ask);
  else window.removeEventListener("beforeunload", ask);
}
