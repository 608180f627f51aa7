"""The one script inside a page: it brings in script and style, and asks again for what was refused or lost."""

from __future__ import annotations

from base64 import b64encode
from hashlib import sha256

# It is inside the page because a request for a file may be refused. Script and style are asked for again after a second
# or two, then at growing intervals up to a minute. The fragment makes another module of the same address: a browser may
# remember that the first did not come.
LOADER = """
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
"""
"""The text of the script."""

LOADER_SOURCE = f"'sha256-{b64encode(sha256(LOADER.encode()).digest()).decode()}'"
"""What a Content-Security-Policy calls it (CSP3 §2.3.1)."""
