"""Flows of Authlib. Arguments: a JSON object with issuer, user, clients."""

import html
import json
import os
import re
import sys

os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"  # the issuer is on loopback

import requests
from authlib.integrations.requests_client import OAuth2Session
from authlib.jose import JsonWebKey, jwt

told = json.loads(sys.argv[1])
issuer, callback, web, service = told["issuer"], told["callback"], told["web"], told["service"]
server = requests.get(f"{issuer}/.well-known/openid-configuration").json()


def fields(page, action):
    form = next(part for part in page.split("<form ") if f'action="{action}"' in part).split("</form>")[0]
    found = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', form)
    return {name: html.unescape(value) for name, value in found}


def answer(url):
    """Logs in and allows; the address that the browser is sent back to."""
    person = requests.Session()
    page = person.get(url)
    login = fields(page.text, "/login") | {"name": told["name"], "password": told["password"]}
    # Cookies with the prefix __Host- are for https, or for browsers that trust loopback; Requests does neither.
    jar = "; ".join(f"{cookie.name}={cookie.value}" for cookie in person.cookies)
    entered = requests.post(f"{issuer}/login", data=login, headers={"Cookie": jar}, allow_redirects=False)
    jar = "; ".join(f"{cookie.name}={cookie.value}" for cookie in entered.cookies)
    page = requests.get(issuer + entered.headers["location"], headers={"Cookie": jar})
    allowed = fields(page.text, "/oauth2/consent") | {"decision": "allow"}
    sent = requests.post(f"{issuer}/oauth2/consent", data=allowed, headers={"Cookie": jar}, allow_redirects=False)
    return sent.headers["location"]


session = OAuth2Session(
    web["id"], web["secret"], scope="openid profile offline_access", redirect_uri=callback, code_challenge_method="S256",
    token_endpoint=server["token_endpoint"], revocation_endpoint_auth_method="client_secret_basic",
)
verifier = "a" * 64
url, state = session.create_authorization_url(server["authorization_endpoint"], code_verifier=verifier, nonce="n")
back = answer(url)
token = session.fetch_token(server["token_endpoint"], authorization_response=back, state=state, code_verifier=verifier)
keys = JsonWebKey.import_key_set(requests.get(server["jwks_uri"]).json())
claims = jwt.decode(token["id_token"], keys, claims_options={
    "iss": {"essential": True, "value": issuer}, "aud": {"essential": True, "value": web["id"]}})
claims.validate()
assert claims["nonce"] == "n" and claims["preferred_username"] == told["name"], claims
assert session.get(server["userinfo_endpoint"]).json()["sub"] == claims["sub"]
refreshed = session.refresh_token(server["token_endpoint"], refresh_token=token["refresh_token"])
assert refreshed["access_token"] != token["access_token"]
assert session.introspect_token(server["introspection_endpoint"], token=refreshed["access_token"]).json()["active"]
session.revoke_token(server["revocation_endpoint"], token=token["refresh_token"])
assert not session.introspect_token(server["introspection_endpoint"], token=refreshed["access_token"]).json()["active"]
print("code, ID token, userinfo, refresh, introspection, revocation")

session = OAuth2Session(service["id"], service["secret"], scope="orders:read")
assert session.fetch_token(server["token_endpoint"], grant_type="client_credentials")["access_token"]
print("client credentials")
