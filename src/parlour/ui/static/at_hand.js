// What can be done with the messages of a page and with who wrote them; the live page and that of the past have it.

import { readerOf } from "./about.js";
import { ActionBar } from "./action_bar.js";
import { markRead } from "./api.js";
import { Menu } from "./menu.js";
import { element } from "./message.js";
import { showPerson } from "./people.js";
import { quoteOf } from "./quote.js";

const SHOWN_MS = 2500;

/**
 * Have it at hand for a view: `state()` is that of state.js now, `quote(lines)` begins a reply.
 * Gives what the rows of the tables get as `page`, with `showPerson(person, node)`, and calls its `onUnread(seq)`, if there is one.
 */
export function haveAtHand(view, room, state, quote) {
  const menu = new Menu();
  const reader = () => readerOf(state());
  const page = {
    room, say,
    lastOf: (id) => state().messages.findLast(({ by, type }) => by.id === id && type === "message")?.seq ?? null,
    reply: (event) => quote(quoteOf(event, selectedIn(event.seq))),
    show: (event) => {
      const row = document.getElementById(`m${event.seq}`);
      page.showPerson(event.by, row.querySelector(".name"), row);
    },
    unreadFrom: async ({ seq }) => {
      if (await markRead(room, { unread_from: seq })) {
        page.onUnread?.(seq);
        say("Unread from here.");
      } else {
        say("The server did not take that. Try again.");
      }
    },
    showPerson: (person, at, from = at) => showPerson(menu, person, reader(), page, { at, from }),
  };
  view.list.addEventListener("click", ({ target }) => {
    const place = target.closest(".message .name, .message .avatar");
    const event = place && view.eventOf(place.closest("li"));
    if (event) page.showPerson(event.by, place, place.closest("li"));
  });
  new ActionBar(view.list, menu, { eventOf: (node) => view.eventOf(node), reader, page });
  return page;
}

/** What is selected of a message, to be quoted alone. */
function selectedIn(seq) {
  const selection = window.getSelection();
  const text = document.querySelector(`#m${seq} .text`);
  const isInside = selection.rangeCount > 0 && text?.contains(selection.anchorNode) && text.contains(selection.focusNode);
  return isInside ? selection.toString() : "";
}

/** One sentence that is read by everybody, and goes away. */
function say(words) {
  document.getElementById("said").textContent = words;
  document.querySelector(".toast")?.remove();
  const toast = element("p", { class: "toast", "aria-hidden": "true" }, words);
  document.querySelector(".foot").prepend(toast);
  setTimeout(() => toast.remove(), SHOWN_MS);
}
