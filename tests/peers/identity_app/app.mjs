// A program of somebody else, in a page of its own: it asks a user of the authorization server for access with
// oidc-client-ts, and calls an API through the gateway. The user registers a passkey, logs in with it, allows the program
// what it asks for, and takes it back. Arguments: a JSON object.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { chromium } from "playwright-core";

const { issuer, invitation, api, client, port, chromium: executablePath } = JSON.parse(process.argv[2]);
const library = readFileSync("node_modules/oidc-client-ts/dist/browser/oidc-client-ts.min.js");
const settings = { authority: issuer, client_id: client, redirect_uri: `http://localhost:${port}/`, scope: "openid profile orders:read" };
const html = `<!doctype html><title>An app</title><script src="/library.js"></script><script>
  const manager = new oidc.UserManager({ ...${JSON.stringify(settings)}, userStore: new oidc.WebStorageStateStore({ store: sessionStorage }) });
  const call = async () => (await fetch(${JSON.stringify(api)}, {
    headers: { authorization: "Bearer " + (await manager.getUser()).access_token } })).status;
  const ready = location.search.includes("code=") ? manager.signinRedirectCallback() : Promise.resolve();
</script>`;
const app = createServer((request, answer) => {
  const script = request.url === "/library.js";
  answer.setHeader("content-type", script ? "text/javascript" : "text/html");
  answer.end(script ? library : html);
});
await new Promise((listening) => app.listen(port, "127.0.0.1", listening));

const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
const context = await browser.newContext();
context.setDefaultTimeout(15000);
const page = await context.newPage();
const devtools = await context.newCDPSession(page);
await devtools.send("WebAuthn.enable");
await devtools.send("WebAuthn.addVirtualAuthenticator", {
  options: {
    protocol: "ctap2", transport: "internal", hasResidentKey: true, hasUserVerification: true, isUserVerified: true,
    automaticPresenceSimulation: true,
  },
});
const press = (label) => page.getByRole("button", { name: label, exact: true }).click();

// The user comes in by a one-time link, with a passkey and nothing else.
await page.goto(invitation);
await press("Add a passkey");
await page.waitForURL(`${issuer}/account`);
await context.clearCookies();

// The program sends them here; they log in with the passkey and allow it.
await page.goto(`http://localhost:${port}/`);
await page.evaluate("void manager.signinRedirect()");
await page.waitForURL((url) => url.pathname === "/login");
await page.getByRole("link", { name: /passkey/i }).click();
await press("Use a passkey");
await page.getByText("read your orders").waitFor();
await press("Allow");
await page.waitForURL((url) => url.port === String(port) && url.search.includes("code="));
const profile = await page.evaluate("ready.then((user) => user.profile)");
assert.ok(profile.name && profile.sub, JSON.stringify(profile));
assert.equal(await page.evaluate("call()"), 200, "the API takes the token");
assert.ok(await page.evaluate("manager.signinSilent().then((user) => user.access_token.length)"), "refreshed");
assert.equal(await page.evaluate("call()"), 200, "and the next one");

// They take it back on the page of their account.
const account = await context.newPage();
await account.goto(`${issuer}/account`);
await account.getByRole("button", { name: /An app/ }).click();
await account.waitForLoadState();
const taken = Date.now();
while ((await page.evaluate("call()")) === 200) assert.ok(Date.now() - taken < 1000, "within a second");
assert.equal(await page.evaluate("call()"), 401);
await assert.rejects(page.evaluate("manager.signinSilent()"), /invalid_grant|unknown, expired/);

await browser.close();
app.close();
console.log(`refused ${Date.now() - taken} ms after it was taken back`);
