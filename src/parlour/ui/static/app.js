// Brings the page to life: one state, what changes it, and what a change sets in motion.

import { aboutOf } from "./about.js";
import { describe, history, signInPath } from "./api.js";
import { Composer } from "./composer.js";
import { Connection } from "./connection.js";
import { deleteMessage } from "./delete.js";
import { renderHeading } from "./heading.js";
import { Keep, newKey } from "./keep.js";
import { listenToKeys } from "./keys.js";
import { askBeforeLeaving } from "./leave.js";
import { Live } from "./live.js";
import { lasting, passing } from "./memory.js";
import { makePopover } from "./panel.js";
import { showPast } from "./past.js";
import { RoomList } from "./rooms.js";
import { Sender } from "./sender.js";
import * as shapes from "./shapes.js";
import { actionOf, hasOlder, reduce, waitingIn } from "./state.js";
import { Strip } from "./strip.js";
import { correctAddresses, offerCopying } from "./terminal.js";
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
  let isLoading = false;

  const dispatch = (action) => {
    const old = state;
    state = reduce(state, action);
    if (state === old) return;
    if (state.outbox !== old.outbox) keep.save(state.outbox);
    if (state.refusedName !== old.refusedName) composer?.renderName(state.refusedName);
    if (state.mine !== old.mine) lasting.set("mine", state.mine);
    if (state.messages !== old.messages) hear();
    if (state.about !== old.about) showAbout();
    if (state.about !== old.about || state.trouble !== old.trouble) writing.render(state);
    if (state.line !== old.line || state.trouble !== old.trouble) connection.render(state.line, state.trouble);
    showWaiting();
    if (state.gap && !old.gap) live.reconnect();
    if (state.reset && !old.reset) startOver();
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
      const action = actionOf(item);
      if (action) dispatch(action);
    },
    onLine: (line, trouble, why) => {
      const isSignedOut = trouble === "login_required" && account !== undefined;
      dispatch({ type: "line", line, trouble: isSignedOut ? "signed_out" : trouble, why });
    },
  });
  const sender = new Sender({ live, dispatch });
  const connection = new Connection();
  const keep = new Keep({
    room,
    onFound: (items) => dispatch({ type: "found", items }),
    onTaken: () => dispatch({ type: "taken" }),
  });
  const hasAccounts = document.querySelector(".you") !== null;
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

  /** The log cannot be continued: show its newest page, and follow from there. */
  const startOver = async () => {
    try {
      dispatch({ type: "history", ...(await history(room)) });
      dispatch({ type: "about", about: aboutOf(state.about, await describe(room)) });
    } catch {
      // The next connection will say reset again.
    }
    live.reconnect();
  };

  const loadOlder = async () => {
    if (isLoading || !hasOlder(state)) return;
    isLoading = true;
    try {
      const page = await history(room, state.messages[0].seq);
      if (page.epoch === state.epoch) dispatch({ type: "older", ...page });
    } catch {
      // The reader can ask again.
    }
    isLoading = false;
  };

  const lookAround = () => {
    dispatch({ type: "attention", attentive: isLookedAt() && view.isAtEnd });
    view.renderPlace();
    if (view.isNearStart && !view.isAtEnd) loadOlder();
  };

  let composer = null;
  const compose = (form) => new Composer(form, room, Number(limit), {
    onSend: ({ text, name }) => {
      dispatch({ type: "rename", name });
      dispatch({ type: "compose", key: newKey(), text, name, at: Date.now() });
      view.render(state);
      view.toEnd();
    },
    onName: (name) => dispatch({ type: "rename", name }),
    onDraft: () => showWaiting(),
  });
  const writing = new Writing((form) => {
    composer = compose(form);
  });

  hear();
  view.render(state);
  view.announce();
  view.listen({
    onPlace: lookAround,
    onOlder: loadOlder,
    onDelete: (form, seq) => deleteMessage(form, room, seq),
    onAct: (act, key) => {
      if (act === "edit") composer.takeBack(state.outbox.find((item) => item.key === key).text);
      dispatch(act === "retry" ? { type: "retry", key, name: composer.name } : { type: "discard", key });
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
  setInterval(() => view.renderDays(), MINUTE_MS);
  findPlace();
  keepPlace(room, view);
  lookAround();
  composer?.focus();
  keep.start();
  live.start();
}

/** A window in sight is not looked at while somebody works in another one. */
function isLookedAt() {
  return document.visibilityState === "visible" && document.hasFocus();
}

document.documentElement.classList.add("scripted");
makePopover();
const roomList = new RoomList();
roomList.start();
correctAddresses();
offerCopying();
if (document.body.dataset.live === "yes") goLive();
else showPast();
