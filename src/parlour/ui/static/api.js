// What the page asks of the server: addresses, history, the list of rooms, and messages where no WebSocket passes.

const PAGE = 50;
const ROOMS = 20;
const TIMEOUT_MS = 15000;
const CHECK_MS = 3000; // somebody waits for it
const LONGEST_WAIT_MS = 300000; // whatever a proxy says

/** What every path here begins with: where the server is below another one, such as `/chat`. */
const prefix = () => document.body.dataset.prefix;

/** A room as a part of a path: `@alice+bob` stays as it is. */
const segment = (room) => encodeURIComponent(room).replaceAll("%40", "@").replaceAll("%2B", "+");

export const roomPath = (room) => `${prefix()}/${segment(room)}`;

/** The page of a room's settings and members. */
export const settingsPath = (room) => `${prefix()}/rooms/${segment(room)}`;

/** The page of one's own account. */
export const accountPath = () => `${prefix()}/account`;

/** The card of an account, by its id or name. */
export const personPath = (id) => `${prefix()}/people/${encodeURIComponent(id)}`;

/** The page of what was reported. */
export const reportsPath = () => `${prefix()}/admin/reports`;

/** The page with the list of rooms. */
export const roomsPath = () => `${prefix()}/rooms`;

export const eventPath = (room, seq) => `${roomPath(room)}/${seq}`;

/** Where the live events of a room come from, after a cursor; further parameters say how. */
export function liveAddress({ room, epoch, lastSeq }, parameters = {}) {
  const address = new URL(roomPath(room), window.location.href);
  for (const [name, value] of Object.entries({ ...parameters, since: `${epoch}.${lastSeq}` })) {
    address.searchParams.set(name, value);
  }
  return address;
}

/** Where server-sent events of a room come from, after a cursor; for whoever is signed in, with what needs them elsewhere. */
export function streamAddress(place) {
  if (document.body.dataset.inbox === undefined) return liveAddress(place, { format: "sse" });
  const { room, epoch, lastSeq } = place;
  const query = new URLSearchParams({ room, me: 1, since: `${epoch};${encodeURIComponent(room)}=${lastSeq}` });
  return new URL(`${prefix()}/api/v1/stream?${query}`, window.location.href);
}

/** A page of history, the newest or the one before a seq; rejects when there is none to be had. */
export async function history(room, before = null) {
  const query = new URLSearchParams({ limit: PAGE });
  if (before !== null) query.set("before", before);
  const page = await get(`${roomPath(room)}?${query}`);
  return { epoch: page.epoch, firstSeq: page.first_seq, headSeq: page.head_seq, events: page.events };
}

/** The guests of a room who came by links; rejects when they cannot be had. */
export const guestsOf = async (room) => (await get(`${prefix()}/api/v1/rooms/${encodeURIComponent(room)}/guests`)).guests;

/** What the API says of a room; rejects when it cannot be had. */
export const describe = (room) => get(`${prefix()}/api/v1/rooms/${encodeURIComponent(room)}`);

/** The rooms {room, at, title, isPrivate} that were active last; rejects when they cannot be had. */
export async function activeRooms() {
  const { rooms } = await get(`${prefix()}/api/v1/rooms?limit=${ROOMS}`);
  return rooms.filter(({ archived }) => !archived).map(({ room, active_at: at, title = "", access }) => ({
    room, at, title, isPrivate: access === "private", section: access === "direct" ? "direct" : "rooms",
  }));
}

/** Who one would write as under a name: {by}, or {refusal} of refusalOf where the name is not to be had; {} without an answer. */
export async function authorAs(room, name) {
  try {
    const address = `${prefix()}/api/v1/rooms/${encodeURIComponent(room)}/author?${new URLSearchParams({ name })}`;
    const response = await fetch(address, { headers: { Accept: "application/json" }, cache: "no-store", signal: AbortSignal.timeout(CHECK_MS) });
    if (response.ok) return { by: await response.json() };
    const refusal = await refusalOf(response);
    return refusal.field === "name" ? { refusal } : {};
  } catch {
    return {};
  }
}

/** Whether the account that this page was made for, if there is one, is still who asks; rejects without an answer. */
export async function isStillSignedIn() {
  const { account } = document.body.dataset;
  return account === undefined || whoIs(await get(`${prefix()}/api/v1/me`)) === account;
}

/** The page for signing in, which leads back to the room. */
export const signInPath = (room) => `${prefix()}/login?next=${encodeURIComponent(`/${encodeURIComponent(room)}`)}`;

/** Send a message by POST: the item that a WebSocket would answer with; rejects when there is no answer. */
export async function post(room, { text, key, name }) {
  const response = await fetch(roomPath(room), {
    method: "POST",
    headers: { "Content-Type": "application/json", Accept: "application/json" },
    body: JSON.stringify({ text, key, ...(name ? { name } : {}) }),
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
  if (response.ok) return { type: "ack", key, seq: (await response.json()).seq };
  const { code, detail, field, waitMs } = await refusalOf(response);
  return { type: "error", key, code, detail, field, retry_after_ms: waitMs };
}

/** Make a token that reads and writes in one room: {token}, or {detail}: why not, in words. */
export async function makeToken(room, label) {
  try {
    const response = await fetch(`${prefix()}/api/v1/tokens`, {
      method: "POST",
      headers: { "Content-Type": "application/json", Accept: "application/json" },
      body: JSON.stringify({ label, scopes: ["read", "post"], rooms: [room] }),
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    return response.ok ? { token: (await response.json()).secret } : { detail: (await refusalOf(response)).detail };
  } catch {
    return { detail: "The server does not answer. Try again." };
  }
}

/** Mute or ban somebody in a room ({name or seq, what, minutes}): null, or why not, in words. */
export async function restrictPerson(room, body) {
  try {
    const response = await fetch(`${prefix()}/api/v1/rooms/${encodeURIComponent(room)}/restrictions`, {
      method: "POST",
      headers: { "Content-Type": "application/json", Accept: "application/json" },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    return response.ok ? null : (await refusalOf(response)).detail;
  } catch {
    return "The server does not answer. Try again.";
  }
}

/** Who is in a room now: {count, people}, or null. */
export async function peopleHere(room) {
  return get(`${prefix()}/api/v1/rooms/${encodeURIComponent(room)}/presence`).catch(() => null);
}

/** What somebody with an account says about themselves, by the name that they are shown by; or null. */
export async function profileOf(name) {
  return get(`${prefix()}/api/v1/accounts/${encodeURIComponent(name)}`).catch(() => null);
}

/** Change what is read of a room, {read} or {unread_from}; whether that is done. */
export async function markRead(room, change) {
  const address = `${prefix()}/api/v1/me/rooms/${segment(room)}`;
  const headers = { "Content-Type": "application/json" };
  try {
    const body = JSON.stringify(change);
    const response = await fetch(address, { method: "PATCH", headers, body, signal: AbortSignal.timeout(TIMEOUT_MS) });
    return response.ok;
  } catch {
    return false; // the next look marks it
  }
}

/** Delete a message: whether it is gone. */
export async function remove(room, seq) {
  try {
    const response = await fetch(eventPath(room, seq), { method: "DELETE", signal: AbortSignal.timeout(TIMEOUT_MS) });
    return response.ok;
  } catch {
    return false;
  }
}

/**
 * What an answer says that is a refusal: {status, code, detail, field, waitMs, problem}. One that is not of the server
 * but of something on the way has no code of its own: it passes by itself if its status says so.
 */
export async function refusalOf(response) {
  const { status } = response;
  const seconds = Number(response.headers.get("Retry-After") ?? NaN);
  const waitMs = Number.isFinite(seconds) ? Math.min(1000 * seconds, LONGEST_WAIT_MS) : undefined;
  const isProblem = (response.headers.get("Content-Type") ?? "").startsWith("application/problem+json");
  const problem = isProblem ? await response.json() : null;
  const passes = status === 408 || status === 429 || status >= 500;
  const code = problem?.code ?? (status === 429 ? "rate_limited" : passes ? "unanswered" : "refused_on_the_way");
  return { status, code, detail: problem?.detail ?? `Answered on the way with ${status}.`, field: problem?.field, waitMs, problem };
}

async function get(address) {
  const response = await fetch(address, {
    headers: { Accept: "application/json" },
    cache: "no-store",
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
  if (!response.ok) throw new Error(`${address}: ${response.status}`);
  return response.json();
}

/** The id of who asks, as /api/v1/me says it: of an account, or of a guest who came by a link. */
function whoIs({ account, guest }) {
  return (account ?? guest)?.id;
}
