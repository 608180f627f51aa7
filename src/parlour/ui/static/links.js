// Finding the web addresses in a text; the twin of links.py, which explains the rules, with the same cases.

const MAX_ADDRESSES = 50;
const MAX_ADDRESS_CHARS = 2000;
const STOP =
  "\\x00-\\x20\\x7f-\\xa0\\xad\\u034f\\u061c\\u115f\\u1160\\u1680\\u17b4\\u17b5\\u180e\\u2000-\\u200f\\u2028-\\u202f" +
  "\\u205f-\\u206f\\u2800\\u3000\\u3164\\ud800-\\udfff\\ufe00-\\ufe0f\\ufeff\\uffa0\\ufff0-\\uffff\\u{13430}-\\u{1343f}" +
  "\\u{1bca0}-\\u{1bca3}\\u{1d173}-\\u{1d17a}\\u{e0000}-\\u{e0fff}<>\"`\\\\" +
  "\\xab\\xbb\\u2018\\u201a-\\u201f\\u2039\\u203a\\u3001\\u3002\\u3008-\\u3011\\uff01\\uff0c\\uff1a\\uff1b\\uff1f\\uff5c";
const MARKS = "!#$&'()*+,.:;=?@\\[\\]^{|}\\u2019\\u2026\\uff08\\uff09"; // an apostrophe before one of them is a closing quote
const HOST = `\\[[0-9A-Fa-f:.]+\\](?::[0-9]+)?|[^${STOP}/!#$&'()*+,;=?@\\[\\]^{|}\\u2019\\u2026\\uff08\\uff09]+`;
const PATH = `[/?#](?:[^${STOP}'\\u2019]|['\\u2019](?=[^${STOP}${MARKS}]))*`;
const ADDRESS = new RegExp(`(?:[hH][tT][tT][pP][sS]?://|[wW]{3}\\.)(?:${HOST})(?:${PATH})?`, "gu");
const WHOLE =
  /^(?:[A-Za-z]+:\/\/(?:\[[^\]]+\]|[^:/?#[]+)|[wW]{3}(?:\.[^.:/?#[]+){2,})(?::[0-9]{1,5})?(?:[/?#].*)?$/;
const WORD = /[A-Za-z0-9]/;
const NAME = /[A-Za-z0-9_./@\\-]/; // before "www." these make it a part of something else
const BRACKETS = /[()[\]{}\uff08\uff09]/g;
const OPENING = { ")": "(", "]": "[", "}": "{", "\uff09": "\uff08" };
const TRAILING = ".,;:!?*_~'|\u2019\u2026";

/** The text in pieces {text, address}, in order; joined they are the text. `address` is null where there is none. */
export function pieces(text) {
  const found = [];
  const search = new RegExp(ADDRESS);
  let done = 0;
  for (let looked = 0; looked < MAX_ADDRESSES; looked += 1) {
    const match = search.exec(text);
    if (match === null) break;
    const start = match.index;
    const shown = trim(match[0]);
    const isName = /^[wW]/.test(shown);
    const before = (isName ? NAME : WORD).test(text[start - 1] ?? "");
    const isLong = [...shown].length > MAX_ADDRESS_CHARS;
    if (before || text[search.lastIndex] === "@" || isLong || !WHOLE.test(shown)) continue;
    if (start > done) found.push({ text: text.slice(done, start), address: null });
    found.push({ text: shown, address: isName ? `https://${shown}` : shown });
    done = start + shown.length;
    search.lastIndex = done;
  }
  if (done < text.length) found.push({ text: text.slice(done), address: null });
  return found;
}

/** Leave out what follows an address: from the first bracket that closes what it did not open, and punctuation. */
function trim(address) {
  const opened = {};
  let end = address.length;
  for (const { 0: bracket, index } of address.matchAll(BRACKETS)) {
    const opening = OPENING[bracket];
    if (opening === undefined) {
      opened[bracket] = (opened[bracket] ?? 0) + 1;
    } else if (!opened[opening]) {
      end = index;
      break;
    } else {
      opened[opening] -= 1;
    }
  }
  while (end > 0 && TRAILING.includes(address[end - 1])) end -= 1;
  return address.slice(0, end);
}
