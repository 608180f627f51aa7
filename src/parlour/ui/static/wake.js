// When the world may have changed while nobody looked: a laptop opened, a tab shown again, a network found.

const LOOK_MS = 5000;
const SLEPT_MS = 30000; // a timer of 5 s that took so long: the machine slept, or the tab was frozen

/** Call `onWake()` then. A tab in the background has slow timers and is not looked at: it is asked when it is shown. */
export function watchWaking(onWake) {
  for (const name of ["online", "focus", "pageshow"]) window.addEventListener(name, () => onWake());
  document.addEventListener("resume", () => onWake()); // from a freeze (Page Lifecycle)
  document.addEventListener("visibilitychange", () => document.hidden || onWake());
  let before = Date.now(); // not performance.now(), which stands still while some machines sleep
  setInterval(() => {
    const now = Date.now();
    if (now - before > SLEPT_MS && !document.hidden) onWake();
    before = now;
  }, LOOK_MS);
}
