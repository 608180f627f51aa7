// Quiet hours, by the cases that the server passes, too.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { isQuiet, minuteOfDay } from "../../../src/parlour/ui/static/quiet.js";

test("hours are quiet as the server has them", () => {
  for (const { hours, quiet, loud } of JSON.parse(readFileSync(new URL("../../fixtures/quiet_hours.json", import.meta.url)))) {
    assert.deepEqual(quiet.filter((minute) => !isQuiet(hours, minute)), [], hours);
    assert.deepEqual(loud.filter((minute) => isQuiet(hours, minute)), [], hours);
  }
});

test("the minute is that of the time zone, and of UTC where there is none that is known", () => {
  const at = new Date("2026-11-30T23:30Z");
  assert.equal(minuteOfDay(at, "Asia/Tokyo"), 8 * 60 + 30);
  assert.equal(minuteOfDay(at, "Europe/Berlin"), 30);
  for (const zone of [undefined, "Nowhere/Known"]) assert.equal(minuteOfDay(at, zone), 23 * 60 + 30);
});
