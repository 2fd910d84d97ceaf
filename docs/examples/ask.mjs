// Asks the hub one signed question from Node with the package http-message-signatures, and checks the answer's signature.
//
//   node ask.mjs URL KEY.pem HUB_JWKS.json PATH <question.json >answer.json
//
// KEY.pem: Ed25519 or P-256. HUB_JWKS.json: the hub's key set as handed over at registration. Exit code 0: answered; 1: refused;
// 3: the answer does not verify.
import { createHash, createPrivateKey, createPublicKey, randomBytes, randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import signatures from "http-message-signatures";

const { createSigner, createVerifier, httpbis } = signatures;
const [url, keyFile, jwksFile, path] = process.argv.slice(2);
const target = url.replace(/\/$/, "") + path;
const digest = (bytes) => `sha-256=:${createHash("sha256").update(bytes).digest("base64")}:`;

// 1. the key's id: its RFC 7638 thumbprint (members in alphabetical order, no spaces)
const key = createPrivateKey(readFileSync(keyFile));
const { crv, kty, x, y } = createPublicKey(key).export({ format: "jwk" });
const keyid = createHash("sha256").update(JSON.stringify({ crv, kty, x, y })).digest("base64url");
const signer = createSigner(key, crv === "Ed25519" ? "ed25519" : "ecdsa-p256-sha256", keyid);

// 2. sign
const body = readFileSync(0);
const request = await httpbis.signMessage(
  {
    key: signer,
    name: "sig1",
    fields: ["@method", "@authority", "@path", "@query", "content-type", "content-digest", "x-request-id"],
    params: ["created", "keyid", "expires", "nonce", "tag"],
    paramValues: { nonce: randomBytes(18).toString("base64url"), tag: "hub-req" },
  },
  {
    method: "POST",
    url: target,
    headers: { "content-type": "application/json", "content-digest": digest(body), "x-request-id": randomUUID() },
  },
);

// 3. send
const reply = await fetch(target, { method: "POST", headers: request.headers, body, redirect: "error", signal: AbortSignal.timeout(30000) });
const answer = Buffer.from(await reply.arrayBuffer());
const response = { status: reply.status, headers: Object.fromEntries(reply.headers) };

// 4. check: the digest, then the hub's signature over the answer and over this very question
const covered = [
  "@status", "content-type", "content-digest", "x-request-id", "x-receipt",
  "@method", "@authority", "@path", "@query", "signature",
];
const hubKeys = JSON.parse(readFileSync(jwksFile)).keys.filter((one) => !["retired", "revoked"].includes(one["hutong:state"]));
const keyLookup = async ({ keyid, tag }) => {
  const jwk = tag === "hub-resp" && hubKeys.find((one) => one.kid === keyid);
  return jwk ? { id: keyid, algs: ["ed25519"], verify: createVerifier(createPublicKey({ key: jwk, format: "jwk" }), "ed25519") } : null;
};
const config = { keyLookup, requiredFields: covered, requiredParams: ["created", "keyid", "tag"], tolerance: 300, all: true };
const fits = response.headers["content-digest"] === digest(answer) && response.headers["x-request-id"] === request.headers["x-request-id"];
const verified = fits && (await httpbis.verifyMessage(config, response, request).catch((wrong) => console.error(wrong.message)));
if (verified !== true) {
  console.error("not verified");
  process.exit(3);
}
console.error(`verified: status ${reply.status}, receipt ${response.headers["x-receipt"]}`);
process.stdout.write(answer);
process.exitCode = reply.status < 400 ? 0 : 1;
