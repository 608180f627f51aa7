// Rows, links and colours: what the page shows is what the server would have rendered.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { backoff } from "../../../src/parlour/ui/static/live.js";
import { pieces } from "../../../src/parlour/ui/static/links.js";
import { hue, initial, rows } from "../../../src/parlour/ui/static/rows.js";

const read = (name) => JSON.parse(readFileSync(new URL(`../../fixtures/${name}.json`, import.meta.url)));
const utcDay = (date) => date.toISOString().slice(0, 10);
const alice = { id: "g_a", name: "alice", kind: "guest" };
const bob = { id: "g_b", name: "bob", kind: "guest" };

function message(seq, at, by = alice) {
  return { room: "lobby", seq, type: "message", at, by, text: "t" };
}

function keys(messages, newFrom = null) {
  return rows(messages, newFrom, utcDay).map((row) => (row.continues ? `${row.key}+` : row.key));
}

test("a text that is full of addresses has the first fifty as links", () => {
  const found = pieces("https://example.net ".repeat(60));
  assert.equal(found.filter((piece) => piece.address !== null).length, 50);
  assert.equal(found.at(-1).text, ` ${"https://example.net ".repeat(10)}`);
  const address = (length) => `https://a.net/${"🦊".repeat(length - 14)}`;
  assert.deepEqual(pieces(address(2000)).map((piece) => piece.address !== null), [true]);
  assert.deepEqual(pieces(address(2001)).map((piece) => piece.address !== null), [false]);
});

test("finding addresses takes linear time", () => {
  const start = performance.now();
  for (const text of ["https://a/".repeat(4000), "(".repeat(40000), `https://a/${")".repeat(40000)}`, "h".repeat(40000)]) {
    pieces(text);
  }
  assert.ok(performance.now() - start < 1000);
});

test("a sender has the colour and the initial that the server gives", () => {
  for (const { id, chosen, hue: colour, name, initial: letter } of read("authors")) {
    assert.equal(hue(id, chosen), colour, id);
    assert.equal(initial(name), letter, name);
  }
});

test("messages of one sender in a row share a heading, for five minutes of one day", () => {
  assert.deepEqual(
    keys([
      message(1, "2026-11-21T23:50:00.000Z"), message(2, "2026-11-21T23:54:59.999Z"),
      message(3, "2026-11-21T23:59:59.999Z"), message(4, "2026-11-22T00:00:00.000Z"),
      message(5, "2026-11-22T00:00:01.000Z", bob), message(6, "2026-11-22T00:00:02.000Z"),
      message(7, "2026-11-22T00:00:03.000Z", { ...alice, name: "Alice" }),
    ]),
    ["day-2026-11-21", "m1", "m2+", "m3", "day-2026-11-22", "m4", "m5", "m6", "m7"],
  );
});

test("the line before what is new ends a group, and stands after the day", () => {
  const messages = [message(1, "2026-11-21T23:50:00.000Z"), message(2, "2026-11-21T23:50:01.000Z")];
  assert.deepEqual(keys(messages, 2), ["day-2026-11-21", "m1", "new", "m2"]);
  assert.deepEqual(keys(messages, 1), ["day-2026-11-21", "new", "m1", "m2+"]);
  assert.deepEqual(keys(messages, 3), ["day-2026-11-21", "m1", "m2+"]);
});

test("a clock that was set back makes no two rows with one key", () => {
  const found = keys([
    message(1, "2026-11-22T10:00:00.000Z"), message(2, "2026-11-21T10:00:00.000Z"), message(3, "2026-11-22T10:00:00.000Z"),
  ]);
  assert.equal(new Set(found).size, found.length);
});

test("the wait before an attempt grows to 15 s and is spread over all of it", () => {
  assert.equal(backoff(0, () => 1), 500);
  assert.equal(backoff(3, () => 1), 4000);
  assert.equal(backoff(99, () => 1), 15000);
  assert.equal(backoff(99, () => 0), 0);
});

test("what may be missing stands behind the message it came after, also where there is none", () => {
  const missed = { reason: "damaged", after: 2 };
  const keysOf = (seqs) => rows(seqs.map((seq) => message(seq, "2026-11-22T10:00:00.000Z")), null, utcDay, missed)
    .map((row) => (row.continues ? `${row.key}+` : row.key));
  assert.deepEqual(keysOf([]), ["missed-2"]);
  assert.deepEqual(keysOf([1, 2]), ["day-2026-11-22", "m1", "m2+", "missed-2"]);
  assert.deepEqual(keysOf([2, 5, 6]), ["day-2026-11-22", "m2", "missed-2", "m5", "m6+"]);
});
