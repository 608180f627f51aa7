// Whatever stands in the browser's store under the page's names, the page gets what it can use.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Memory } from "../../../src/parlour/ui/static/memory.js";
import * as shapes from "../../../src/parlour/ui/static/shapes.js";

const ITEM = { key: "key-0001", text: "t", name: "", at: 1, status: "pending" };
const DRAFT = { text: "half", at: 1 };
const EMPTY = { text: "", at: 0 };

const WRONG = ["{}", "5", "true", "null", "[null]", "[5]", "[[]]", "[{}]", '[{"at":9e15}]', '{"length":3}', "{", "", "1e999"];

globalThis.document = { body: { dataset: { prefix: "" } } };

const stored = (json, shape) => new Memory(() => ({ getItem: () => json })).get("name", shape);

for (const json of [...WRONG, '"abc"', null]) {
  test(`${json} is no list and no draft`, () => {
    assert.deepEqual(stored(json, shapes.outbox), []);
    assert.deepEqual(stored(json, shapes.draft), EMPTY);
    if (json !== '"abc"') assert.equal(stored(json, shapes.text), "");
    assert.deepEqual(stored(json, shapes.ids), []);
  });
}

test("a store that is forbidden has nothing", () => {
  const memory = new Memory(() => { throw new Error("forbidden"); });
  assert.deepEqual(memory.get("name", shapes.outbox), []);
  assert.equal(memory.has("name"), false);
});

test("what the page has written comes back", () => {
  const held = { ...ITEM, status: "held", code: "rate_limited", detail: null, waitMs: 5 };
  assert.deepEqual(stored(JSON.stringify([ITEM, held]), shapes.outbox), [ITEM, held]);
  assert.deepEqual(stored(JSON.stringify(DRAFT), shapes.draft), DRAFT);
  assert.equal(stored('"abc"', shapes.text), "abc");
  assert.deepEqual(stored('["g-1","g-2"]', shapes.ids), ["g-1", "g-2"]);
});

test("messages stay beside what is none", () => {
  assert.deepEqual(stored(JSON.stringify([null, ITEM, { ...ITEM, text: 5 }]), shapes.outbox), [ITEM]);
  assert.deepEqual(stored('["g-1",5,null]', shapes.ids), ["g-1"]);
});

for (const wrong of [
  { key: "short" }, { key: "with.dots.in.it" }, { key: 12345678 }, { key: ["key-0001"] }, { text: null }, { text: [] },
  { name: null }, { at: "1" }, { at: null }, { at: 9e15 }, { status: "stored" }, { status: "constructor" },
  { status: ["held"] }, { detail: {} }, { code: 5 },
]) {
  test(`a message with ${JSON.stringify(wrong)} is none`, () => {
    assert.deepEqual(stored(JSON.stringify([{ ...ITEM, ...wrong }]), shapes.outbox), []);
  });
}
