// A page of the past: its times are the reader's, and what is written in it is sent from the live page.

import { roomPath } from "./api.js";
import { haveAtHand } from "./at_hand.js";
import { Composer } from "./composer.js";
import { leaveBehind, newKey } from "./keep.js";
import { listenToKeys } from "./keys.js";
import { askBeforeLeaving } from "./leave.js";
import { lasting } from "./memory.js";
import * as shapes from "./shapes.js";
import { Name } from "./name.js";
import { View } from "./view.js";
import { findPlace, keepPlace } from "./way.js";

const MINUTE_MS = 60_000;

/** Show a page that does not follow the room. */
export function showPast() {
  const view = new View();
  const { room, limit } = document.body.dataset;
  const state = view.read({ mine: lasting.get("mine", shapes.ids) });
  view.render(state);
  view.leave();
  findPlace();
  keepPlace(room, view);
  setInterval(() => view.renderDays(), MINUTE_MS);

  const form = document.getElementById("composer");
  const text = form?.elements.namedItem("message");
  const composer = form && new Composer(form, room, Number(limit), new Name(room, form, () => {}), {
    onSend: (message) => {
      const item = { ...message, key: newKey(), at: Date.now(), status: "pending" };
      if (leaveBehind(room, item)) {
        window.location.assign(roomPath(room));
      } else { // then as a browser without scripts does
        text.value = message.text;
        askBeforeLeaving(false);
        form.submit();
      }
    },
    onDraft: () => askBeforeLeaving(composer?.isUnkept ?? false),
  });
  haveAtHand(view, room, () => state, (lines) => composer?.quote(lines));
  listenToKeys({ text: () => text, scroller: document.getElementById("scroller"), toEnd: () => view.toEnd() });
}
