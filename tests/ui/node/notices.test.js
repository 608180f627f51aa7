// What people are told of events that are no messages: the same words as the server's, over the same cases.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { noticeOf } from "../../../src/parlour/ui/static/notices.js";

const CASES = JSON.parse(readFileSync(new URL("../../fixtures/notices.json", import.meta.url)));

for (const { event, words } of CASES) {
  test(`${event.type} is told as ${words}`, () => assert.equal(noticeOf({ at: "2026-11-22T06:41:23.123Z", ...event }), words));
}
