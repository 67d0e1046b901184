//! Our own access tokens, when they come back.

use jose::{Algorithm, jwt};

use crate::{
    endpoints::Call,
    identity::Server,
    problem::{Answer, Code, Problem},
    secret::{Digest, Purpose},
    tokens::{Binding, certificate_thumbprint},
};

const MAX_BYTES: usize = 8 * 1024;

impl Server {
    /// What a live access token of ours says, JWT or opaque; `None` for anything else.
    pub(crate) async fn believed(&self, token: &str) -> Answer<Option<jwt::Claims>> {
        if token.starts_with(Purpose::Access.prefix()) {
            let Some(digest) = Digest::of_secret(Purpose::Access, token) else { return Ok(None) };
            let translated = self.database.opaque(digest, self.clock.now()).await?;
            return Ok(translated.and_then(|signed| self.verified(&signed)));
        }
        Ok(self.verified(token))
    }

    pub(super) fn verified(&self, token: &str) -> Option<jwt::Claims> {
        let audience = jwt::Unverified::parse(token).ok()?.audience_hint();
        let validation = jwt::Validation {
            issuer: self.settings.issuer.as_str().to_owned(),
            // Whoever calls decides whom it was for.
            audiences: audience,
            algorithms: vec![Algorithm::Es256],
            types: vec!["at+jwt".to_owned()],
            required_claims: ["sub", "jti", "iat", "client_id"].map(str::to_owned).to_vec(),
            max_lifetime: None,
            skew: std::time::Duration::ZERO,
            max_bytes: MAX_BYTES,
        };
        let claims = jwt::verify(token, &self.keys.loaded().verifying, &validation, self.clock.now()).ok()?;
        (!self.revocations.is_revoked(&claims)).then_some(claims)
    }

    /// What the access token of a request says, once whoever sent it has shown what it is bound to (RFC 6750 §2.1,
    /// RFC 9449 §7.1).
    pub(crate) async fn bearer(&self, call: &Call) -> Answer<jwt::Claims> {
        let field = call.headers.get(http::header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let (scheme, token) = field.and_then(|field| field.split_once(' ')).ok_or_else(|| refused("Bearer"))?;
        let is_dpop = scheme.eq_ignore_ascii_case("dpop");
        if !is_dpop && !scheme.eq_ignore_ascii_case("bearer") {
            return Err(refused("Bearer"));
        }
        let scheme = if is_dpop { "DPoP" } else { "Bearer" };
        let claims = self.believed(token).await?.ok_or_else(|| refused(scheme))?;
        let bound = |name: &str| claims.all.get("cnf")?.get(name)?.as_str().map(str::to_owned);
        let needed = Binding { jkt: bound("jkt"), x5t: bound("x5t#S256") };
        let jkt = if is_dpop {
            self.proof(call, Some(token)).map_err(|problem| Problem { challenge: Some("DPoP"), ..problem })?
        } else {
            None
        };
        let x5t = call.origin.certificate.as_ref().map(|certificate| certificate_thumbprint(&certificate.der));
        let is_met = needed.is_met_by(&Binding { jkt: jkt.clone(), x5t }) && (!is_dpop || jkt.is_some());
        if is_met { Ok(claims) } else { Err(refused(scheme)) }
    }
}

fn refused(scheme: &'static str) -> Problem {
    let mut problem =
        Problem::new(Code::InvalidToken, "the access token is missing, expired, revoked or not for its holder");
    problem.challenge = Some(scheme);
    problem
}
