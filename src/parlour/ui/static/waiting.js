// The page of a guest who waits for the host to let them in: it goes on by itself.

const ASK_MS = 3000;

/** Ask who one is, at the address that the page names, until that is another state than waiting. */
export function goOnOnceIn() {
  const place = document.querySelector("[data-waiting]");
  if (place === null) return;
  setInterval(async () => {
    const answer = await fetch(place.dataset.waiting, { headers: { Accept: "application/json" } }).catch(() => null);
    if (answer?.ok && (await answer.json()).guest?.state !== "waiting") window.location.reload();
  }, ASK_MS);
}
