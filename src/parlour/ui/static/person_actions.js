// What can be done about a person, on their card: one table.

import { accountPath, personPath, roomPath } from "./api.js";

const isAccount = (kind) => kind === "member" || kind === "bot";

/**
 * The rows, in their order: {name, words, mark, isDangerous, isFor(person, reader), and run(person, page) or href(person)}.
 *
 * A person is {id, name, kind, hue}, as the author of an event, with `account`, the name of their account, once that is known; reader and page are those of actions.js.
 */
export const PERSON_ACTIONS = [
  {
    name: "account", words: "Your account", mark: "person",
    isFor: ({ id }, { account }) => id === account, href: () => accountPath(),
  },
  {
    name: "card", words: "Who is this?", mark: "person",
    isFor: ({ id, kind }, { account }) => account !== undefined && id !== account && isAccount(kind), href: ({ id }) => personPath(id),
  },
  {
    name: "message", words: "Message", mark: "message",
    isFor: ({ id, kind }, { account }) => account !== undefined && id !== account && isAccount(kind), href: ({ id }) => roomPath(`@${id}`),
  },
];
