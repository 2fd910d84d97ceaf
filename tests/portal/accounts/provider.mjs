// A real OpenID Connect provider on a free port, with its own pages of signing in. Arguments: redirect URI, JWKS with the private key. Prints its issuer.
import { createServer } from "node:http";
import Provider from "oidc-provider";

const [redirect, jwks] = process.argv.slice(2);
const server = createServer();
server.listen(0, "127.0.0.1", () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const provider = new Provider(issuer, {
    clients: [{ client_id: "hutong", client_secret: "a secret of thirty-two characters", redirect_uris: [redirect], grant_types: ["authorization_code"], response_types: ["code"] }],
    jwks: JSON.parse(jwks),
    cookies: { keys: ["only for this test"] },
    claims: { openid: ["sub"], profile: ["preferred_username"] },
    conformIdTokenClaims: false,
    findAccount: async (_, id) => ({ accountId: id, claims: async () => ({ sub: id, preferred_username: id }) }),
  });
  server.on("request", provider.callback());
  console.log(issuer);
});
