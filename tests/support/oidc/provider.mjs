// A certified OpenID provider (npm oidc-provider) on a free port of 127.0.0.1, with its own pages for signing in and
// consent. Arguments: the id and the secret of the client, and where it sends browsers back to. Whoever signs in as NAME
// is NAME, has the address NAME@example.org, and it is verified, unless NAME begins with "new-".
import { createServer } from "node:http";
import Provider from "oidc-provider";

const [clientId, clientSecret, ...redirectUris] = process.argv.slice(2);
const server = createServer();
server.listen(0, "127.0.0.1", () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const provider = new Provider(issuer, {
    clients: [
      { client_id: clientId, client_secret: clientSecret, redirect_uris: redirectUris, application_type: "native" },
    ],
    claims: { openid: ["sub"], email: ["email", "email_verified"], profile: ["name", "preferred_username"] },
    pkce: { required: () => true },
    cookies: { keys: ["of a test"] },
    async findAccount(_, id) {
      const claims = { sub: id, email: `${id}@example.org`, email_verified: !id.startsWith("new-") };
      return { accountId: id, claims: async () => ({ ...claims, name: `${id} of the company`, preferred_username: id }) };
    },
  });
  server.on("request", provider.callback());
  console.log(issuer);
});
