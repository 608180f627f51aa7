// The lines of a page that names an account: once that is signed out they end, so that nobody writes as a guest there.

import { isStillSignedIn } from "./api.js";

const SIGNED_OUT = { code: "login_required" };

/** Gives the `open` of a transport (socket.js) that calls a line live only while the page's account is signed in. */
export function whileSignedIn(open) {
  return (place, { onItem, onEnd }) => {
    const check = async (item) => {
      const isStill = await isStillSignedIn().catch(() => null); // null: there is no answer
      if (isStill) onItem(item);
      else onEnd(isStill === null ? {} : SIGNED_OUT);
    };
    const pass = (item) => {
      if (item.type === "caught_up") check(item);
      else if (item.type === "signed_out") onEnd(SIGNED_OUT);
      else onItem(item);
    };
    return open(place, { onItem: pass, onEnd });
  };
}
