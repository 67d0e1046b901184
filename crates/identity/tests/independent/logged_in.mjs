// Somebody logs in at a client; prints the `sid` of the ID token that the client gets. Arguments: a JSON object.
import { createHash } from "node:crypto";
import { decodeJwt } from "jose";
import { Person } from "./person.mjs";

const { issuer, name, password, callback, client } = JSON.parse(process.argv[2]);
const verifier = "a-verifier-that-is-long-enough-for-anybody-to-use";
const url = new URL(`${issuer}/oauth2/authorize`);
url.search = new URLSearchParams({
  client_id: client, redirect_uri: callback, response_type: "code", scope: "openid",
  code_challenge: createHash("sha256").update(verifier).digest("base64url"), code_challenge_method: "S256",
});
const back = new URL(await new Person(issuer, name, password).answer(url));
const body = new URLSearchParams({
  grant_type: "authorization_code", client_id: client, code: back.searchParams.get("code"), code_verifier: verifier,
});
const answer = await fetch(`${issuer}/oauth2/token`, { method: "POST", body });
console.log(decodeJwt((await answer.json()).id_token).sid);
