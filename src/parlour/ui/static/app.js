// Brings the page to life: one state, what changes it, and what a change sets in motion.

import { signInPath } from "./api.js";
import { haveAtHand } from "./at_hand.js";
import { Composer } from "./composer.js";
import { offerToken } from "./connect.js";
import { Connection } from "./connection.js";
import { renderHeading } from "./heading.js";
import { Keep, newKey } from "./keep.js";
import { History } from "./history.js";
import { isLookedAt, openInbox } from "./inbox.js";
import { listenToKeys } from "./keys.js";
import { askBeforeLeaving } from "./leave.js";
import { Live } from "./live.js";
import { lasting, passing } from "./memory.js";
import { Name } from "./name.js";
import { showPast } from "./past.js";
import { RoomList } from "./rooms.js";
import { waitingIn } from "./outbox.js";
import { Presence } from "./presence.js";
import { Sender } from "./sender.js";
import * as shapes from "./shapes.js";
import { makeSheets } from "./sheets.js";
import { actionOf, reduce } from "./state.js";
import { Strip } from "./strip.js";
import { correctAddresses, offerCopying } from "./terminal.js";
import { Typing } from "./typing.js";
import { View } from "./view.js";
import { findPlace, keepPlace } from "./way.js";
import { Writing } from "./writing.js";

const MINUTE_MS = 60_000;
const RENDER_HIDDEN_MS = 200; // a tab in the background gets no animation frames, but its title must count

/** A page of the present: follows the room. */
function goLive() {
  const view = new View();
  const { room, limit, account } = document.body.dataset;
  let state = view.read({ mine: lasting.get("mine", shapes.ids) });
  let isRenderDue = false;

  const dispatch = (action) => {
    const old = state;
    state = reduce(state, action);
    if (state === old) return;
    if (state.outbox !== old.outbox) keep.save(state.outbox);
    if (state.refusedName !== old.refusedName) name.render(state.refusedName);
    if (state.mine !== old.mine) lasting.set("mine", state.mine);
    if (state.messages !== old.messages) hear();
    if (state.about !== old.about) showAbout();
    if (state.about !== old.about || state.trouble !== old.trouble) writing.render(state);
    if (state.line !== old.line || state.trouble !== old.trouble) connection.render(state.line, state.trouble);
    showWaiting();
    inbox?.looked(state.attentive && state.line === "live", state.lastSeq);
    if (state.gap && !old.gap) live.reconnect();
    if (state.reset && !old.reset) past.startOver().then(() => live.reconnect());
    sender.pump(state);
    renderSoon();
  };

  /** What waits, and whether it would be lost with the tab. */
  const showWaiting = () => {
    strip.render(state, keep.isKept);
    const isUnkept = composer?.isUnkept || (state.outbox.length > 0 && !keep.isKept);
    askBeforeLeaving(isUnkept || waitingIn(state.outbox).length > 0);
  };

  const showAbout = () => {
    renderHeading(room, state.about);
    roomList.renamed(state.about.title);
  };

  const hear = () => {
    const newest = state.messages.at(-1);
    if (newest) roomList.heard(newest.at);
  };

  const live = new Live({
    place: () => ({ room, epoch: state.epoch, lastSeq: state.lastSeq }),
    memory: passing,
    onItem: (item) => {
      if (inbox?.heard(item)) return;
      if (item.type === "typing") typing.heard(item.by);
      if (item.type === "message") typing.done(item.by.id);
      if (item.type === "presence") presence.heard(item);
      if (item.type === "caught_up") queueMicrotask(() => presence.announce());
      const action = actionOf(item);
      if (action) dispatch(action);
    },
    onLine: (line, trouble, why) => {
      const isSignedOut = trouble === "login_required" && account !== undefined;
      dispatch({ type: "line", line, trouble: isSignedOut ? "signed_out" : trouble, why });
    },
  });
  const inbox = openInbox(state.lastSeq, (operation) => live.send(operation), roomList, dispatch);
  const sender = new Sender({ live, dispatch });
  const connection = new Connection();
  const keep = new Keep({
    room,
    onFound: (items) => dispatch({ type: "found", items }),
    onTaken: () => dispatch({ type: "taken" }),
  });
  const hasAccounts = document.querySelector(".side .you") !== null;
  const strip = new Strip(hasAccounts ? signInPath(room) : null, {
    onRetry: () => {
      for (const { key, status } of state.outbox) if (status === "held") dispatch({ type: "retry", key });
      live.retry();
    },
    onDiscard: () => {
      const { length } = waitingIn(state.outbox);
      if (window.confirm(`Discard what has not been sent (${length})?`)) dispatch({ type: "discardAll" });
    },
  });

  const renderSoon = () => {
    if (isRenderDue) return;
    isRenderDue = true;
    const render = () => {
      isRenderDue = false;
      view.render(state);
    };
    if (document.hidden) setTimeout(render, RENDER_HIDDEN_MS);
    else requestAnimationFrame(render);
  };

  const past = new History(room, () => state, dispatch);
  const lookAround = () => {
    dispatch({ type: "attention", attentive: isLookedAt() && view.isAtEnd });
    view.renderPlace();
    if (view.isNearStart && !view.isAtEnd) past.loadOlder();
  };

  const isOwn = (id) => id === account || state.mine.includes(id);
  const tell = (operation) => state.line === "live" && live.send({ ...operation, ...(name.value ? { name: name.value } : {}) });
  const typing = new Typing({ isOwn, send: () => name.isKnown && tell({ op: "typing" }) });
  let composer = null;
  const name = new Name(room, document.getElementById("composer"), (called, id) => {
    dispatch({ type: "rename", name: called });
    if (id !== null) dispatch({ type: "named", id });
    presence.announce();
  });
  const compose = (form) => new Composer(form, room, Number(limit), name, {
    onSend: (message) => {
      dispatch({ type: "rename", name: message.name });
      dispatch({ type: "compose", key: newKey(), ...message, at: Date.now() });
      typing.sent();
      view.render(state);
      view.toEnd();
    },
    onText: (text) => typing.wrote(text),
    onDraft: () => showWaiting(),
  });
  const writing = new Writing((form) => {
    composer = compose(form);
  });

  const page = haveAtHand(view, room, () => state, (lines) => composer?.quote(lines));
  const presence = new Presence(room, { send: (how) => tell({ op: "presence", state: how }), isOwn, onPerson: page.showPerson });
  page.onUnread = (seq) => inbox?.holdBack(seq);

  hear();
  view.render(state);
  writing.render(state);
  view.announce();
  view.listen({
    onPlace: lookAround,
    onOlder: () => past.loadOlder(),
    onAct: (act, key) => {
      if (act === "edit") composer.takeBack(state.outbox.find((item) => item.key === key).text);
      dispatch(act === "retry" ? { type: "retry", key, name: name.value } : { type: "discard", key });
    },
  });
  listenToKeys({
    text: () => document.getElementById("message"),
    scroller: document.getElementById("scroller"),
    toEnd: () => view.toEnd(),
  });
  document.addEventListener("visibilitychange", lookAround);
  for (const name of ["online", "offline"]) window.addEventListener(name, showWaiting);
  for (const change of ["focus", "blur"]) window.addEventListener(change, lookAround);
  setInterval(() => (view.renderDays(), writing.render(state)), MINUTE_MS); // whoever was muted may write again
  findPlace();
  keepPlace(room, view);
  lookAround();
  composer?.focus();
  keep.start();
  live.start();
}

document.documentElement.classList.add("scripted");
makeSheets();
const roomList = new RoomList();
roomList.start();
correctAddresses();
offerCopying();
offerToken(document.body.dataset.room, JSON.parse(document.body.dataset.about).title);
if (document.body.dataset.live === "yes") goLive();
else showPast();
