"""Speaks for PyPI `joserfc`: `make` prints a token of each algorithm, `check` reads tokens and prints their subjects."""

import json
import os
import sys
import time

from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey, import_key

CURVES = {"ES256": "P-256", "ES384": "P-384", "ES512": "P-521"}


def new_key(algorithm):
    if algorithm in CURVES:
        return ECKey.generate_key(CURVES[algorithm])
    if algorithm == "EdDSA":
        return OKPKey.generate_key("Ed25519")
    if algorithm == "HS256":
        return OctKey.import_key(os.urandom(32))
    return RSAKey.generate_key(2048)


def make(algorithms):
    made = []
    for algorithm in algorithms:
        key = new_key(algorithm)
        now = int(time.time())
        claims = {"iss": "https://issuer.example", "aud": "api", "sub": "from-pypi", "iat": now, "exp": now + 600}
        token = jwt.encode({"alg": algorithm, "typ": "JWT"}, claims, key, algorithms=[algorithm])
        shown = key.as_dict(private=algorithm == "HS256")
        public = {"secret": shown["k"]} if algorithm == "HS256" else {"jwk": shown}
        made.append({"alg": algorithm, "token": token, **public})
    return made


def check(tokens):
    subjects = []
    for one in tokens:
        jwk = one.get("jwk") or {"kty": "oct", "k": one["secret"]}
        claims = jwt.decode(one["token"], import_key(jwk), algorithms=[one["alg"]]).claims
        subjects.append(claims["sub"])
    return subjects


print(json.dumps((make if sys.argv[1] == "make" else check)(json.load(sys.stdin))))
