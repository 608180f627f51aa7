// The card of a person: who it is, and what can be done about them.

import { element } from "./message.js";
import { PERSON_ACTIONS } from "./person_actions.js";
import { hue, initial } from "./rows.js";

const KINDS = { guest: "Guest", member: "Member", bot: "Bot", system: "The server" };

/** The circle of a person. */
export const avatarNode = ({ id, name, hue: chosen }) => element("span", {
  class: `avatar hue-${hue(id, chosen)}`, "aria-hidden": "true", "data-initial": initial(name),
});

/** Open the card of a person {id, name, kind, hue} beside the node `at`. */
export function showPerson(menu, person, reader, page, { at, from }) {
  const isSelf = reader.mine.includes(person.id) || person.id === reader.account;
  const head = element("div", { class: "person" }, avatarNode(person), element("p", {},
    element("b", {}, element("bdi", {}, person.name)), element("small", {}, isSelf ? "You" : KINDS[person.kind] ?? person.kind)));
  const rows = PERSON_ACTIONS.filter(({ isFor }) => isFor(person, reader)).map((row) => ({
    ...row, run: row.run && (() => row.run(person, page)), href: row.href?.(person),
  }));
  menu.open(person.name, head, rows, { at, from });
}
