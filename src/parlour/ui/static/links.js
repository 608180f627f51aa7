// Finding the web addresses in a text; the twin of links.py, which explains the rules, with the same cases.

const MAX_ADDRESSES = 50;
const MAX_ADDRESS_CHARS = 2000;
const STOP =
  "\\x00-\\x20\\x7f-\\xa0\\xad\\u034f\\u061c\\u115f\\u1160\\u1680\\u17b4\\u17b5\\u180e\\u2000-\\u200f\\u2028-\\u202f\\u205f-\\u206f" +
  "\\u2800\\u3000\\u3164\\ufe00-\\ufe0f\\ufeff\\uffa0\\u{e0000}-\\u{e0fff}<>\"'`{}|\\\\^";
const ADDRESS = new RegExp(`[hH][tT][tT][pP][sS]?://[^${STOP}/?#@\\[\\]]+(?:[/?#][^${STOP}]*)?`, "gu");
const WHOLE = /^[A-Za-z]+:\/\/[^:/?#]+(?::[0-9]{1,5})?(?:[/?#].*)?$/u;
const WORD = /[A-Za-z0-9]/;
const TRAILING = ".,;:!?*_~";
const MAX_TRAILING = 64;
const PAIRS = { ")": "(", "]": "[" };

/** The text in pieces {text, isLink}, in order; joined they are the text. */
export function pieces(text) {
  const found = [];
  let done = 0;
  let looked = 0;
  for (const match of text.matchAll(ADDRESS)) {
    if (looked === MAX_ADDRESSES) break;
    looked += 1;
    const start = match.index;
    if ([...match[0]].length > MAX_ADDRESS_CHARS) continue;
    const address = trim(match[0]);
    const poses = text[start + match[0].length] === "@";
    if (poses || WORD.test(text[start - 1] ?? "") || !WHOLE.test(address)) continue;
    if (start > done) found.push({ text: text.slice(done, start), isLink: false });
    found.push({ text: address, isLink: true });
    done = start + address.length;
  }
  if (done < text.length) found.push({ text: text.slice(done), isLink: false });
  return found;
}

function trim(address) {
  const balance = {};
  for (const [close, open] of Object.entries(PAIRS)) balance[close] = count(address, close) - count(address, open);
  const shortest = Math.max(0, address.length - MAX_TRAILING);
  let end = address.length;
  for (; end > shortest; end -= 1) {
    const last = address[end - 1];
    if (TRAILING.includes(last)) continue;
    if (!(balance[last] > 0)) break;
    balance[last] -= 1;
  }
  return address.slice(0, end);
}

function count(text, char) {
  return text.split(char).length - 1;
}
