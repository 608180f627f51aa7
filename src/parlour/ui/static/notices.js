// What people are told of an event that is no message, without the name of who did it; the twin of schema/notices.py.

const ROLES = { member: "a member", moderator: "a moderator", owner: "an owner" };

/** With its first event a room came into being. */
const MADE = {
  open: "made this room", members: "made this room for members", private: "made this private room", direct: "began this conversation",
};

/** The words for the event with which a room came into being; undefined for any other. */
function madeBy({ seq, room, access }) {
  if (seq !== 1) return undefined;
  return room === "@me" ? "began these notes" : MADE[access];
}

function pause(seconds) {
  const [unit, size] = [["hour", 3600], ["minute", 60], ["second", 1]].find(([, each]) => seconds % each === 0);
  return `${seconds / size} ${unit}${seconds === size ? "" : "s"}`;
}

const SETTINGS = {
  access: (access) => ({
    open: "opened this room to guests", members: "closed this room to guests", private: "made this private room",
  })[access],
  title: (title) => (title ? `named this room “${title}”` : "took away the name of this room"),
  topic: (topic) => (topic ? `set the topic “${topic}”` : "took away the topic"),
  archived: (is) => (is ? "archived this room" : "took this room out of the archive"),
  read_only: (is) => (is ? "locked this room: only moderators write in it" : "let everybody write here"),
  history: (history) => ({
    all: "let members read everything from the beginning", joined: "let members read what comes after they joined",
  })[history],
  slow_s: (seconds) => (seconds ? `set slow mode: one message in ${pause(seconds)}` : "switched slow mode off"),
  links: (links) => ({
    all: "let everybody write links", members: "let only people with an account write links",
    nobody: "let only moderators write links",
  })[links],
  words: (words) => (words.length ? "changed the words that are refused here" : "let all words be written here"),
};

const UNITS = [["day", 1440], ["hour", 60], ["minute", 1]];

function restriction({ what, name, at, until_ms: until = null }) {
  if (what === "lifted") return `let ${name} write here again`;
  if (what !== "muted" && what !== "banned") return null;
  if (until === null) return `${what} ${name}`;
  const minutes = Math.max(1, Math.round((until - Date.parse(at)) / 60_000));
  const [unit, size] = UNITS.find(([, each]) => minutes % each === 0);
  const count = minutes / size;
  return `${what} ${name} for ${count} ${unit}${count === 1 ? "" : "s"}`;
}

function listOf(said) {
  const last = said.at(-1) ?? null;
  return said.length > 1 ? `${said.slice(0, -1).join(", ")} and ${last}` : last;
}

/** The words for an event, or null for a type that people are not told of. */
export function noticeOf(event) {
  if (event.type === "settings") {
    const made = madeBy(event);
    const settings = event.seq === 1 ? { ...SETTINGS, access: () => made } : SETTINGS;
    const said = Object.entries(settings).map(([name, words]) => (event[name] == null ? null : words(event[name]))).filter(Boolean);
    if (!made || !event.title) return listOf(said);
    const others = said.slice(2);
    const and = others.length === 1 ? "and " : "";
    return [`${made}, “${event.title}”`, ...(others.length ? [and + listOf(others)] : [])].join(", ");
  }
  if (event.type === "member") {
    if (event.what === "takes_part") return null; // its name says so
    if (event.what === "joined" || event.what === "left") return event.what;
    if (event.what === "role") return `made ${event.name} ${ROLES[event.role] ?? "a member"}`;
    return `${event.what} ${event.name}`;
  }
  if (event.type === "restriction") return restriction(event);
  if (event.type === "guest") {
    if (event.what === "ended") return `ended a guest link: ${event.count} ${event.count === 1 ? "guest is" : "guests are"} gone`;
    if (event.what === "renamed") return `renamed ${event.was} to ${event.name}`;
    return event.what === "removed" ? `removed ${event.name}` : { joined: "came in", left: "left" }[event.what] ?? null;
  }
  if (event.type === "redaction") return "deleted a message";
  return null;
}
