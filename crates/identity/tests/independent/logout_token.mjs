// A receiver of logout tokens (OpenID Connect Back-Channel Logout 1.0 §2.6) that checks them with the library `jose`.
import assert from "node:assert/strict";
import { createRemoteJWKSet, decodeProtectedHeader, jwtVerify } from "jose";

const { issuer, client, token, sid } = JSON.parse(process.argv[2]);
const keys = createRemoteJWKSet(new URL(`${issuer}/oauth2/jwks`));
const { payload } = await jwtVerify(token, keys, {
  issuer,
  audience: client,
  typ: "logout+jwt",
  requiredClaims: ["iat", "exp", "jti", "events", "sub", "sid"],
  maxTokenAge: "2 minutes",
});
assert.notEqual(decodeProtectedHeader(token).alg, "none");
assert.deepEqual(payload.events, { "http://schemas.openid.net/event/backchannel-logout": {} });
assert.equal(payload.nonce, undefined);
assert.equal(payload.sid, sid);
await assert.rejects(jwtVerify(token, keys, { issuer, audience: "another" }));
console.log("the logout token is good");
