// Which transport comes next, over everything that can become of the ones before.

import assert from "node:assert/strict";
import { test } from "node:test";
import { begin, failed, patience, rest, restart, TRANSPORTS, worked } from "../../../src/parlour/ui/static/choice.js";

const MUTE = { heard: false, isRefused: false };
const REFUSED = { heard: false, isRefused: true };
const BROKEN = { heard: true, isRefused: false };

/** The transports tried from `choice` on, where only `passing` pass; `away` if the server is away altogether. */
function round(choice, passing, away = false) {
  const tried = [];
  for (;;) {
    tried.push(choice.next);
    if (passing.includes(choice.next) && !away) return { choice: worked(choice), tried };
    choice = failed(choice, away && choice.next !== "socket" ? REFUSED : MUTE);
    if (!choice.atOnce) return { choice, tried };
  }
}

test("the first that passes is found in one round", () => {
  assert.deepEqual(round(begin(""), TRANSPORTS).tried, ["socket"]);
  assert.deepEqual(round(begin(""), ["stream", "poll"]).tried, ["socket", "stream"]);
  assert.deepEqual(round(begin(""), ["poll"]).tried, ["socket", "stream", "poll"]);
  assert.deepEqual(round(begin(""), []).tried, ["socket", "stream", "poll"]);
});

test("without a WebSocket the line is there within three seconds, and one that is known has more time", () => {
  assert.ok(patience(begin("")) < 3000);
  const known = worked(begin(""));
  assert.ok(patience(known) > 3 * patience(begin("")));
});

test("what has passed begins the next rounds, and those of the next page of the visit", () => {
  for (const passing of [["stream", "poll"], ["poll"]]) {
    const { choice } = round(begin(""), passing);
    assert.equal(choice.first, passing[0]);
    assert.deepEqual(round(failed(choice, BROKEN), passing).tried, [passing[0]]);
    assert.deepEqual(round(begin(choice.first), passing).tried, [passing[0]]);
  }
});

test("on another network the WebSocket that had passed is left, and tried again on every new line", () => {
  const home = worked(begin(""));
  const { choice, tried } = round(failed(home, BROKEN), ["stream"]);
  assert.deepEqual(tried, ["socket", "stream"]);
  assert.equal(choice.first, "socket");
  assert.deepEqual(round(failed(choice, BROKEN), TRANSPORTS).tried, ["socket"]);
});

test("a server that is away is asked twice a round, and what passed before is not forgotten", () => {
  for (const first of TRANSPORTS) {
    const { choice, tried } = round(begin(first), TRANSPORTS, true);
    assert.deepEqual(tried, first === "socket" ? ["socket", "stream"] : [first]);
    assert.equal(choice.next, first);
    assert.equal(choice.first, first);
  }
});

test("a transport that nobody knows is not remembered", () => {
  assert.equal(begin("telegraph").first, "socket");
  assert.equal(begin(["stream"]).first, "socket");
});

test("a stream that nobody looks at gives way to polls, and comes back", () => {
  const { choice } = round(begin(""), ["stream", "poll"]);
  const resting = worked(rest(choice));
  assert.equal(resting.next, "poll");
  assert.equal(restart(resting).next, "stream");
  assert.equal(rest(worked(begin(""))), null);
  assert.equal(rest(resting), null);
});
