// What a room is by its events, who may write in it, and what the timeline shows of them.

import assert from "node:assert/strict";
import { test } from "node:test";
import { NOTHING, aboutAfter, aboutOf, mayWrite, whyNot } from "../../../src/parlour/ui/static/about.js";
import { rows } from "../../../src/parlour/ui/static/rows.js";
import { actionOf, begin, reduce } from "../../../src/parlour/ui/static/state.js";

const ada = { id: "u_a", name: "ada", kind: "member" };
const after = (about, ...events) => events.reduce((known, event) => aboutAfter(known, event, "u_b"), about);
const member = (what, account, role) => ({ type: "member", what, account, name: "Somebody", ...(role ? { role } : {}) });

test("settings change what they name and leave the rest", () => {
  const about = after(NOTHING, { type: "settings", title: "Leads", read_only: true }, { type: "settings", title: "", archived: true });
  assert.deepEqual([about.title, about.topic, about.archived, about.readOnly], ["", "", true, true]);
  assert.equal(after(about, { type: "message", text: "x" }), about);
});

test("members are counted, and the reader learns of a role of their own", () => {
  const about = after(NOTHING, member("joined", "u_a", "owner"), member("added", "u_b", "member"), member("role", "u_b", "moderator"));
  assert.deepEqual([about.members, about.role], [2, "moderator"]);
  const gone = after(about, member("removed", "u_b"), member("left", "u_a"));
  assert.deepEqual([gone.members, gone.role], [0, null]);
});

test("who may write follows from the room and from the role", () => {
  const may = (values) => mayWrite({ ...NOTHING, ...values });
  assert.ok(may({}));
  assert.ok(!may({ archived: true, role: "owner", isAdmin: true }));
  assert.ok(!may({ readOnly: true, role: "member" }));
  for (const values of [{ role: "moderator" }, { role: "owner" }, { isAdmin: true }]) assert.ok(may({ readOnly: true, ...values }));
  assert.ok(!may({ isWriter: false }));
  assert.match(whyNot({ ...NOTHING, archived: true }), /archived/);
  assert.match(whyNot({ ...NOTHING, readOnly: true }), /moderators/);
});

test("who is muted does not write until that is over or lifted", () => {
  const restriction = (what, whom, until) => ({ type: "restriction", what, whom, name: "Bob", ...(until ? { until_ms: until } : {}) });
  const muted = (...events) => after(NOTHING, ...events);
  const later = Date.now() + 3_600_000;
  for (const about of [muted(restriction("muted", "u_b")), muted(restriction("muted", "u_b", later))]) {
    assert.ok(!mayWrite(about));
    assert.match(whyNot(about), /not write in it until/);
    assert.ok(mayWrite(aboutAfter(about, restriction("lifted", "u_b"), "u_b")));
  }
  assert.ok(mayWrite(muted(restriction("muted", "u_b", Date.now() - 1))));
  assert.ok(mayWrite(muted(restriction("muted", "u_a"))), "somebody else");
  const { mutedUntil: _, ...asItCame } = NOTHING;
  assert.ok(mayWrite(asItCame), "the page says nothing of it");
  assert.ok(!mayWrite(aboutAfter(NOTHING, restriction("muted", "g_b"), undefined, ["g_a", "g_b"])), "a guest");
});

test("what the API says takes the place of what was known, but for who the reader is", () => {
  const about = aboutOf({ ...NOTHING, title: "Old", isAdmin: true }, { access: "private", members: 3, role: "member" });
  assert.deepEqual([about.title, about.access, about.members, about.role, about.isAdmin], ["", "private", 3, "member", true]);
});

test("an event that changes the room is a notice between the messages, and none that is new to a reader", () => {
  const event = (seq, values) => ({ room: "lobby", seq, at: "2026-11-22T06:41:00.000Z", by: ada, ...values });
  const events = [
    event(1, { type: "message", text: "one" }), event(2, { type: "settings", title: "Leads" }), event(3, { type: "message", text: "two" }),
    event(4, { type: "redacted" }),
  ];
  const start = { ...begin({ room: "lobby", epoch: "k3f9", firstSeq: 1, lastSeq: 0, account: "u_b" }), attentive: false };
  const state = events.reduce((known, item) => reduce(known, actionOf(item)), start);
  assert.deepEqual(state.messages.map(({ seq, type, text }) => [seq, type, text]),
    [[1, "message", "one"], [2, "notice", "named this room “Leads”"], [3, "message", "two"]]);
  assert.deepEqual([state.unread, state.about.title, state.lastSeq], [2, "Leads", 4]);
  const shown = rows(state.messages, null, (date) => date.toISOString().slice(0, 10));
  assert.deepEqual(shown.map(({ kind, continues }) => [kind, continues ?? false]),
    [["day", false], ["message", false], ["notice", false], ["message", false]]);
});
