// The card of a person: who it is, and what can be done about them.

import { profileOf } from "./api.js";
import { element } from "./message.js";
import { PERSON_ACTIONS } from "./person_actions.js";
import { hue, initial } from "./rows.js";

const KINDS = { guest: "Guest", member: "Member", bot: "Bot", system: "The server" };

/** The circle of a person. */
export const avatarNode = ({ id, name, hue: chosen }) => element("span", {
  class: `avatar hue-${hue(id, chosen)}`, "aria-hidden": "true", "data-initial": initial(name),
});

/** Open the card of a person {id, name, kind, hue} beside the node `at`. What they say about themselves comes a moment later. */
export async function showPerson(menu, person, reader, page, { at, from }) {
  const open = (known, profile) => menu.open(known.name, headOf(known, profile, reader), rowsOf(known, reader, page), { at, from });
  const opened = open(person, null);
  if (person.kind === "guest" || reader.account === undefined) return;
  const profile = await profileOf(person.name);
  if (profile?.id === person.id && menu.isOpenAs(opened)) open({ ...person, account: profile.name }, profile);
}

function headOf(person, profile, { mine, account }) {
  const isSelf = mine.includes(person.id) || person.id === account;
  const lines = [isSelf ? "You" : KINDS[person.kind] ?? person.kind, profile?.status, profile?.time_zone && localTime(profile.time_zone)];
  return element("div", { class: "person" }, avatarNode(person), element("p", {}, element("b", {}, element("bdi", {}, person.name)),
    ...lines.filter(Boolean).map((line) => element("small", { dir: "auto" }, line))));
}

const rowsOf = (person, reader, page) => PERSON_ACTIONS.filter(({ isFor }) => isFor(person, reader)).map((row) => ({
  ...row, run: row.run && (() => row.run(person, page)), href: row.href?.(person),
}));

function localTime(timeZone) {
  try {
    return `${new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", timeZone }).format(new Date())} local time`;
  } catch {
    return null; // a zone that this browser does not know
  }
}
