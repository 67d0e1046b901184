// Every flow that openid-client supports. Arguments: a JSON object with issuer, user, clients.
import assert from "node:assert/strict";
import * as client from "openid-client";
import { Person } from "./person.mjs";

const { issuer, name, password, callback, web, browser, native, service, initial } = JSON.parse(process.argv[2]);
const server = new URL(issuer);
const insecure = { execute: [client.allowInsecureRequests] };
const done = [];

async function login(config, person, extra = {}, options = undefined, pushed = false) {
  const pkceCodeVerifier = client.randomPKCECodeVerifier();
  const [expectedState, expectedNonce] = [client.randomState(), client.randomNonce()];
  const parameters = {
    redirect_uri: callback,
    scope: "openid profile email offline_access orders:read",
    code_challenge: await client.calculatePKCECodeChallenge(pkceCodeVerifier),
    code_challenge_method: "S256",
    state: expectedState,
    nonce: expectedNonce,
    ...extra,
  };
  const url = pushed
    ? await client.buildAuthorizationUrlWithPAR(config, parameters, options)
    : client.buildAuthorizationUrl(config, parameters);
  const back = new URL(await person.answer(url));
  return client.authorizationCodeGrant(config, back, { pkceCodeVerifier, expectedState, expectedNonce, idTokenExpected: true }, undefined, options);
}

// A confidential client: code, ID token, userinfo, refresh, introspection, revocation.
{
  const config = await client.discovery(server, web.id, undefined, client.ClientSecretBasic(web.secret), insecure);
  const tokens = await login(config, new Person(issuer, name, password));
  assert.equal(tokens.claims().preferred_username, name);
  const user = await client.fetchUserInfo(config, tokens.access_token, tokens.claims().sub);
  assert.equal(user.preferred_username, name);
  const refreshed = await client.refreshTokenGrant(config, tokens.refresh_token);
  assert.ok(refreshed.access_token !== tokens.access_token);
  assert.equal((await client.tokenIntrospection(config, refreshed.access_token)).active, true);
  await client.tokenRevocation(config, tokens.refresh_token);
  assert.equal((await client.tokenIntrospection(config, refreshed.access_token)).active, false);
  await assert.rejects(client.refreshTokenGrant(config, tokens.refresh_token), { error: "invalid_grant" });
  done.push("code, userinfo, refresh, introspection, revocation");
}
// The secret in the body, and a user who says no.
{
  const config = await client.discovery(server, web.id, undefined, client.ClientSecretPost(web.secret), insecure);
  const url = client.buildAuthorizationUrl(config, {
    redirect_uri: callback, scope: "openid", state: "s", code_challenge_method: "S256",
    code_challenge: await client.calculatePKCECodeChallenge(client.randomPKCECodeVerifier()),
  });
  const back = new URL(await new Person(issuer, name, password).answer(url, "deny"));
  await assert.rejects(client.authorizationCodeGrant(config, back, { expectedState: "s" }), { error: "access_denied" });
  done.push("a user who says no");
}
// A public client with DPoP and pushed requests; the nonce is asked for and given.
{
  const config = await client.discovery(server, browser.id, { token_endpoint_auth_method: "none" }, client.None(), insecure);
  const DPoP = client.getDPoPHandle(config, await client.randomDPoPKeyPair());
  const tokens = await login(config, new Person(issuer, name, password), {}, { DPoP }, true);
  assert.equal(tokens.token_type, "dpop");
  const user = await client.fetchUserInfo(config, tokens.access_token, tokens.claims().sub, { DPoP });
  assert.equal(user.preferred_username, name);
  const refreshed = await client.refreshTokenGrant(config, tokens.refresh_token, undefined, { DPoP });
  assert.ok(refreshed.refresh_token && refreshed.refresh_token !== tokens.refresh_token, "it changes with each use");
  const other = client.getDPoPHandle(config, await client.randomDPoPKeyPair());
  await assert.rejects(client.refreshTokenGrant(config, refreshed.refresh_token, undefined, { DPoP: other }));
  await client.tokenRevocation(config, refreshed.refresh_token);
  done.push("PAR, DPoP with nonces, rotation");
}
// A service.
{
  const config = await client.discovery(server, service.id, undefined, client.ClientSecretBasic(service.secret), insecure);
  const tokens = await client.clientCredentialsGrant(config, { scope: "orders:read" });
  assert.equal(tokens.scope, "orders:read");
  done.push("client credentials");
}
// A device.
{
  const config = await client.discovery(server, native.id, { token_endpoint_auth_method: "none" }, client.None(), insecure);
  const started = await client.initiateDeviceAuthorization(config, { scope: "openid orders:read" });
  const polling = client.pollDeviceAuthorizationGrant(config, started);
  const said = await new Person(issuer, name, password).answer(started.verification_uri_complete);
  assert.equal(said.status, 200, said.text);
  assert.ok((await polling).access_token);
  done.push("device");
}
// A client that registers itself, with its own key.
{
  const keys = await crypto.subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, true, ["sign", "verify"]);
  const jwk = { ...(await crypto.subtle.exportKey("jwk", keys.publicKey)), kid: "k", alg: "ES256", use: "sig" };
  for (const extra of ["key_ops", "ext"]) delete jwk[extra];
  const metadata = {
    redirect_uris: [callback], client_name: "Registered", scope: "openid profile email offline_access orders:read",
    token_endpoint_auth_method: "private_key_jwt", jwks: { keys: [jwk] }, dpop_bound_access_tokens: true,
  };
  const authentication = client.PrivateKeyJwt({ key: keys.privateKey, kid: "k" });
  const config = await client.dynamicClientRegistration(server, metadata, authentication, { initialAccessToken: initial, ...insecure });
  const DPoP = client.getDPoPHandle(config, await client.randomDPoPKeyPair());
  const tokens = await login(config, new Person(issuer, name, password), { prompt: "login" }, { DPoP }, true);
  assert.equal(tokens.claims().preferred_username, name);
  done.push("registration, private_key_jwt");
}
console.log(done.join("\n"));
