// Walks through the pages in Chromium as a person would, and says what axe finds on each of them, in light and dark, narrow
// and wide, and what the browser itself complains of. Arguments: a JSON object with the addresses to begin at.
import { createHash, createHmac } from "node:crypto";
import { mkdirSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { chromium } from "playwright-core";

const { issuer, invitation, recovery, name, password, chromium: executablePath, screenshots } = JSON.parse(process.argv[2]);
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core"), "utf8");
const found = { pages: [], problems: [], steps: [] };

const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
const context = await browser.newContext();
context.setDefaultTimeout(10000);
const page = await context.newPage();
const devtools = await context.newCDPSession(page);
await devtools.send("WebAuthn.enable");
await devtools.send("WebAuthn.addVirtualAuthenticator", {
  options: {
    protocol: "ctap2",
    transport: "internal",
    hasResidentKey: true,
    hasUserVerification: true,
    isUserVerified: true,
    automaticPresenceSimulation: true,
  },
});
page.on("pageerror", (error) => found.problems.push({ page: page.url(), what: `script: ${error.message}` }));
page.on("console", (message) => {
  const text = message.text();
  // The icon that browsers ask for by themselves, and statuses that are meant.
  if (page.url().startsWith(issuer) && message.type() === "error" && !/favicon|status of (4|5)\d\d/.test(text)) {
    found.problems.push({ page: page.url(), what: `console: ${text}` });
  }
});

// What axe finds on the page that is shown, in each of its looks. Axe runs in a world of its own, which the page's policy
// does not bind.
async function look(title) {
  found.pages.push(title);
  for (const scheme of ["light", "dark"]) {
    for (const width of [360, 1100]) {
      await page.emulateMedia({ colorScheme: scheme });
      await page.setViewportSize({ width, height: 800 });
      const { result } = await evaluate(`${axe}; axe.run(document, { resultTypes: ["violations"] }).then((told) => JSON.stringify(
        told.violations.map(({ id, nodes }) => ({ id, html: nodes.map((node) => node.html + " " + node.failureSummary) }))))`);
      for (const violation of JSON.parse(result.value)) {
        found.problems.push({ page: title, scheme, width, what: violation.id, where: violation.html });
      }
      const { result: wide } = await evaluate("document.documentElement.scrollWidth > window.innerWidth");
      if (wide.value) found.problems.push({ page: title, width, what: "scrolls sideways" });
      if (screenshots) {
        mkdirSync(screenshots, { recursive: true });
        await page.screenshot({ path: `${screenshots}/${title}-${scheme}-${width}.png`, fullPage: true });
      }
    }
  }
}

async function evaluate(expression) {
  const { frameTree } = await devtools.send("Page.getFrameTree");
  const { executionContextId } = await devtools.send("Page.createIsolatedWorld", { frameId: frameTree.frame.id });
  const told = await devtools.send("Runtime.evaluate", { expression, contextId: executionContextId, awaitPromise: true });
  if (told.exceptionDetails) throw new Error(JSON.stringify(told.exceptionDetails));
  return told;
}

function step(what, holds) {
  found.steps.push({ what, holds: Boolean(holds) });
}

function code(secret, ahead) {
  const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
  let bits = 0n;
  const plain = secret.replaceAll(" ", "");
  for (const letter of plain) bits = (bits << 5n) | BigInt(letters.indexOf(letter));
  const key = Buffer.from(bits.toString(16).padStart((plain.length * 5) / 4, "0"), "hex");
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30000) + ahead));
  const mac = createHmac("sha1", key).update(counter).digest();
  return String((mac.readUInt32BE(mac[19] & 15) & 0x7fffffff) % 1000000).padStart(6, "0");
}

const at = (path) => page.goto(issuer + path);
const press = (label) => page.getByRole("button", { name: label, exact: true }).click();
const is = (path) => page.waitForURL((url) => url.pathname === path);

// The first time, with a password.
await page.goto(invitation);
await look("invitation");
await page.getByLabel("New password").fill("password1");
await press("Save");
await page.getByRole("alert").filter({ hasText: "guessed first" }).waitFor();
await look("invitation-refused");
await page.getByLabel("New password").fill(password);
await press("Save");
await is("/account");
await look("account-new");

// A passkey, an app, another password.
await page.getByRole("link", { name: "Add a passkey" }).click();
await look("new-passkey");
await page.getByLabel("Name").fill("my laptop");
await press("Add a passkey");
await is("/account");
step("a passkey can be added", await page.getByText("my laptop").first().isVisible());
await press("Set up an app");
await is("/account/totp");
await look("app");
const secret = await page.locator("code.secret").innerText();
await page.getByLabel("Code that the app shows now").fill("000000");
await press("Confirm");
await page.getByRole("alert").filter({ hasText: "not the code" }).waitFor();
await look("app-wrong");
await page.getByLabel("Code that the app shows now").fill(code(secret, 0));
await press("Confirm");
await page.getByRole("heading", { name: "Your recovery codes" }).waitFor();
const codes = await page.locator(".codes code").allInnerTexts();
step("ten recovery codes are shown", new Set(codes).size === 10);
await look("codes");
await page.getByRole("link", { name: "I have kept them" }).click();
await is("/account");
await look("account");
await page.getByRole("link", { name: "Change password" }).click();
await look("password");

// Out, and in again by each way.
await at("/logout");
await look("logout");
await press("Log out");
await page.getByRole("heading", { name: "You are logged out" }).waitFor();
await look("logged-out");
await at("/login");
await look("login");
await page.getByLabel("Name").fill(name);
await page.getByLabel("Password").fill("not the password");
await press("Log in");
await page.getByRole("alert").waitFor();
await look("login-wrong");
await page.getByLabel("Password").fill(password);
await press("Log in");
await is("/login/totp");
await look("totp");
await page.getByRole("link", { name: "Use a recovery code" }).click();
await look("recovery");
await page.getByLabel("Recovery code").fill("0000-0000-0000-0000");
await press("Go on");
await page.getByRole("alert").waitFor();
await look("recovery-wrong");
await page.getByLabel("Recovery code").fill(codes[0]);
await press("Go on");
await is("/account");
step("a recovery code lets in", true);

await context.clearCookies();
await at("/login/passkey?return=/account/password");
await look("passkey");
await press("Use a passkey");
await is("/account/password");
step("a passkey lets in without a name, and leads on", true);

// By the keyboard alone.
await context.clearCookies();
await at("/login");
await page.keyboard.press("Tab");
await page.keyboard.press("Tab");
await page.keyboard.type(name);
await page.keyboard.press("Tab");
await page.keyboard.type(password);
const focused = await page.evaluate(() => document.activeElement.id);
await page.keyboard.press("Enter");
await is("/login/totp");
step("the keyboard alone leads through the login", focused === "password");
await page.getByLabel("Code").fill(code(secret, 1));
await press("Go on");
await is("/account");

// Without any script.
const plain = await browser.newContext({ javaScriptEnabled: false });
const bare = await plain.newPage();
await bare.goto(`${issuer}/login`);
await bare.getByLabel("Name").fill(name);
await bare.getByLabel("Password").fill(password);
await bare.getByRole("button", { name: "Log in", exact: true }).click();
await bare.waitForURL((url) => url.pathname === "/login/totp");
step("a password works without a script", true);
await bare.goto(`${issuer}/login/passkey`);
step("who has no script is told", await bare.getByText("Passkeys need JavaScript").isVisible());

// A client asks, and a device. The client waits for its answer at a port of its own.
const client = createServer((_, answer) => answer.end("back at the client"));
await new Promise((listening) => client.listen(0, "127.0.0.1", listening));
const back = `http://127.0.0.1:${client.address().port}/back`;
const verifier = "a-verifier-that-is-long-enough-for-anybody-to-use";
const asked = new URLSearchParams({
  response_type: "code",
  client_id: "shop",
  redirect_uri: back,
  scope: "openid profile email",
  state: "state",
  code_challenge_method: "S256",
  code_challenge: createHash("sha256").update(verifier).digest("base64url"),
});
await at(`/oauth2/authorize?${asked}`);
await look("consent");
await press("Allow");
await page.waitForURL((url) => url.href.startsWith(`${back}?code=`));
step("a consent leads back to the client", true);
await at(`/oauth2/authorize?${asked}&prompt=consent`);
await press("Do not allow");
await page.waitForURL((url) => url.href.startsWith(`${back}?error=access_denied`));
step("a refusal does, too", true);
client.close();
await at("/oauth2/authorize?client_id=nobody");
await look("error");
const device = await fetch(`${issuer}/oauth2/device`, {
  method: "POST",
  body: new URLSearchParams({ client_id: "shop", scope: "openid profile" }),
}).then((answer) => answer.json());
await at("/device");
await look("device");
await page.getByLabel("Code").fill("BBBB-BBBB");
await press("Go on");
await page.getByRole("alert").waitFor();
await look("device-unknown");
await page.goto(device.verification_uri_complete);
await press("Go on");
await page.getByText("Allow this only if").waitFor();
await look("device-consent");
await press("Allow");
await page.getByRole("heading", { name: "Your device is connected" }).waitFor();
await look("device-allowed");
await at("/account");
await look("account-full");

// Begin again, with a passkey and nothing else.
await context.clearCookies();
await page.goto(recovery);
await look("recover");
await press("Add a passkey");
await is("/account");
step("a recovery link begins again", await page.getByText("You have no password.").isVisible());
await page.goto(recovery);
await look("link-over");

await browser.close();
console.log(JSON.stringify(found));
