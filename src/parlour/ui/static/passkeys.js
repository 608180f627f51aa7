// Passkeys in forms: asks the server for a challenge and the browser for a passkey, puts that into the form and sends it.

const bytes = (text) => {
  const plain = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(plain, (char) => char.charCodeAt(0));
};

const base64url = (buffer) =>
  btoa(String.fromCharCode(...new Uint8Array(buffer)))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replaceAll("=", "");

/** What the server asks for, as browsers want it: `parseRequestOptionsFromJSON` and its sister are too new. */
function fromJson(options) {
  const named = (list) => list?.map((each) => ({ ...each, id: bytes(each.id) })) ?? [];
  const publicKey = { ...options, challenge: bytes(options.challenge) };
  if (options.user) {
    publicKey.user = { ...options.user, id: bytes(options.user.id) };
    publicKey.excludeCredentials = named(options.excludeCredentials);
  } else {
    publicKey.allowCredentials = named(options.allowCredentials);
  }
  return { publicKey };
}

/** What the browser gives, as the server wants it. */
function toJson({ id, response }) {
  const parts = ["clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle"];
  const given = parts.filter((name) => response[name]).map((name) => [name, base64url(response[name])]);
  return JSON.stringify({ id, response: Object.fromEntries(given) });
}

const REASONS = {
  NotAllowedError: "No passkey was shown. Try again when you have it at hand.",
  InvalidStateError: "This device has a passkey for you already.",
};

async function ask(form) {
  const purpose = form.dataset.passkey;
  const body = { for: purpose };
  if (purpose === "second_step") body.half = form.elements.half.value;
  const answer = await fetch(form.dataset.options, {
    method: "POST",
    headers: { "Content-Type": "application/json", Accept: "application/json" },
    body: JSON.stringify(body),
  });
  const options = await answer.json();
  if (answer.ok) {
    const way = purpose === "add" ? "create" : "get";
    return toJson(await navigator.credentials[way](fromJson(options)));
  }
  // The page that the form leads to asks for the password first, and says why not otherwise.
  if (options.code === "reauthentication_required" || options.code === "login_required") return "";
  throw new Error(options.detail);
}

/** Show the forms for passkeys, where the browser has any, and have them sent with one. */
export function offerPasskeys() {
  if (!window.PublicKeyCredential) return;
  for (const form of document.querySelectorAll("form[data-passkey]")) {
    form.hidden = false;
    const button = form.querySelector("button");
    const trouble = form.querySelector(".error[role]");
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      button.disabled = true;
      trouble.hidden = true;
      try {
        const fields = ["passkey", "confirm_passkey"].map((name) => form.elements[name]);
        fields.find(Boolean).value = await ask(form);
        form.submit();
      } catch (error) {
        trouble.textContent = REASONS[error.name] ?? error.message;
        trouble.hidden = false;
      }
      button.disabled = false;
    });
  }
}
