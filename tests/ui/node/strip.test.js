// The words of the strip, for every way in which a line can be unwell.

import assert from "node:assert/strict";
import { test } from "node:test";
import { stripWords } from "../../../src/parlour/ui/static/strip.js";

const item = (status, code) => ({ status, code });
const words = (changes, isOnline = true, isKept = true) =>
  stripWords({ line: "retrying", trouble: null, outbox: [], ...changes }, isOnline, isKept);

test("it says what is wrong", () => {
  assert.equal(words({}), "Can’t reach the server.");
  assert.equal(words({}, false), "You are offline.");
  assert.equal(words({ trouble: "draining" }), "The server is restarting.");
  assert.equal(words({ trouble: "too_many_connections" }), "The server asks to slow down.");
  assert.equal(words({ trouble: "overloaded" }), "The server is busy.");
  assert.equal(words({ trouble: "unheard_of" }), "Can’t reach the server.");
  assert.equal(words({ trouble: "signed_out" }), "You are signed out.");
  assert.equal(words({ trouble: "signed_out", why: "You were signed out: you have another role now." }),
    "You were signed out: you have another role now.");
  assert.equal(words({ trouble: "removed", why: "You were removed." }), "You were removed.");
  assert.equal(words({ trouble: "draining", why: "A sentence." }), "The server is restarting.");
});

test("it says how much waits, and whether that would outlive the tab", () => {
  const outbox = [item("pending"), item("held"), item("failed"), item("stored"), item("nameless")];
  assert.equal(words({ outbox }), "Can’t reach the server. 2 messages wait.");
  assert.equal(words({ outbox: [item("pending")] }), "Can’t reach the server. 1 message waits.");
  assert.equal(words({ outbox }, true, false), "Can’t reach the server. 2 messages wait: keep this page open.");
});

test("on a line that is well it says why sending is not", () => {
  assert.equal(words({ line: "live", outbox: [item("pending")] }), "Sending takes longer than usual. 1 message waits.");
  const slowed = [item("held", "rate_limited"), item("pending")];
  assert.equal(words({ line: "live", outbox: slowed }), "The server asks to slow down. 2 messages wait.");
});
