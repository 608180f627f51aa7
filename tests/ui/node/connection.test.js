// The word at the top: a break is told of a second after it began, however many attempts have failed by then.

import assert from "node:assert/strict";
import { test } from "node:test";

const words = { textContent: "" };
const link = { hidden: true };
const node = { dataset: { state: "connecting" }, querySelector: (name) => (name === "a" ? link : words) };
globalThis.document = { getElementById: () => node };
globalThis.window = { addEventListener: () => {} };
Object.defineProperty(globalThis, "navigator", { value: { onLine: true } });

let now = 0;
const timers = [];
globalThis.setTimeout = (call, ms) => {
  timers.push({ id: timers.length + 1, at: now + ms, call });
  return timers.length;
};
globalThis.clearTimeout = (id) => timers.filter((timer) => timer.id === id).forEach((timer) => (timer.at = Infinity));
const wind = (ms) => {
  now += ms;
  for (const timer of timers.filter(({ at }) => at <= now)) {
    timer.at = Infinity;
    timer.call();
  }
};
const { Connection } = await import("../../../src/parlour/ui/static/connection.js");

test("a break is told of after a second, whatever is tried meanwhile", () => {
  const connection = new Connection();
  connection.render("live", null);
  for (const line of ["retrying", "connecting", "retrying", "connecting"]) {
    connection.render(line, null);
    wind(240);
  }
  assert.equal(node.dataset.state, "live");
  wind(40);
  assert.equal(node.dataset.state, "retrying");
  assert.equal(words.textContent, "Reconnecting…");
  connection.render("live", null);
  assert.equal(node.dataset.state, "live");
});

test("a break that is mended within a second is not told of", () => {
  const connection = new Connection();
  connection.render("live", null);
  connection.render("retrying", null);
  wind(900);
  connection.render("live", null);
  wind(5000);
  assert.equal(node.dataset.state, "live");
  connection.render("retrying", null);
  wind(900);
  assert.equal(node.dataset.state, "live", "the next one has a second of its own");
  wind(200);
  assert.equal(node.dataset.state, "retrying");
});
