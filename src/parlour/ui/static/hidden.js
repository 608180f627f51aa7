// Characters that cannot be seen but act or lie, shown as pictures; the twin of `shown` in core/text.py.

const MAX_PICTURES = 100;
const FLAG = "\\u{1f3f4}[\\u{e0030}-\\u{e0039}\\u{e0061}-\\u{e007a}]{1,6}\\u{e007f}";
const HOSTILE =
  "\\0-\\x08\\x0b-\\x1f\\x7f-\\x9f\\xad\\u061c\\u115f\\u1160\\u17b4\\u17b5\\u180e\\u200b-\\u200f\\u2028-\\u202e" +
  "\\u2060-\\u206f\\u3164\\ud800-\\udfff\\ufeff\\uffa0\\ufff0-\\ufffb\\ufffe\\uffff\\u{13430}-\\u{1343f}" +
  "\\u{1bca0}-\\u{1bca3}\\u{1d173}-\\u{1d17a}\\u{e0000}-\\u{e00ff}";
const RUN = new RegExp(`(${FLAG})|[${HOSTILE}]+`, "gu");
const JOINER = /^[\u200c\u200d]/;
// By code point: in a pattern, a class beyond U+FFFF before `$` finds nothing in some browsers.
const JOINING_SCRIPTS = [[0x600, 0xdff], [0xf00, 0x109f], [0x1780, 0x18af], [0xfb50, 0xfdff], [0xfe70, 0xfefc]];
const EMOJI_PARTS = [[0x1f000, 0x1fbff], [0x2190, 0x27ff], [0x2900, 0x2bff], [0xfe0f, 0xfe0f]];
const PICTURE = /<U\+([0-9A-F]+)>|([\u2400-\u241f])|\u2421/g;

/** The text in pieces {text, isPicture}, in order: as it is, or the pictures of what cannot be seen. */
export function shown(text) {
  const pictures = new Pictures();
  return [...pictures.cut(text), ...pictures.rest];
}

/** The pictures of one text, which may come in pieces: a hundred, and the number of those after them. */
export class Pictures {
  #left = MAX_PICTURES;
  #more = 0;

  /** The next piece of the text, cut; no two pieces that are no pictures follow each other. */
  cut(text) {
    const found = [];
    let seen = ""; // since the last picture
    let done = 0;
    for (const match of text.matchAll(RUN)) {
      const end = match.index + match[0].length;
      const start = match[1] ? end : match.index + Number(joins(text, match.index));
      if (start === end) continue;
      seen += text.slice(done, start);
      done = end;
      const pictures = this.#draw([...text.slice(start, end)]);
      if (pictures === "") continue;
      if (seen !== "") found.push({ text: seen, isPicture: false });
      found.push({ text: pictures, isPicture: true });
      seen = "";
    }
    seen += text.slice(done);
    if (seen !== "") found.push({ text: seen, isPicture: false });
    return found;
  }

  /** The piece, if any, that stands for what was left out; to be asked for at the end. */
  get rest() {
    const words = this.#more === 1 ? "hidden character" : "hidden characters";
    return this.#more === 0 ? [] : [{ text: `<+${this.#more} ${words}>`, isPicture: true }];
  }

  #draw(run) {
    const drawn = run.slice(0, this.#left);
    this.#left -= drawn.length;
    this.#more += run.length - drawn.length;
    return drawn.map(picture).join("");
  }
}

/** What pictures stand for. */
export function pictured(pictures) {
  return pictures.replace(PICTURE, (_, code, control) => {
    if (code) return String.fromCodePoint(Number.parseInt(code, 16));
    return control ? String.fromCharCode(control.charCodeAt(0) - 0x2400) : "\x7f";
  });
}

function picture(char) {
  const code = char.codePointAt(0);
  if (code < 0x20) return String.fromCharCode(0x2400 + code);
  if (code === 0x7f) return "\u2421";
  return `<U+${code.toString(16).toUpperCase().padStart(4, "0")}>`;
}

/** Whether a joiner stands where scripts and emoji need it. */
function joins(text, index) {
  if (!JOINER.test(text[index])) return false;
  const before = codeBefore(text, index);
  if (isIn(JOINING_SCRIPTS, before)) return true;
  return text[index] === "\u200d" && isIn(EMOJI_PARTS, before) && isIn(EMOJI_PARTS, text.codePointAt(index + 1));
}

/** The code point that ends before an index; undefined at the start. */
function codeBefore(text, index) {
  const pair = text.codePointAt(index - 2);
  return pair > 0xffff ? pair : text.codePointAt(index - 1);
}

function isIn(ranges, code) {
  return ranges.some(([first, last]) => first <= code && code <= last);
}
