// Words that the page makes: who is writing, and the lines of a quote.

import assert from "node:assert/strict";
import { test } from "node:test";

globalThis.document = { querySelector: () => null };
const { quoteOf } = await import("../../../src/parlour/ui/static/quote.js");
const { typingWords } = await import("../../../src/parlour/ui/static/typing.js");

test("who is writing is named up to two, and never longer than a line", () => {
  assert.equal(typingWords([]), "");
  assert.equal(typingWords(["Jonas"]), "Jonas is writing…");
  assert.equal(typingWords(["Jonas", "Maya"]), "Jonas and Maya are writing…");
  assert.equal(typingWords(["a", "b", "c"]), "Several people are writing…");
  assert.equal(typingWords(["x".repeat(64)]), `${"x".repeat(24)}… is writing…`);
});

test("a quote is the beginning of what was said, without quotes in it", () => {
  const by = { name: "Jonas" };
  assert.equal(quoteOf({ by, text: "nice" }), "> Jonas: nice\n");
  assert.equal(quoteOf({ by, text: "> Maya: before\nyes\r\nno\n" }), "> Jonas: yes\n> no\n");
  assert.equal(quoteOf({ by, text: "a\nb\nc\nd" }), "> Jonas: a\n> b\n> c…\n");
  assert.equal(quoteOf({ by, text: "🎉".repeat(300) }), `> Jonas: ${"🎉".repeat(200)}…\n`);
  assert.equal(quoteOf({ by, text: "a long talk" }, " long "), "> Jonas: long\n");
  assert.equal(quoteOf({ by, text: "> only a quote" }), "> Jonas: > only a quote\n");
});
