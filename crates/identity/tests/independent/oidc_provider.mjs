// A foreign provider, oidc-provider, and somebody who has an account there and logs in here with it. Arguments: a JSON
// object with our issuer, the provider's and its port.
import assert from "node:assert/strict";
import Provider from "oidc-provider";

const { issuer, foreign, port } = JSON.parse(process.argv[2]);
const provider = new Provider(foreign, {
  clients: [{
    client_id: "here", client_secret: "a secret that both sides know of", token_endpoint_auth_method: "client_secret_basic",
    redirect_uris: [`${issuer}/login/external/foreign/return`],
  }],
  claims: { openid: ["sub"], profile: ["name", "preferred_username"], email: ["email", "email_verified"] },
  conformIdTokenClaims: false,
  findAccount: (_, id) => ({
    accountId: id,
    claims: () => ({ sub: id, name: "Bela", preferred_username: id, email: `${id}@foreign.example`, email_verified: true }),
  }),
});
const server = await new Promise((listening) => { const made = provider.listen(port, "localhost", () => listening(made)); });

const jars = new Map();
async function ask(url, form) {
  const origin = new URL(url).origin;
  const jar = jars.get(origin) ?? jars.set(origin, new Map()).get(origin);
  const headers = { cookie: [...jar].map(([name, value]) => `${name}=${value}`).join("; ") };
  const body = form && new URLSearchParams(form);
  const answer = await fetch(url, { method: form ? "POST" : "GET", headers, body, redirect: "manual" });
  for (const cookie of answer.headers.getSetCookie()) {
    const [, name, value] = /^([^=]+)=([^;]*)/.exec(cookie);
    if (/max-age=0|expires=Thu, 01 Jan 1970/i.test(cookie)) jar.delete(name);
    else jar.set(name, value);
  }
  const location = answer.headers.get("location");
  return { status: answer.status, text: await answer.text(), location: location && new URL(location, url).href, url };
}

const page = await ask(`${issuer}/login`);
assert.match(page.text, /Log in with foreign/i);
let at = await ask(`${issuer}/login/external/foreign?return=%2Faccount`);
for (let steps = 0; steps < 12 && (at.location || at.url.includes("/interaction/")); steps++) {
  if (at.location) { at = await ask(at.location); continue; }
  const action = new URL(/<form[^>]* action="([^"]+)"/.exec(at.text)[1], at.url).href;
  const prompt = /name="prompt" value="([^"]+)"/.exec(at.text)[1];
  at = await ask(action, { prompt, login: "bela", password: "anything" });
}
assert.equal(at.url, `${issuer}/account`, `${at.status} ${at.url} ${at.text}`);
assert.equal(at.status, 200);
assert.ok(at.text.includes("Bela"), at.text);
server.close();
process.exit(0);
