const style = document.querySelector("link[rel=stylesheet]");
const { address } = document.querySelector("script[data-address]").dataset;
const untilLoaded = (load, tries = 0) => load(tries).catch(() => {
  setTimeout(untilLoaded, 1000 * (1 + Math.random()) * Math.min(2 ** tries, 30), load, tries + 1);
});
untilLoaded(async (tries) => {
  if (style.sheet?.cssRules.length) return;
  if (tries === 0) throw new Error("refused");
  await new Promise((loaded, failed) => {
    Object.assign(style, { onload: loaded, onerror: failed });
    style.href += "";
  });
});
untilLoaded(async (tries) => {
  try {
    await import(tries ? `${address}#${tries}` : address);
  } catch (error) {
    if (!document.documentElement.classList.contains("scripted")) throw error;
    reportError(error);
  }
});
