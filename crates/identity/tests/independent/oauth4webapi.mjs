// Every flow that oauth4webapi supports, step by step. Arguments: a JSON object with issuer, user, clients.
import assert from "node:assert/strict";
import * as oauth from "oauth4webapi";
import { Person } from "./person.mjs";

const { issuer, name, password, callback, web, browser, native, service } = JSON.parse(process.argv[2]);
const insecure = { [oauth.allowInsecureRequests]: true };
const server = await oauth
  .discoveryRequest(new URL(issuer), { algorithm: "oauth2", ...insecure })
  .then((response) => oauth.processDiscoveryResponse(new URL(issuer), response));
const person = new Person(issuer, name, password);
const done = [];

// Runs a step again with the nonce, if the server asks for one.
async function withNonce(step) {
  try {
    return await step();
  } catch (error) {
    if (oauth.isDPoPNonceError(error)) return step();
    throw error;
  }
}

// A public client: PAR, iss, DPoP with a nonce retry, refresh, revocation.
{
  const client = { client_id: browser.id };
  const authentication = oauth.None();
  const DPoP = oauth.DPoP(client, await oauth.generateKeyPair("ES256"));
  const verifier = oauth.generateRandomCodeVerifier();
  const state = oauth.generateRandomState();
  const parameters = {
    redirect_uri: callback, response_type: "code", scope: "offline_access orders:read", state,
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier), code_challenge_method: "S256",
  };
  const pushed = await withNonce(async () =>
    oauth.processPushedAuthorizationResponse(server, client,
      await oauth.pushedAuthorizationRequest(server, client, authentication, parameters, { DPoP, ...insecure })));
  const url = new URL(server.authorization_endpoint);
  url.searchParams.set("client_id", browser.id);
  url.searchParams.set("request_uri", pushed.request_uri);
  const back = new URL(await person.answer(url));
  assert.equal(back.searchParams.get("iss"), issuer);
  const forged = new URL(back);
  forged.searchParams.set("iss", "http://localhost:1");
  assert.throws(() => oauth.validateAuthResponse(server, client, forged, state));
  const answer = oauth.validateAuthResponse(server, client, back, state);
  const tokens = await withNonce(async () =>
    oauth.processAuthorizationCodeResponse(server, client,
      await oauth.authorizationCodeGrantRequest(server, client, authentication, answer, callback, verifier, { DPoP, ...insecure })));
  assert.equal(tokens.token_type, "dpop");
  const refreshed = await withNonce(async () =>
    oauth.processRefreshTokenResponse(server, client,
      await oauth.refreshTokenGrantRequest(server, client, authentication, tokens.refresh_token, { DPoP, ...insecure })));
  assert.ok(refreshed.access_token);
  await oauth.processRevocationResponse(await oauth.revocationRequest(server, client, authentication, refreshed.refresh_token, insecure));
  done.push("PAR, iss, DPoP with nonce retry, refresh, revocation");
}
// A confidential client that asks about its token and exchanges nothing it may not.
{
  const client = { client_id: service.id };
  const authentication = oauth.ClientSecretBasic(service.secret);
  const tokens = await oauth.processClientCredentialsResponse(server, client,
    await oauth.clientCredentialsGrantRequest(server, client, authentication, { scope: "orders:read" }, insecure));
  const told = await oauth.processIntrospectionResponse(server, client,
    await oauth.introspectionRequest(server, client, authentication, tokens.access_token, insecure));
  assert.equal(told.active, true);
  done.push("client credentials, introspection");
}
// A device.
{
  const client = { client_id: native.id };
  const started = await oauth.processDeviceAuthorizationResponse(server, client,
    await oauth.deviceAuthorizationRequest(server, client, oauth.None(), { scope: "orders:read" }, insecure));
  const said = await person.answer(started.verification_uri_complete);
  assert.equal(said.status, 200, said.text);
  const tokens = await oauth.processDeviceCodeResponse(server, client,
    await oauth.deviceCodeGrantRequest(server, client, oauth.None(), started.device_code, insecure));
  assert.ok(tokens.refresh_token);
  done.push("device");
}
// OpenID Connect: the ID token is checked with the published keys.
{
  const client = { client_id: web.id };
  const authentication = oauth.ClientSecretPost(web.secret);
  const verifier = oauth.generateRandomCodeVerifier();
  const [state, expectedNonce] = [oauth.generateRandomState(), oauth.generateRandomNonce()];
  const url = new URL(server.authorization_endpoint);
  for (const [key, value] of Object.entries({
    client_id: web.id, redirect_uri: callback, response_type: "code", scope: "openid email", state, nonce: expectedNonce,
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier), code_challenge_method: "S256", max_age: "3600",
  })) url.searchParams.set(key, value);
  const answer = oauth.validateAuthResponse(server, client, new URL(await person.answer(url)), state);
  const response = await oauth.authorizationCodeGrantRequest(server, client, authentication, answer, callback, verifier, insecure);
  const tokens = await oauth.processAuthorizationCodeResponse(server, client, response, { expectedNonce, maxAge: 3600, requireIdToken: true });
  await oauth.validateApplicationLevelSignature(server, response, insecure);
  const claims = oauth.getValidatedIdTokenClaims(tokens);
  const user = await oauth.processUserInfoResponse(server, client, claims.sub,
    await oauth.userInfoRequest(server, client, tokens.access_token, insecure));
  assert.equal(user.sub, claims.sub);
  done.push("ID token, userinfo");
}
console.log(done.join("\n"));
