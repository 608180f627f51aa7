// What can be done about a person, on their card: one table.

import { accountPath, personPath, restrictPerson, roomPath } from "./api.js";

const isAccount = (kind) => kind === "member" || kind === "bot";

const isOther = ({ id, kind }, { account, mine, moderates }) => moderates && kind !== "system" && id !== account && !mine.includes(id);

/** Mute or ban somebody: an account by its name, a guest by what they have said last. */
const restrict = (what, minutes, done) => async (person, page) => {
  const said = page.lastOf(person.id);
  const whom = person.account ? { name: person.account } : said === null ? null : { seq: said };
  if (whom === null) {
    page.say("This can be done once they have written something.");
    return;
  }
  if (what === "ban" && !window.confirm(`Ban ${person.name} from this room?`)) return;
  const refused = await restrictPerson(page.room, { ...whom, what, minutes });
  page.say(refused ?? `${person.name} ${done}.`);
};

/**
 * The rows, in their order: {name, words, mark, isDangerous, isFor(person, reader), and run(person, page) or href(person)}.
 *
 * A person is {id, name, kind, hue}, as the author of an event, with `account`, the name of their account, once that is
 * known; reader and page are those of actions.js.
 */
export const PERSON_ACTIONS = [
  {
    name: "account", words: "Your account", mark: "person",
    isFor: ({ id }, { account }) => id === account, href: () => accountPath(),
  },
  {
    name: "card", words: "Profile", mark: "person",
    isFor: ({ id, kind }, { account }) => account !== undefined && id !== account && isAccount(kind), href: ({ id }) => personPath(id),
  },
  {
    name: "message", words: "Message", mark: "message",
    isFor: ({ id, kind }, { account }) => account !== undefined && id !== account && isAccount(kind), href: ({ id }) => roomPath(`@${id}`),
  },
  { name: "mute", words: "Mute for 10 minutes", mark: "mute", isFor: isOther, run: restrict("mute", 10, "cannot write here for 10 minutes") },
  { name: "muteDay", words: "Mute for a day", mark: "mute", isFor: isOther, run: restrict("mute", 1440, "cannot write here for a day") },
  { name: "ban", words: "Ban from this room…", mark: "out", isDangerous: true, isFor: isOther, run: restrict("ban", null, "is banned from this room") },
];
