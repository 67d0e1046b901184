//! Clients for themselves: what they prove, what they get, and how it ends.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs, unreachable_pub, dead_code)]

mod asking;
mod visiting;

use asking::{CALLBACK, ORDERS, Prover, STOCK, basic, claims, shop};
use http::StatusCode;
use identity::{
    Authentication, CertificateName, Client, ClientCertificate, ClientId, ClientKind, DistinguishedName, Origin,
    RedirectUri, Settings, TokenFormat,
};
use jose::{Algorithm, SigningKey};
use serde_json::json;
use visiting::{House, ISSUER};

#[tokio::test]
async fn a_service_gets_a_token_that_says_what_rfc_9068_asks_for() {
    let server = House::with(shop).await;
    let (client, secret) = server.client(ClientKind::Service, |client| client.roles = vec!["buyer".into()]).await;
    let answer = server.client_credentials(&client, &secret, &[("scope", "orders:read"), ("resource", ORDERS)]).await;
    assert_eq!(answer.status(), StatusCode::OK, "{}", answer.text());
    assert_eq!(answer.field("cache-control"), "no-store");
    let body = answer.json();
    assert_eq!((body["token_type"].as_str(), body["expires_in"].as_u64()), (Some("Bearer"), Some(600)));
    assert!(body.get("refresh_token").is_none());
    let token = body["access_token"].as_str().unwrap();
    let said = claims(token);
    assert_eq!(said["iss"], ISSUER);
    assert_eq!(said["sub"], client.id.0);
    assert_eq!(said["client_id"], client.id.0);
    assert_eq!(said["aud"], ORDERS);
    assert_eq!(said["scope"], "orders:read");
    assert_eq!(said["roles"], json!(["buyer"]));
    assert!(said["jti"].as_str().unwrap().len() >= 32);
    let header = jose::jwt::Unverified::parse(token).unwrap();
    assert_eq!(header.algorithm(), Algorithm::Es256);
}

#[tokio::test]
async fn only_the_right_secret_proves_a_client() {
    let server = House::with(shop).await;
    let (client, secret) = server.client(ClientKind::Service, |_| {}).await;
    let (_, other) = server.client(ClientKind::Service, |_| {}).await;
    for wrong in ["", "secret", other.as_str(), &secret[..secret.len() - 1]] {
        let answer = server.client_credentials(&client, wrong, &[]).await;
        assert_eq!(answer.error(), (401, "invalid_client".into()), "{wrong}");
        assert!(answer.field("www-authenticate").starts_with("Basic"));
    }
    let form =
        [("grant_type", "client_credentials"), ("client_id", client.id.0.as_str()), ("client_secret", secret.as_str())];
    assert_eq!(server.post("/oauth2/token", &form).await.status(), StatusCode::OK);
    let both = server.client_credentials(&client, &secret, &[("client_secret", &secret)]).await;
    assert_eq!(both.error(), (400, "invalid_request".into()), "one way to authenticate at a time");
    server.identity.set_client_disabled(&client.id, true).await.unwrap();
    assert_eq!(server.client_credentials(&client, &secret, &[]).await.error().1, "invalid_client");
}

#[tokio::test]
async fn a_rolled_secret_is_good_for_an_hour_more() {
    let server = House::with(shop).await;
    let (client, old) = server.client(ClientKind::Service, |_| {}).await;
    let new = server.identity.rotate_client_secret(&client.id).await.unwrap().expose().to_owned();
    for secret in [&old, &new] {
        assert_eq!(server.client_credentials(&client, secret, &[]).await.status(), StatusCode::OK);
    }
    server.clock.forward(3_600);
    assert_eq!(server.client_credentials(&client, &old, &[]).await.error().1, "invalid_client");
    assert_eq!(server.client_credentials(&client, &new, &[]).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn scopes_and_resources_beyond_the_clients_are_refused() {
    let server = House::with(shop).await;
    let (client, secret) = server
        .client(ClientKind::Service, |client| {
            client.scopes = ["orders:read".to_owned()].into();
            client.resources = vec![ORDERS.into()];
        })
        .await;
    let ask = |form: &'static [(&'static str, &'static str)]| server.client_credentials(&client, &secret, form);
    assert_eq!(ask(&[("scope", "orders:write")]).await.error(), (400, "invalid_scope".into()));
    assert_eq!(ask(&[("scope", "openid")]).await.error(), (400, "invalid_scope".into()));
    assert_eq!(ask(&[("resource", STOCK)]).await.error(), (400, "invalid_target".into()));
    assert_eq!(ask(&[("resource", "https://elsewhere.example")]).await.error(), (400, "invalid_target".into()));
    let body = ask(&[]).await.json();
    let said = claims(body["access_token"].as_str().unwrap());
    assert_eq!((said["aud"].as_str(), said["scope"].as_str()), (Some(ORDERS), Some("orders:read")), "its own, unasked");
}

#[tokio::test]
async fn f70_a_parameter_that_comes_twice_is_an_invalid_request() {
    let server = House::with(shop).await;
    let (client, secret) = server.client(ClientKind::Service, |_| {}).await;
    let answer =
        server.client_credentials(&client, &secret, &[("scope", "orders:read"), ("scope", "orders:write")]).await;
    assert_eq!(answer.error(), (400, "invalid_request".into()));
    let answer = server.fetch("/oauth2/authorize?client_id=a&client_id=b&response_type=code").await;
    assert_eq!(answer.status(), StatusCode::BAD_REQUEST);
    assert_eq!(answer.field("location"), "", "shown, and sent nowhere");
}

#[tokio::test]
async fn f77_a_client_assertion_is_good_once_for_this_server_alone() {
    let server = House::with(shop).await;
    let key = SigningKey::generate(Algorithm::Es256).unwrap();
    let jwks = json!({ "keys": [key.public_jwk()] });
    let authentication = Authentication::PrivateKeyJwt { jwks };
    let (client, _) = server.client(ClientKind::Service, |client| client.authentication = authentication).await;
    let now = server.now();
    let id = client.id.0.as_str();
    let assertion = |claims: serde_json::Value| key.sign_jwt("JWT", &claims).unwrap();
    let usual = json!({ "iss": id, "sub": id, "aud": ISSUER, "jti": "first", "iat": now, "exp": now + 60 });
    let with = |name: &str, value: serde_json::Value| {
        let mut changed = usual.clone();
        changed["jti"] = format!("{name}-{value}").into();
        changed[name] = value;
        changed
    };
    let ask = async |assertion: &str| {
        let form = [
            ("grant_type", "client_credentials"),
            ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
            ("client_assertion", assertion),
        ];
        server.post("/oauth2/token", &form).await
    };
    let first = assertion(usual.clone());
    assert_eq!(ask(&first).await.status(), StatusCode::OK);
    assert_eq!(ask(&first).await.error(), (401, "invalid_client".into()), "used before");
    let good = [
        with("aud", json!(format!("{ISSUER}/oauth2/token"))),
        with("aud", json!([ISSUER])),
        with("iat", json!(now + 10)),
    ];
    for claims in good {
        assert_eq!(ask(&assertion(claims.clone())).await.status(), StatusCode::OK, "{claims}");
    }
    let bad = [
        with("aud", json!("https://elsewhere.example")),
        with("aud", json!([ISSUER, "https://elsewhere.example"])),
        with("sub", json!("someone")),
        with("iss", json!("someone")),
        with("exp", json!(now - 60)),
        with("exp", json!(now + 3_600)),
        with("iat", json!(now + 61)),
        with("nbf", json!(now + 61)),
        with("jti", json!("")),
    ];
    for claims in bad {
        let mut claims = claims;
        if claims["jti"] != "" && claims["jti"].as_str().is_some_and(|id| id.starts_with("jti-")) {
            claims["jti"] = "".into();
        }
        assert_eq!(ask(&assertion(claims.clone())).await.error(), (401, "invalid_client".into()), "{claims}");
    }
    let thief = SigningKey::generate(Algorithm::Es256).unwrap();
    let forged = thief.sign_jwt("JWT", &with("jti", json!("forged"))).unwrap();
    assert_eq!(ask(&forged).await.error().1, "invalid_client");
}

fn fapi(settings: &mut Settings) {
    shop(settings);
    settings.fapi = true;
}

#[tokio::test]
async fn the_fapi_profile_takes_no_secrets_and_binds_every_token() {
    // They were registered before the profile was switched on.
    let server = House::with(shop).await;
    let (client, secret) = server.client(ClientKind::Service, |_| {}).await;
    let (public, _) =
        server.client(ClientKind::Native, |client| client.grants.extend([identity::GrantType::DeviceCode])).await;
    let server = server.reopened(fapi).await;
    assert_eq!(server.client_credentials(&client, &secret, &[]).await.error().1, "invalid_client");
    let answer = server.post("/oauth2/device", &[("client_id", &public.id.0)]).await;
    assert_eq!(answer.error().1, "invalid_client", "nor clients that prove nothing");
    let key = SigningKey::generate(Algorithm::Es256).unwrap();
    let authentication = Authentication::PrivateKeyJwt { jwks: json!({ "keys": [key.public_jwk()] }) };
    let (client, _) = server.client(ClientKind::Service, |client| client.authentication = authentication).await;
    let now = server.now();
    let ask = async |audience: serde_json::Value, number: u32| {
        let id = client.id.0.as_str();
        let claims = json!({ "iss": id, "sub": id, "aud": audience, "jti": number.to_string(), "exp": now + 60 });
        let assertion = key.sign_jwt("JWT", &claims).unwrap();
        let form = [
            ("grant_type", "client_credentials"),
            ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
            ("client_assertion", assertion.as_str()),
        ];
        server.post("/oauth2/token", &form).await.error()
    };
    assert_eq!(ask(json!(format!("{ISSUER}/oauth2/token")), 1).await.1, "invalid_client", "the issuer alone");
    assert_eq!(ask(json!([ISSUER]), 2).await.1, "invalid_client", "as a string alone");
    assert_eq!(ask(json!(ISSUER), 3).await, (400, "invalid_dpop_proof".into()), "and every token is bound");
}

#[tokio::test]
async fn a_client_of_the_fapi_profile_is_not_registered_with_what_the_profile_refuses() {
    let server = House::with(shop).await;
    let refused = async |server: &House, kind, fapi| {
        let mut client = Client::new(ClientId(String::new()), "An app", kind);
        client.redirect_uris = vec![RedirectUri::parse(CALLBACK, kind).unwrap()];
        client.fapi = fapi;
        let created = server.identity.create_client(client.clone()).await;
        client.authentication = Authentication::PrivateKeyJwt {
            jwks: json!({ "keys": [SigningKey::generate(Algorithm::Es256).unwrap().public_jwk()] }),
        };
        server.identity.create_client(client).await.unwrap();
        created.err().map(|error| error.to_string()).unwrap_or_default()
    };
    for kind in [ClientKind::Web, ClientKind::Service, ClientKind::Browser, ClientKind::Native] {
        assert_eq!(refused(&server, kind, false).await, "");
        let why = refused(&server, kind, true).await;
        assert!(why.contains("private_key_jwt") && why.contains("tls_client_auth"), "{why}");
    }
    let before = server.identity.clients().await.unwrap().len();
    let (mut known, _) = server.client(ClientKind::Service, |_| {}).await;
    known.fapi = true;
    assert!(server.identity.update_client(&known).await.is_err());
    assert_eq!(server.identity.clients().await.unwrap().len(), before + 1);

    let server = server.reopened(fapi).await;
    assert_ne!(refused(&server, ClientKind::Service, false).await, "", "the whole server keeps to the profile");
    let initial = server.identity.initial_access_token().await.unwrap();
    let register = async |document: serde_json::Value| {
        let request = http::Request::post("/oauth2/register")
            .header("authorization", format!("Bearer {}", initial.expose()))
            .body(document.to_string().into());
        server.ask(request.unwrap()).await
    };
    let refused = register(json!({ "redirect_uris": [CALLBACK] })).await;
    assert_eq!(refused.error(), (400, "invalid_client_metadata".into()));
    let named = json!({
        "redirect_uris": [CALLBACK], "token_endpoint_auth_method": "tls_client_auth",
        "tls_client_auth_subject_dn": "CN=shop,O=Example",
    });
    let answer = register(named).await;
    assert_eq!(answer.status(), StatusCode::CREATED, "the token is still good: {}", answer.text());
    assert_eq!(answer.json()["tls_client_auth_subject_dn"], "CN=shop,O=Example");
    assert_eq!(answer.json().get("client_secret"), None);
}

/// A certificate as a connection shows it.
fn certificate(name: &str, dns: &str) -> ClientCertificate {
    let mut params = rcgen::CertificateParams::new(vec![dns.to_owned()]).unwrap();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(rcgen::DnType::CommonName, name);
    let der = params.self_signed(&rcgen::KeyPair::generate().unwrap()).unwrap().der().to_vec();
    ClientCertificate { der: der.into(), trusted: true }
}

#[tokio::test]
async fn a_certificate_is_its_client_only_if_it_says_what_was_registered() {
    let server = House::with(shop).await;
    let subject = CertificateName::Subject(DistinguishedName::parse("CN=billing").unwrap());
    let alternative = CertificateName::Alternative("billing.example".to_owned());
    for name in [subject, alternative] {
        let authentication = Authentication::TlsClientAuth { name };
        let (client, _) = server.client(ClientKind::Service, |client| client.authentication = authentication).await;
        let listed = server.identity.clients().await.unwrap();
        assert!(listed.iter().any(|stored| stored.client == client), "it is kept as it was made");
        let ask = async |certificate: Option<ClientCertificate>| {
            let body = format!("grant_type=client_credentials&client_id={}&scope=orders%3Aread", client.id);
            let request = http::Request::post("/oauth2/token")
                .header("content-type", "application/x-www-form-urlencoded")
                .body(body.into())
                .unwrap();
            let origin = Origin { address: "203.0.113.7".parse().unwrap(), certificate };
            server.identity.answer(origin, request).await.status()
        };
        assert_eq!(ask(Some(certificate("billing", "billing.example"))).await, StatusCode::OK);
        assert_eq!(ask(Some(certificate("shop", "shop.example"))).await, StatusCode::UNAUTHORIZED);
        assert_eq!(ask(Some(certificate("billing.example", "billing"))).await, StatusCode::UNAUTHORIZED);
        let untrusted = ClientCertificate { trusted: false, ..certificate("billing", "billing.example") };
        assert_eq!(ask(Some(untrusted)).await, StatusCode::UNAUTHORIZED);
        assert_eq!(ask(None).await, StatusCode::UNAUTHORIZED);
    }
}

#[tokio::test]
async fn g82_a_proof_needs_our_nonce_and_is_used_once() {
    let server = House::with(shop).await;
    let (client, secret) = server.client(ClientKind::Service, |client| client.dpop_bound = true).await;
    let prover = Prover::new();
    let now = server.now();
    let ask = async |proof: &str| {
        let fields = [("authorization", basic(&client.id.0, &secret)), ("dpop", proof.to_owned())];
        let fields = fields.each_ref().map(|(name, value)| (*name, value.as_str()));
        server.post_with("/oauth2/token", &[("grant_type", "client_credentials")], &fields).await
    };
    assert_eq!(server.client_credentials(&client, &secret, &[]).await.error(), (400, "invalid_dpop_proof".into()));
    let proof = |more| prover.proof("POST", "/oauth2/token", now, &more);
    let first = ask(&proof(json!({}))).await;
    assert_eq!(first.error(), (400, "use_dpop_nonce".into()));
    let nonce = first.field("dpop-nonce").to_owned();
    assert_ne!(nonce, "");
    let good = proof(json!({ "nonce": nonce }));
    let answer = ask(&good).await;
    assert_eq!(answer.status(), StatusCode::OK, "{}", answer.text());
    let body = answer.json();
    assert_eq!(body["token_type"], "DPoP");
    let said = claims(body["access_token"].as_str().unwrap());
    assert_eq!(said["cnf"]["jkt"].as_str(), Some(prover.key.kid()));
    assert_eq!(ask(&good).await.error(), (400, "invalid_dpop_proof".into()), "used before");
    let bad = [
        prover.proof("GET", "/oauth2/token", now, &json!({ "nonce": nonce })),
        prover.proof("POST", "/oauth2/par", now, &json!({ "nonce": nonce })),
        prover.proof("POST", "/oauth2/token", now - 300, &json!({ "nonce": nonce })),
        prover.proof("POST", "/oauth2/token", now + 300, &json!({ "nonce": nonce })),
    ];
    for proof in bad {
        assert_eq!(ask(&proof).await.error(), (400, "invalid_dpop_proof".into()));
    }
    server.clock.forward(180);
    let late = prover.proof("POST", "/oauth2/token", now + 180, &json!({ "nonce": nonce }));
    assert_eq!(ask(&late).await.error(), (400, "use_dpop_nonce".into()), "a nonce is good for two minutes");
}

#[tokio::test]
async fn f79_a_revoked_token_is_inactive_at_once_and_after_a_restart() {
    let server = House::with(shop).await;
    let (client, secret) = server.client(ClientKind::Service, |_| {}).await;
    let token = async |server: &House| {
        let body = server.client_credentials(&client, &secret, &[]).await.json();
        body["access_token"].as_str().unwrap().to_owned()
    };
    let (kept, revoked) = (token(&server).await, token(&server).await);
    assert_eq!(server.introspect(&client, &secret, &revoked).await["active"], true);
    let fields = [("authorization", basic(&client.id.0, &secret))];
    let fields = fields.each_ref().map(|(name, value)| (*name, value.as_str()));
    let epoch = server.identity.revocations().epoch();
    let answer = server.post_with("/oauth2/revoke", &[("token", &revoked)], &fields).await;
    assert_eq!(answer.status(), StatusCode::OK);
    assert_ne!(server.identity.revocations().epoch(), epoch, "whoever caches looks again");
    assert_eq!(server.introspect(&client, &secret, &revoked).await, json!({ "active": false }));
    assert_eq!(server.introspect(&client, &secret, &kept).await["active"], true);
    server.identity.close().await;
    let again = server.reopened(shop).await;
    assert_eq!(again.introspect(&client, &secret, &revoked).await, json!({ "active": false }));
    assert_eq!(again.introspect(&client, &secret, &kept).await["active"], true);
    again.identity.set_client_disabled(&client.id, true).await.unwrap();
    again.identity.set_client_disabled(&client.id, false).await.unwrap();
    assert_eq!(again.introspect(&client, &secret, &kept).await, json!({ "active": false }), "shut out, then let in");
}

#[tokio::test]
async fn a_client_learns_nothing_of_tokens_that_are_not_its_business() {
    let server = House::with(shop).await;
    let (client, secret) = server.client(ClientKind::Service, |_| {}).await;
    let (stranger, strange) = server.client(ClientKind::Service, |_| {}).await;
    let (api, key) = server.client(ClientKind::Service, |client| client.serves = vec![ORDERS.into()]).await;
    let body = server.client_credentials(&client, &secret, &[("resource", ORDERS)]).await.json();
    let token = body["access_token"].as_str().unwrap();
    assert_eq!(server.introspect(&stranger, &strange, token).await, json!({ "active": false }));
    assert_eq!(server.introspect(&api, &key, token).await["client_id"], client.id.0);
    let fields = [("authorization", basic(&stranger.id.0, &strange))];
    let fields = fields.each_ref().map(|(name, value)| (*name, value.as_str()));
    server.post_with("/oauth2/revoke", &[("token", token)], &fields).await;
    assert_eq!(server.introspect(&api, &key, token).await["active"], true, "nor can it end them");
}

#[tokio::test]
async fn an_opaque_token_says_nothing_and_stands_for_a_jwt() {
    let server = House::with(shop).await;
    let (client, secret) =
        server.client(ClientKind::Service, |client| client.token_format = Some(TokenFormat::Opaque)).await;
    let body = server.client_credentials(&client, &secret, &[("resource", ORDERS)]).await.json();
    let token = body["access_token"].as_str().unwrap();
    assert!(token.starts_with("pco_") && !token.contains('.'));
    assert_eq!(server.introspect(&client, &secret, token).await["aud"], ORDERS);
    let fields = [("authorization", basic(&client.id.0, &secret))];
    let fields = fields.each_ref().map(|(name, value)| (*name, value.as_str()));
    server.post_with("/oauth2/revoke", &[("token", token)], &fields).await;
    assert_eq!(server.introspect(&client, &secret, token).await, json!({ "active": false }));
    let body = server.client_credentials(&client, &secret, &[]).await.json();
    server.clock.forward(600);
    let token = body["access_token"].as_str().unwrap();
    assert_eq!(server.introspect(&client, &secret, token).await, json!({ "active": false }), "expired");
}

#[tokio::test]
async fn an_api_exchanges_a_token_for_one_that_can_do_no_more() {
    let server = House::with(shop).await;
    let (client, secret) = server.client(ClientKind::Service, |_| {}).await;
    let exchange = "urn:ietf:params:oauth:grant-type:token-exchange";
    let (api, key) = server
        .client(ClientKind::Service, |client| {
            client.serves = vec![ORDERS.into()];
            client.grants.insert(identity::GrantType::TokenExchange);
        })
        .await;
    let body =
        server.client_credentials(&client, &secret, &[("resource", ORDERS), ("scope", "orders:read")]).await.json();
    let token = body["access_token"].as_str().unwrap().to_owned();
    let ask = async |id: &str, key: &str, token: &str, scope: &str| {
        let form = [
            ("grant_type", exchange),
            ("subject_token", token),
            ("subject_token_type", "urn:ietf:params:oauth:token-type:access_token"),
            ("resource", STOCK),
            ("scope", scope),
        ];
        server.post_with("/oauth2/token", &form, &[("authorization", &basic(id, key))]).await
    };
    server.clock.forward(100);
    let answer = ask(&api.id.0, &key, &token, "orders:read").await;
    assert_eq!(answer.status(), StatusCode::OK, "{}", answer.text());
    let body = answer.json();
    assert_eq!(body["issued_token_type"], "urn:ietf:params:oauth:token-type:access_token");
    assert_eq!(body["expires_in"], 500, "no longer than the token it was given for");
    let said = claims(body["access_token"].as_str().unwrap());
    assert_eq!((said["sub"].as_str(), said["aud"].as_str()), (Some(client.id.0.as_str()), Some(STOCK)));
    assert_eq!(said["act"], json!({ "sub": api.id.0 }));
    assert_eq!(ask(&api.id.0, &key, &token, "orders:write").await.error(), (400, "invalid_scope".into()));
    let body = server.client_credentials(&client, &secret, &[("resource", STOCK)]).await.json();
    let other = body["access_token"].as_str().unwrap();
    assert_eq!(
        ask(&api.id.0, &key, other, "orders:read").await.error().1,
        "invalid_grant",
        "a token that was not for it"
    );
}

#[tokio::test]
async fn a_client_registers_itself_once_with_the_operators_token_and_cares_for_itself() {
    let server = House::with(shop).await;
    let initial = server.identity.initial_access_token().await.unwrap().expose().to_owned();
    let metadata = json!({
        "client_name": "Shop", "redirect_uris": ["https://shop.example.net/back"], "scope": "openid orders:read unknown",
    });
    let call = async |method: &str, target: &str, token: &str, body: &serde_json::Value| {
        let request = http::Request::builder().method(method).uri(target).header("content-type", "application/json");
        let request = request.header("authorization", format!("Bearer {token}"));
        server.ask(request.body(bytes::Bytes::from(body.to_string())).unwrap()).await
    };
    assert_eq!(call("POST", "/oauth2/register", "nothing", &metadata).await.error(), (401, "invalid_token".into()));
    let bad = json!({ "redirect_uris": ["https://shop.example.net/*"] });
    assert_eq!(call("POST", "/oauth2/register", &initial, &bad).await.error(), (400, "invalid_redirect_uri".into()));
    let answer = call("POST", "/oauth2/register", &initial, &metadata).await;
    assert_eq!(answer.status(), StatusCode::CREATED, "{}", answer.text());
    let body = answer.json();
    assert_eq!(body["scope"], "openid orders:read");
    assert!(body["client_secret"].as_str().unwrap().starts_with("pcs_"));
    assert_eq!(call("POST", "/oauth2/register", &initial, &metadata).await.error().0, 401, "once");
    let (own, uri) =
        (body["registration_access_token"].as_str().unwrap(), body["registration_client_uri"].as_str().unwrap());
    let path = uri.strip_prefix(ISSUER).unwrap();
    assert_eq!(call("GET", path, own, &json!({})).await.json()["client_name"], "Shop");
    let renamed = json!({ "client_name": "Store", "redirect_uris": ["https://shop.example.net/back"] });
    assert_eq!(call("PUT", path, own, &renamed).await.json()["client_name"], "Store");
    assert_eq!(call("GET", path, &initial, &json!({})).await.error().0, 401);
    assert_eq!(call("DELETE", path, own, &json!({})).await.status(), StatusCode::NO_CONTENT);
    assert_eq!(call("GET", path, own, &json!({})).await.error().0, 401);
}

#[tokio::test]
async fn an_exchanged_token_dies_with_the_token_that_it_came_of() {
    let server = House::with(shop).await;
    let (client, secret) = server.client(ClientKind::Service, |_| {}).await;
    let apis = |client: &mut Client| {
        client.serves = vec![ORDERS.into(), STOCK.into()];
        client.grants.insert(identity::GrantType::TokenExchange);
    };
    let (api, key) = server.client(ClientKind::Service, apis).await;
    let given = async || {
        let body = server.client_credentials(&client, &secret, &[("resource", ORDERS)]).await.json();
        body["access_token"].as_str().unwrap().to_owned()
    };
    let exchanged = async |token: &str| {
        let form = [
            ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"),
            ("subject_token", token),
            ("subject_token_type", "urn:ietf:params:oauth:token-type:access_token"),
            ("resource", STOCK),
        ];
        let answer = server.post_with("/oauth2/token", &form, &[("authorization", &basic(&api.id.0, &key))]).await;
        answer.json()["access_token"].as_str().unwrap().to_owned()
    };
    let is_good = async |token: &str| server.identity.judge_token(token).await.unwrap().valid;
    let (first, other) = (given().await, given().await);
    let second = exchanged(&first).await;
    let third = exchanged(&second).await;
    let others = exchanged(&other).await;
    for token in [&first, &second, &third, &others] {
        assert!(is_good(token).await);
    }
    let authorization = basic(&client.id.0, &secret);
    server.post_with("/oauth2/revoke", &[("token", &first)], &[("authorization", &authorization)]).await;
    for token in [&first, &second, &third] {
        assert!(!is_good(token).await, "{token}");
    }
    assert!(is_good(&others).await, "it came of another one");
    server.identity.set_client_disabled(&client.id, true).await.unwrap();
    assert!(!is_good(&others).await, "it came of a client that is shut out");
}
