// What becomes of messages that a closed tab has left.

import assert from "node:assert/strict";
import { test } from "node:test";
import { revived } from "../../../src/parlour/ui/static/keep.js";

const DAY_MS = 24 * 60 * 60 * 1000;
const NOW = 1000 * DAY_MS;

const item = (days, status = "pending") => ({ key: "key-0001", text: "t", name: "", at: NOW - days * DAY_MS, status });

test("those of the last day are sent as they are", () => {
  assert.deepEqual(revived([item(0), item(0.9, "held")], NOW), [item(0), item(0.9, "held")]);
});

test("older ones wait for somebody to look at them", () => {
  const [old] = revived([item(1.1)], NOW);
  assert.equal(old.status, "failed");
  assert.match(old.detail, /day ago/);
});

test("those of a month ago are forgotten", () => {
  assert.deepEqual(revived([item(31), item(31, "failed")], NOW), []);
});
