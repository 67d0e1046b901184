// oidc-provider as it gives out ES256 JWTs for client credentials, and the load for it and for us. Arguments: `serve`, or
// `load` with a JSON object.
import { createServer } from "node:http";
import { exportJWK, generateKeyPair } from "jose";
import { Agent, request } from "node:http";
import Provider from "oidc-provider";

const [what, argument] = process.argv.slice(2);
if (what === "serve") {
  const { privateKey } = await generateKeyPair("ES256", { extractable: true });
  const key = { ...(await exportJWK(privateKey)), alg: "ES256", use: "sig", kid: "k" };
  const provider = new Provider("http://localhost", {
    jwks: { keys: [key] },
    clients: [{
      client_id: "service", client_secret: "a secret that both sides know of", grant_types: ["client_credentials"],
      redirect_uris: [], response_types: [], id_token_signed_response_alg: "ES256",
    }],
    features: {
      clientCredentials: { enabled: true },
      devInteractions: { enabled: false },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => "https://api.example.com",
        getResourceServerInfo: () => ({
          scope: "orders:read", audience: "https://api.example.com", accessTokenFormat: "jwt", jwt: { sign: { alg: "ES256" } },
        }),
      },
    },
  });
  const answer = provider.callback();
  const server = createServer((asked, told) => {
    // Microseconds of processor time so far.
    if (asked.url === "/cpu") { const { user, system } = process.cpuUsage(); told.end(String(user + system)); } else answer(asked, told);
  });
  server.listen(0, "127.0.0.1", () => console.log(server.address().port));
} else {
  const { port, path, id, secret, many } = JSON.parse(argument);
  const agent = new Agent({ keepAlive: true, maxSockets: 8 });
  const body = "grant_type=client_credentials&scope=orders%3Aread";
  const headers = {
    authorization: "Basic " + Buffer.from(`${encodeURIComponent(id)}:${encodeURIComponent(secret)}`).toString("base64"),
    "content-type": "application/x-www-form-urlencoded", "content-length": body.length,
  };
  const once = () => new Promise((done, failed) => {
    const asked = request({ host: "127.0.0.1", port, path, method: "POST", agent, headers }, (told) => {
      let text = "";
      told.on("data", (piece) => (text += piece));
      told.on("end", () => (told.statusCode === 200 && text.includes('"access_token"') ? done() : failed(new Error(text))));
    });
    asked.on("error", failed);
    asked.end(body);
  });
  let left = many;
  const began = performance.now();
  await Promise.all(Array.from({ length: 8 }, async () => { while (left-- > 0) await once(); }));
  console.log((performance.now() - began) / 1000);
  agent.destroy();
}
