// Speaks for npm `jose`: `make` prints a token of each algorithm, `check` reads tokens and prints their subjects.
import { SignJWT, exportJWK, generateKeyPair, importJWK, jwtVerify } from "jose";

async function make(algorithms) {
  return Promise.all(algorithms.map(async (alg) => {
    const secret = crypto.getRandomValues(new Uint8Array(32));
    const pair = alg === "HS256" ? null : await generateKeyPair(alg, { extractable: true });
    const token = await new SignJWT({ sub: "from-npm" })
      .setProtectedHeader({ alg, typ: "JWT" })
      .setIssuer("https://issuer.example")
      .setAudience("api")
      .setIssuedAt()
      .setExpirationTime("10m")
      .sign(pair ? pair.privateKey : secret);
    const key = pair ? { jwk: await exportJWK(pair.publicKey) } : { secret: Buffer.from(secret).toString("base64url") };
    return { alg, token, ...key };
  }));
}

async function check(tokens) {
  return Promise.all(tokens.map(async ({ alg, token, jwk, secret }) => {
    const key = jwk ? await importJWK(jwk, alg) : Buffer.from(secret, "base64url");
    const options = { algorithms: [alg], issuer: "https://issuer.example", audience: "api" };
    return (await jwtVerify(token, key, options)).payload.sub;
  }));
}

const input = JSON.parse(await new Response(process.stdin).text());
console.log(JSON.stringify(await (process.argv[2] === "make" ? make(input) : check(input))));
