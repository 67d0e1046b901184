// Grades answers by the rules of the MDN HTTP Observatory: its own retriever, tests and chart, over TLS whose certificate is
// verified. Its scanner takes only hosts on the standard ports and their first page; what it does with an answer is done here
// with every page. Arguments: a JSON object with host, ports, the invitation of a user, and paths. A line is written for each
// answer: grade, score, status, path, and what cost something.
import { createHmac } from "node:crypto";
import { writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

const told = JSON.parse(process.argv[2]);
const observatory = join(dirname(createRequire(import.meta.url).resolve("@mdn/mdn-http-observatory")), "..");
// The package comes without the list of preloaded hosts. None of ours is on it, which gains nothing.
writeFileSync(join(observatory, "conf", "hsts-preload.json"), "{}");
const [{ ALL_TESTS }, { MINIMUM_SCORE_FOR_EXTRA_CREDIT }, { getGradeForScore, getScoreModifier }, { retrieve }, { parseHttpEquivHeaders }] =
  await Promise.all(["constants", "grader/charts", "grader/grader", "retriever/retriever", "retriever/utils"]
    .map((name) => import(join(observatory, "src", `${name}.js`))));

// As in `scan` of src/scanner/index.js.
function grade(requests) {
  let [extra, plain] = [100, 100];
  const costs = [];
  for (const test of ALL_TESTS) {
    const { result } = test(requests);
    const modifier = getScoreModifier(result);
    extra += modifier;
    if (modifier < 0) {
      plain += modifier;
      costs.push(result);
    }
  }
  return { ...getGradeForScore(plain >= MINIMUM_SCORE_FOR_EXTRA_CREDIT ? extra : plain), costs };
}

const [ports, jar] = [{ httpPort: told.unused, httpsPort: told.port }, new Map()];
const origin = `https://${told.host}:${told.port}`;
const cookie = () => [...jar].map(([name, value]) => `${name}=${value}`).join("; ");

function keep(session, answer) {
  for (const { key, value } of session.jar.serializeSync().cookies) jar.set(key, value);
  for (const line of [answer.headers["set-cookie"] ?? []].flat()) {
    const [, name, value] = /^([^=]+)=([^;]*)/.exec(line);
    if (/max-age=0/i.test(line)) jar.delete(name);
    else jar.set(name, value);
  }
}

function tell(what, requests) {
  const answer = requests.responses.auto;
  if (!answer?.verified) throw new Error(`${what}: no answer, or one whose certificate is not verified`);
  if (requests.responses.http) throw new Error("something answers without TLS");
  const { grade: letter, score, costs } = grade(requests);
  console.log([letter, score, answer.status, what, ...costs].join(" "));
  return requests;
}

async function get(path) {
  const headers = ["Accept: text/html,*/*;q=0.8", `Cookie: ${cookie()}`];
  const requests = await retrieve(told.host, { ...ports, path, headers });
  const answer = requests.responses.auto;
  if (answer) keep(requests.session, answer);
  const arrived = requests.session?.redirectHistory.at(-1)?.url.pathname;
  return tell(arrived && arrived !== path.split("?")[0] ? `${path} -> ${arrived}` : path, requests);
}

const plain = (text) => text.replace(/&#38;|&amp;/g, "&").replace(/&#34;|&quot;/g, '"').replace(/&#39;/g, "'");

// Sends a form of a page; the answer is judged in the place of the page's.
async function send(requests, action, fields = {}) {
  const forms = requests.resources.path.split("<form ").slice(1);
  const form = forms.find((part) => part.includes(`action="${action}"`))?.split("</form>")[0];
  if (!form) throw new Error(`no form for ${action}: ${requests.resources.path}`);
  const hidden = [...form.matchAll(/<input type="hidden" name="([^"]+)" value="([^"]*)"/g)];
  const body = new URLSearchParams({ ...Object.fromEntries(hidden.map(([, name, value]) => [name, plain(value)])), ...fields });
  const { session } = requests;
  const answer = await session.clientInstanceRecordingRedirects.request({
    method: "POST", url: origin + action, data: body.toString(),
    headers: { "content-type": "application/x-www-form-urlencoded", cookie: cookie(), origin },
  });
  keep(session, answer);
  const { clientInstanceRecordingRedirects: { defaults } } = session;
  requests.responses.auto = requests.responses.https = { ...answer, verified: defaults.httpsAgent.options.rejectUnauthorized };
  requests.resources.path = String(answer.data);
  requests.responses.auto.httpEquiv = parseHttpEquivHeaders(requests.resources.path, origin + action);
  return tell(`POST ${action}`, requests);
}

// RFC 6238 with the secret of the page, in base32.
function totp(text) {
  const bits = [...text.replace(/\s/g, "")].map((digit) => "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".indexOf(digit).toString(2).padStart(5, "0"));
  const key = Buffer.from(bits.join("").match(/.{8}/g).map((byte) => parseInt(byte, 2)));
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000)));
  const mac = createHmac("sha1", key).update(counter).digest();
  return String((mac.readUInt32BE(mac[19] & 15) & 0x7fffffff) % 1_000_000).padStart(6, "0");
}

for (const path of told.paths) await get(path);
const invitation = await get(told.invitation.replace(/^https:\/\/[^/]+/, ""));
const { password } = told;
await send(invitation, "/invitation/password", { password: "short" });
await send(await get(told.invitation.replace(/^https:\/\/[^/]+/, "")), "/invitation/password", { password });
jar.clear();
await send(await get("/login"), "/login", { name: told.name, password: "another password" });
const entered = await send(await get("/login"), "/login", { name: told.name, password });
if (!/action="\/logout"/.test(entered.resources.path)) throw new Error(`not logged in: ${entered.resources.path}`);
for (const path of told.inside) await get(path);
const app = await send(await get("/account"), "/account/totp");
const secret = /<code class="secret">([^<]+)</.exec(app.resources.path)[1];
const codes = await send(app, "/account/totp/confirm", { code: totp(secret) });
if (!codes.resources.path.includes('<ul class="codes">')) throw new Error(`no codes: ${codes.resources.path}`);
await send(await get(told.consent), "/oauth2/consent", { decision: "allow" });
await send(await get("/account/password"), "/account/password", { current: "wrong", new: "eight brown hedgehogs" });
await send(await get("/account"), "/logout");
// A login whose second factor is owed.
jar.clear();
const second = await send(await get("/login"), "/login", { name: told.name, password });
if (!second.resources.path.includes('action="/login/totp"')) throw new Error(`no second step: ${second.resources.path}`);
await get("/login/totp");
await send(await get("/login/recovery"), "/login/recovery", { code: "not one" });

// The positive twin: the same page without its policy is no longer the best.
const page = await retrieve(told.host, { ...ports, path: "/login" });
delete page.responses.auto.headers["content-security-policy"];
if (grade(page).grade.startsWith("A")) throw new Error("a page without a policy was graded like one with it");
