// The reducer, over the timelines that every implementation of the client shares.

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { actionOf, begin, hasOlder, reduce } from "../../../src/parlour/ui/static/state.js";
import { KEEP, weight } from "../../../src/parlour/ui/static/trim.js";

const FIXTURES = new URL("../../fixtures/timelines/", import.meta.url);

const shown = {
  seqs: (state) => state.messages.map((event) => event.seq),
  outbox: (state) => state.outbox.map((item) => [item.key, item.status]),
  names: (state) => state.outbox.map((item) => item.name),
  waits: (state) => state.outbox.map((item) => item.waitMs),
  hasOlder,
};

function step(state, { item, action }) {
  const next = action ?? actionOf(item);
  return next === null ? state : reduce(freeze(state), next);
}

function freeze(value) {
  if (value && typeof value === "object" && !Object.isFrozen(value)) Object.values(Object.freeze(value)).forEach(freeze);
  return value;
}

for (const file of readdirSync(FIXTURES).sort()) {
  for (const { about, begin: start, steps, expect } of JSON.parse(readFileSync(new URL(file, FIXTURES)))) {
    test(`${file}: ${about}`, () => {
      const state = steps.reduce(step, begin(start));
      for (const [name, value] of Object.entries(expect)) {
        assert.deepEqual(shown[name] ? shown[name](state) : state[name], value, name);
      }
    });
  }
}

test("any order, loss and repetition of frames: what is shown has no hole, no repeat and no lie", () => {
  const log = Array.from({ length: 40 }, (_, index) => ({
    room: "lobby", seq: index + 1, type: "message", at: "2026-11-22T06:41:00.000Z",
    by: { id: "g_b", name: "bob", kind: "guest" }, text: `text ${index + 1}`,
  }));
  let seed = 7;
  const random = (below) => (seed = (seed * 48271) % 2147483647) % below;
  for (let round = 0; round < 200; round += 1) {
    let state = begin({ room: "lobby", epoch: "k3f9", firstSeq: 1, lastSeq: 0 });
    while (state.lastSeq < log.length) {
      state = reduce(state, { type: "line", line: "connecting" });
      // A connection: events from the cursor on, any of them lost or repeated, broken off somewhere.
      for (const event of log.slice(state.lastSeq)) {
        const times = random(12) === 0 ? 0 : 1 + (random(9) === 0);
        for (let time = 0; time < times; time += 1) state = reduce(state, { type: "event", event });
        if (state.gap || random(15) === 0) break;
      }
      assert.deepEqual(state.messages, log.slice(0, state.lastSeq));
    }
  }
});

test("a change of who may use the room is shown as a notice, in any way it comes", () => {
  const by = { id: "system", name: "system", kind: "system" };
  const closed = { room: "lobby", seq: 2, type: "settings", at: "2026-11-22T06:41:23.123Z", by, access: "members" };
  const state = begin({ room: "lobby", epoch: "e", firstSeq: 1, lastSeq: 1 });
  const live = reduce(state, actionOf(closed));
  const history = reduce(state, { type: "history", epoch: "e", firstSeq: 1, headSeq: 2, events: [closed] });
  for (const { messages, lastSeq } of [live, history]) {
    assert.deepEqual([lastSeq, messages.map(({ text }) => text)], [2, ["closed this room to guests"]]);
  }
  assert.equal(actionOf({ type: "closed", room: "lobby", code: "login_required", detail: "…" }), null);
});

test("a page that is open for days keeps a bounded number of messages", () => {
  let state = begin({ room: "lobby", epoch: "k3f9", firstSeq: 1, lastSeq: 0 });
  for (let seq = 1; seq <= 4 * KEEP; seq += 1) {
    state = reduce(state, { type: "event", event: { seq, type: "message", text: "", by: { id: "g_b" } } });
    assert.ok(state.messages.length <= 1.5 * KEEP);
  }
  assert.equal(state.messages.at(-1).seq, 4 * KEEP);
  assert.ok(hasOlder(state));
});

test("long messages count for more than short ones in what is kept", () => {
  let state = begin({ room: "lobby", epoch: "k3f9", firstSeq: 1, lastSeq: 0 });
  const say = (text) => {
    const event = { seq: state.lastSeq + 1, type: "message", text, by: { id: "g_b" } };
    state = reduce(state, { type: "event", event });
    assert.ok(state.messages.reduce((sum, message) => sum + weight(message), 0) <= 1.5 * KEEP);
    assert.equal(state.messages.at(-1), event);
  };
  for (let count = 0; count < 380; count += 1) say("\u200b".repeat(5461));
  assert.ok(state.messages.length < 150);
  for (let count = 0; count < 100; count += 1) say("x".repeat(16384));
  assert.ok(state.messages.length < 50);
  for (let count = 0; count < 2 * KEEP; count += 1) say("short");
  assert.ok(state.messages.length >= KEEP);
  assert.ok(hasOlder(state));
});

test("a message that was deleted is shown no more, and the notice of it counts as nothing new to read", () => {
  const said = [1, 2].map((seq) => ({
    room: "lobby", seq, type: "message", at: "2026-11-22T06:41:00.000Z", by: { id: "g_ann", name: "ann", kind: "guest" }, text: "t",
  }));
  const state = begin({ room: "lobby", epoch: "k3f9", firstSeq: 1, lastSeq: 2, messages: said });
  const event = { ...said[0], seq: 3, type: "redaction", ref: 1, text: undefined };
  const { messages, unread } = reduce(freeze({ ...state, attentive: false }), { type: "event", event });
  assert.deepEqual(messages.map(({ seq, text }) => [seq, text]), [[2, "t"], [3, "deleted a message"]]);
  assert.equal(unread, 0);
});

test("what a deleted account has said is by nobody, or gone", () => {
  const by = (name) => ({ id: `u_${name}`, name, kind: "member", hue: 3 });
  const said = ["ann", "bob", "ann"].map((name, index) => ({
    room: "lobby", seq: index + 1, type: "message", at: "2026-11-22T06:41:00.000Z", by: by(name), text: "t",
  }));
  const event = { room: "lobby", seq: 4, type: "deleted", at: said[0].at, by: { id: "system", name: "system", kind: "system" }, account: "u_ann" };
  const state = begin({ room: "lobby", epoch: "k3f9", firstSeq: 1, lastSeq: 3, messages: said });
  const kept = reduce(freeze(state), { type: "event", event: { ...event, messages: "keep" } });
  assert.deepEqual(kept.messages.map((message) => message.by.name), ["deleted account", "bob", "deleted account"]);
  assert.equal(kept.messages[0].by.hue, undefined);
  const removed = reduce(freeze(state), { type: "event", event: { ...event, messages: "remove" } });
  assert.deepEqual(removed.messages.map((message) => message.seq), [2]);
  assert.equal(removed.lastSeq, 4);
});
