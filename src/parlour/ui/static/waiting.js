// Pages that go on by themselves: that of a guest who waits for the host to let them in, and that of the host.

import { showHere } from "./clock.js";

const ASK_MS = 3000;

/** Ask who one is, at the address that the page names, until that is another state than waiting. */
export function goOnOnceIn() {
  const place = document.querySelector("[data-waiting]");
  if (place === null) return;
  setInterval(async () => {
    const me = await ask(place.dataset.waiting);
    if (me !== null && me.guest?.state !== "waiting") window.location.reload();
  }, ASK_MS);
}

/** Keep the parts of the page that show the guests as they are by now, but for one that is in use. */
export function keepGuests() {
  const place = document.querySelector("[data-guests]");
  if (place === null) return;
  const shown = new Map([...document.querySelectorAll("[data-part]")].map((part) => [part.dataset.part, part.cloneNode(true)]));
  let seen = null;
  setInterval(async () => {
    if (document.hidden) return;
    const guests = JSON.stringify(await ask(place.dataset.guests));
    if (guests === "null" || guests === seen) return;
    if (await renew(shown)) seen = guests;
  }, ASK_MS);
}

/** Put what has changed in place of what is shown. Gives whether all of it is there now. */
async function renew(shown) {
  const fresh = await thisPage();
  if (fresh === null) return false;
  let isWhole = true;
  for (const part of document.querySelectorAll("[data-part]")) {
    const name = part.dataset.part;
    const now = fresh.querySelector(`[data-part="${name}"]`);
    if (now === null || now.isEqualNode(shown.get(name))) continue;
    // Nothing moves away under a hand, or another guest would be in its place.
    if (part.contains(document.activeElement) || part.querySelector("details[open], button:hover")) {
      isWhole = false;
      continue;
    }
    shown.set(name, now.cloneNode(true));
    part.replaceChildren(...now.childNodes);
  }
  document.title = fresh.title;
  showHere();
  return isWhole;
}

/** This page as it is by now; null where it cannot be had. The policy of the page lets no other way make a document. */
const thisPage = () => new Promise((resolve) => {
  const request = new XMLHttpRequest();
  request.open("GET", window.location.pathname);
  request.setRequestHeader("Accept", "text/html");
  request.responseType = "document";
  request.onloadend = () => resolve(isThisPage(request) ? request.responseXML : null);
  request.send();
});

/** Whether an answer is this page, and not that of a proxy which asks who one is. */
const isThisPage = ({ status, responseXML }) =>
  status === 200 && responseXML !== null && responseXML.querySelector("[data-guests]") !== null;

/** What the API says at an address; null where it says nothing. */
async function ask(address) {
  const answer = await fetch(address, { headers: { Accept: "application/json" } }).catch(() => null);
  return answer?.ok ? answer.json().catch(() => null) : null;
}
