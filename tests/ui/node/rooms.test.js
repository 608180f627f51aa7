// The list of rooms: always with the room one is in, by the time of its newest event.

import assert from "node:assert/strict";
import { test } from "node:test";

globalThis.document = { querySelector: () => null };
const { listed } = await import("../../../src/parlour/ui/static/rooms.js");

const at = (minute) => `2026-11-22T06:${minute}:00.000Z`;
const known = [{ room: "lobby", at: at(40) }, { room: "dev", at: at(30) }];

test("the room one is in is in the list, and first while nothing was said in it", () => {
  assert.deepEqual(listed([], { room: "new", at: null }), [{ room: "new", at: null }]);
  assert.deepEqual(listed(known, { room: "new", at: null }), [{ room: "new", at: null }, ...known]);
  assert.deepEqual(listed(known, { room: "new", at: at(35) }), [known[0], { room: "new", at: at(35) }, known[1]]);
});

test("what was heard in it counts before the server's list knows, and never less than the list", () => {
  assert.deepEqual(listed(known, { room: "dev", at: at(50) }), [{ room: "dev", at: at(50) }, known[0]]);
  assert.deepEqual(listed(known, { room: "lobby", at: at(10) }), known);
  assert.deepEqual(listed(known, { room: "dev", at: null }), known);
  assert.deepEqual(listed([{ room: "new", at: null }, ...known], { room: "new", at: at(35) }).length, 3);
});
