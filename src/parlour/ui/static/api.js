// What the page asks of the server: addresses, history and the list of rooms (docs/protocol.md#reading).

const PAGE = 50;
const ROOMS = 20;
const TIMEOUT_MS = 15000;

export const roomPath = (room) => `/${encodeURIComponent(room)}`;

export const eventPath = (room, seq) => `${roomPath(room)}/${seq}`;

/** Where the live events after a cursor come from. */
export function socketAddress(room, epoch, lastSeq) {
  const address = new URL(roomPath(room), window.location.href);
  address.protocol = address.protocol === "https:" ? "wss:" : "ws:";
  address.searchParams.set("since", `${epoch}.${lastSeq}`);
  return address.href;
}

/** A page of history, the newest or the one before a seq; rejects when there is none to be had. */
export async function history(room, before = null) {
  const query = new URLSearchParams({ limit: PAGE });
  if (before !== null) query.set("before", before);
  const page = await get(`${roomPath(room)}?${query}`);
  return { epoch: page.epoch, firstSeq: page.first_seq, headSeq: page.head_seq, events: page.events };
}

/** The rooms {room, at} that were active last; rejects when they cannot be had. */
export async function activeRooms() {
  const { rooms } = await get(`/api/v1/rooms?limit=${ROOMS}`);
  return rooms.map(({ room, active_at: at }) => ({ room, at }));
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
