// Times of pages in UTC, said as it is where the browser is.

import assert from "node:assert/strict";
import { test } from "node:test";

process.env.TZ = "America/New_York";
const { here, hereIn } = await import("../../../src/parlour/ui/static/clock.js");

test("a time in UTC is said as it is here", () => {
  const now = new Date("2026-11-30T17:00Z");
  assert.match(here("2026-11-30 17:28 UTC", now), /^12:28/);
  assert.match(here(" 2026-12-01 03:00 UTC ", now), /^10:00/);
  assert.match(here("2026-11-30 04:28 UTC", now), /^yesterday 11:28/);
  assert.match(here("2026-12-02 17:28 UTC", now), /^Dec 2, 12:28/);
  assert.match(here("2027-01-02 17:28 UTC", now), /2027.*12:28/);
});

test("a time within a sentence is said so, too", () => {
  assert.match(hereIn("Not until 2026-11-30 17:28 UTC, say all.", new Date("2026-11-30T17:00Z")), /^Not until 12:28\sPM, say all\.$/);
});

test("another text stays as it is", () => {
  for (const text of ["2026-11-30 17:28 CET", "17:28", "until 2026-11-30 17:28 UTC", ""]) assert.equal(here(text), null);
});
