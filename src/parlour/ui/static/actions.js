// What can be done with a message: one table, from which the bar on hover, the sheet on touch and the keys come.

import { eventPath, settingsPath } from "./api.js";
import { copyText } from "./copy.js";
import { deleteMessage } from "./delete.js";

/**
 * The rows, in their order: {name, words, mark, isDangerous, isFor(event, reader), run(event, page)}.
 *
 * `words` are on the button, `mark` is one of pages/marks.html; what is dangerous is red and comes last. `isFor` says
 * whether the action is there for a message of state.js and a reader {mine, account, role, isAdmin, moderates, mayWrite,
 * hasInbox}. `page` is {room, reply(event), show(event), say(words), lastOf(id), unreadFrom(event)}: it quotes a message in
 * the composer, shows the card of its author beside its row, says one sentence to everybody who looks or listens, knows the
 * seq of what somebody has said last, or null, and has a message and all after it unread.
 */
export const ACTIONS = [
  { name: "reply", words: "Reply", mark: "reply", isFor: (event, { mayWrite }) => mayWrite, run: (event, page) => page.reply(event) },
  {
    name: "copy", words: "Copy text", mark: "copy", isFor: () => true,
    run: (event, page) => copy(event.text, page),
  },
  {
    name: "link", words: "Copy link", mark: "link", isFor: () => true,
    run: ({ room, seq }, page) => copy(new URL(eventPath(room, seq), window.location.href).href, page),
  },
  { name: "person", words: "Who is this?", mark: "person", isFor: ({ by }) => by.kind !== "system", run: (event, page) => page.show(event) },
  {
    name: "unread", words: "Mark unread from here", mark: "unread", isFor: (event, { hasInbox }) => hasInbox,
    run: (event, page) => page.unreadFrom(event),
  },
  {
    name: "report", words: "Report…", mark: "flag",
    isFor: ({ by }, { mine, account }) => by.kind !== "system" && !mine.includes(by.id) && by.id !== account,
    run: ({ room, seq }) => window.location.assign(`${eventPath(room, seq)}/report`),
  },
  {
    name: "restrict", words: "Mute or ban…", mark: "mute", isDangerous: true,
    isFor: ({ by }, { mine, account, moderates }) => moderates && by.kind !== "system" && !mine.includes(by.id) && by.id !== account,
    run: ({ room, seq }) => window.location.assign(`${settingsPath(room)}?whom=${seq}#order`),
  },
  {
    name: "delete", words: "Delete", mark: "trash", isDangerous: true,
    isFor: ({ by }, { mine, account, moderates }) => mine.includes(by.id) || by.id === account || moderates,
    run: ({ room, seq }) => deleteMessage(room, seq),
  },
];

async function copy(text, page) {
  page.say((await copyText(text)) ? "Copied." : "This browser does not let the page copy.");
}

/** The actions for a message and a reader. */
export function actionsFor(event, reader) {
  const rows = ACTIONS.filter(({ isFor }) => isFor(event, reader));
  return [...rows.filter(({ isDangerous }) => !isDangerous), ...rows.filter(({ isDangerous }) => isDangerous)];
}
