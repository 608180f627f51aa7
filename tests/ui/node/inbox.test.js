// Messages that somebody looks at for a moment are read, however fast others come behind them.

import assert from "node:assert/strict";
import { mock, test } from "node:test";

const told = [];
globalThis.document = { body: { dataset: { prefix: "", room: "lobby", inbox: "", read: "7" } }, querySelector: () => null };
globalThis.fetch = async (_, { body }) => {
  told.push(JSON.parse(body));
  return { ok: true };
};
mock.timers.enable({ apis: ["setTimeout", "setInterval"] });
const { openInbox } = await import("../../../src/parlour/ui/static/inbox.js");

test("messages that come while one is looked at are read after it", () => {
  const inbox = openInbox(7, () => {}, {}, () => {});
  inbox.looked(true, 8);
  mock.timers.tick(999);
  inbox.looked(true, 9);
  assert.deepEqual(told, [], "a glance is no reading");
  mock.timers.tick(1);
  assert.deepEqual(told, [{ read: 8 }]);
  mock.timers.tick(1000);
  assert.deepEqual(told, [{ read: 8 }, { read: 9 }]);
  mock.timers.tick(10_000);
  assert.equal(told.length, 2, "nothing more has come");
});

test("what came when the reader had looked away is not read", () => {
  told.length = 0;
  const inbox = openInbox(7, () => {}, {}, () => {});
  inbox.looked(true, 8);
  inbox.looked(false, 9);
  mock.timers.tick(10_000);
  assert.deepEqual(told, []);
});
