// What a room is, as its events change it: its name and topic, who may write, and what the reader is in it.

import { clockTime } from "./times.js";

/** Before anything is known: {title, topic, access, archived, readOnly, history, members, role, isAdmin, isKeeper, isWriter, whyNot, mutedUntil}; a keeper has the role moderator on the server, or a greater one. */
export const NOTHING = {
  title: "", topic: "", access: "open", archived: false, readOnly: false, history: "all", members: 0, role: null, isAdmin: false, isKeeper: false,
  isWriter: true, whyNot: "", mutedUntil: 0, // milliseconds since 1970
};

/** What a room is from an event on; `account` is the id of the reader, undefined for a guest; `mine` are those they wrote as. */
export function aboutAfter(about, event, account, mine = []) {
  if (event.type === "settings") {
    const { title, topic, access, archived, read_only: readOnly, history } = event;
    const changed = Object.entries({ title, topic, access, archived, readOnly, history }).filter(([, value]) => value != null);
    return changed.length ? { ...about, ...Object.fromEntries(changed) } : about;
  }
  if (event.type === "member") {
    const step = { joined: 1, added: 1, left: -1, removed: -1 }[event.what] ?? 0;
    const role = event.account === account ? event.role ?? null : about.role;
    return { ...about, members: Math.max(0, about.members + step), role };
  }
  if (event.type === "restriction" && (event.whom === account || mine.includes(event.whom))) {
    if (event.what === "muted") return { ...about, mutedUntil: event.until_ms ?? Infinity };
    if (event.what === "lifted") return { ...about, mutedUntil: 0, isWriter: true, whyNot: "" };
  }
  return about;
}

/** The same of what the API says of a room; what that does not say of the reader stays. */
export function aboutOf(about, info) {
  const { title = "", topic = "", access, archived = false, read_only: readOnly = false, history = "all", members = 0, role = null } = info;
  return { ...about, title, topic, access, archived, readOnly, history, members, role };
}

/** Whether a trouble of the line is that the reader is out of the room: the server says why. */
export const isOut = (trouble) => ["not_found", "removed", "link_gone", "banned"].includes(trouble);

/** Who looks, as the tables of actions have it (actions.js). */
export function readerOf({ mine, account, about, trouble }) {
  const { role, isAdmin, isKeeper } = about;
  const isAbove = isAdmin || (isKeeper && about.access !== "private");
  const moderates = about.access !== "direct" && (isAbove || role === "moderator" || role === "owner");
  const hasInbox = document.body.dataset.inbox === "yes";
  return { mine, account, role, isAdmin, moderates, hasInbox, mayWrite: mayWrite(about) && !isOut(trouble) };
}

/** Whether the reader was muted while the page was open: what came with it knows nothing of that. */
const isMuted = ({ mutedUntil = 0 }) => mutedUntil > Date.now();

/** Whether the reader may write in the room. */
export function mayWrite(about) {
  const isTaken = !about.archived && (!about.readOnly || about.isAdmin || ["moderator", "owner"].includes(about.role));
  return about.isWriter && isTaken && !isMuted(about);
}

/** Why not, as core/permissions.py says it. */
export function whyNot(about) {
  if (!about.isWriter) return about.whyNot || "You can read this room, but only members may write in it.";
  if (isMuted(about)) {
    const until = about.mutedUntil === Infinity ? "a moderator lifts this" : clockTime(about.mutedUntil);
    return `You can read this room, and not write in it until ${until}.`;
  }
  return about.archived
    ? "This room is archived: it can be read, and nothing is added to it."
    : "Only the moderators of this room write in it.";
}
