//! What callers can be refused for.

use super::Entry;

/// Request target is not canonical.
pub static BAD_TARGET: Entry = Entry {
    id: "PC-0101",
    status: Some(400),
    title: "Request target is not canonical",
    caller: "Send a target with valid percent-encoding and without encoded slashes, control characters or fragments.",
    operator: "The path or query cannot be brought into the one form that routing and the upstream share. `encoded_slashes: true` on a route admits %2F in its parameters.",
};

/// Header field name is refused.
pub static BAD_FIELD_NAME: Entry = Entry {
    id: "PC-0102",
    status: Some(400),
    title: "Header field name is refused",
    caller: "Use header field names of letters, digits and hyphens.",
    operator: "Names with `_`, `.` or other aliases of `-` reach some applications as another field, so they are refused.",
};

/// Header field is repeated.
pub static REPEATED_FIELD: Entry = Entry {
    id: "PC-0103",
    status: Some(400),
    title: "Header field is repeated",
    caller: "Send this header field once.",
    operator: "A field that decides over the request (Host, Authorization, X-API-Key, Content-Length, Content-Type) came more than once.",
};

/// Host is missing or malformed.
pub static BAD_HOST: Entry = Entry {
    id: "PC-0104",
    status: Some(400),
    title: "Host is missing or malformed",
    caller: "Send one valid Host.",
    operator: "The authority of the request is absent or is not a host with an optional port.",
};

/// Request target is too long.
pub static TARGET_TOO_LONG: Entry = Entry {
    id: "PC-0105",
    status: Some(414),
    title: "Request target is too long",
    caller: "Shorten the request target.",
    operator: "`limits.target_bytes` was passed.",
};

/// Header fields are too large.
pub static HEAD_TOO_LARGE: Entry = Entry {
    id: "PC-0106",
    status: Some(431),
    title: "Header fields are too large",
    caller: "Send fewer or shorter header fields.",
    operator: "`limits.header_count` or `limits.header_bytes` was passed.",
};

/// Misdirected request.
pub static MISDIRECTED: Entry = Entry {
    id: "PC-0107",
    status: Some(421),
    title: "Misdirected request",
    caller: "Open a new connection for this host.",
    operator: "The host is not one that the certificate of this connection covers, or its API asks for a client certificate under another name than the connection's.",
};

/// No such resource.
pub static NO_ROUTE: Entry = Entry {
    id: "PC-0108",
    status: Some(404),
    title: "No such resource",
    caller: "Check the host and the path.",
    operator: "No API or route matches the host and path. Paths are compared byte by byte after canonicalisation.",
};

/// Method not allowed.
pub static METHOD_NOT_ALLOWED: Entry = Entry {
    id: "PC-0109",
    status: Some(405),
    title: "Method not allowed",
    caller: "Use one of the methods in the Allow field.",
    operator: "A route has this path, but not this method. CONNECT and TRACE are never served.",
};

/// Request body is too large.
pub static BODY_TOO_LARGE: Entry = Entry {
    id: "PC-0110",
    status: Some(413),
    title: "Request body is too large",
    caller: "Send a smaller body.",
    operator: "`body` of the route (1 MiB unless set) was passed.",
};

/// Request body came too slowly.
pub static BODY_TOO_SLOW: Entry = Entry {
    id: "PC-0111",
    status: Some(408),
    title: "Request body came too slowly",
    caller: "Send the body without pauses.",
    operator: "The body fell under `limits.body_minimum_rate`.",
};

/// Message framing is ambiguous.
pub static BAD_FRAMING: Entry = Entry {
    id: "PC-0112",
    status: Some(400),
    title: "Message framing is ambiguous",
    caller: "Send either Content-Length or chunked coding, once.",
    operator: "Content-Length and Transfer-Encoding contradict each other, or one of them is malformed.",
};

/// More than one credential.
pub static TWO_CREDENTIALS: Entry = Entry {
    id: "PC-0113",
    status: Some(400),
    title: "More than one credential",
    caller: "Send one credential.",
    operator: "A request that carries an API key and a token, or two tokens, is refused rather than one of them chosen.",
};

/// Not a request.
pub static MALFORMED: Entry = Entry {
    id: "PC-0114",
    status: Some(400),
    title: "Not a request",
    caller: "Send a request of HTTP/1.1 whose lines end in CR LF, with one length or chunked coding.",
    operator: "What a client sent has two readings, or none (RFC 9112). The log names what is wrong as `reason`; the \
               method is `-`, as nothing of it was taken for a request. The connection is closed.",
};

/// Credential required.
pub static NO_CREDENTIAL: Entry = Entry {
    id: "PC-0201",
    status: Some(401),
    title: "Credential required",
    caller: "Send a credential that this API accepts, as the WWW-Authenticate field says.",
    operator: "The route asks for a credential and the request carries none that it accepts.",
};

/// API key is not valid.
pub static BAD_API_KEY: Entry = Entry {
    id: "PC-0202",
    status: Some(401),
    title: "API key is not valid",
    caller: "Use a current API key.",
    operator: "The key is malformed, unknown, expired or revoked. `portcullis key list` shows the keys.",
};

/// Access token is not valid.
pub static BAD_TOKEN: Entry = Entry {
    id: "PC-0203",
    status: Some(401),
    title: "Access token is not valid",
    caller: "Obtain a new access token.",
    operator: "The token failed a check; the access log's `reason` names it.",
};

/// Credential in the URL.
pub static CREDENTIAL_IN_URL: Entry = Entry {
    id: "PC-0204",
    status: Some(401),
    title: "Credential in the URL",
    caller: "Send the credential in a header field, and replace it: URLs are logged along the way.",
    operator: "A query parameter named like a credential, or holding an API key, was sent. Its value is not logged.",
};

/// Client certificate is not known.
pub static UNKNOWN_CERTIFICATE: Entry = Entry {
    id: "PC-0205",
    status: Some(401),
    title: "Client certificate is not known",
    caller: "Use a client certificate that is registered here.",
    operator: "The certificate chains to a trusted CA but matches none of the listener's `clients`, or matches more than one; or it is of another issuer, where the listener takes those of any issuer for tokens that are bound to them.",
};

/// Token cannot be checked now.
pub static ISSUER_UNAVAILABLE: Entry = Entry {
    id: "PC-0206",
    status: Some(503),
    title: "Token cannot be checked now",
    caller: "Try again after the Retry-After time.",
    operator: "The issuer's keys could not be fetched and none are cached.",
};

/// API key cannot be checked now.
pub static KEYS_UNAVAILABLE: Entry = Entry {
    id: "PC-0207",
    status: Some(503),
    title: "API key cannot be checked now",
    caller: "Try again after the Retry-After time.",
    operator: "The key store did not answer, and the key was not seen within the last 60 s.",
};

/// Proof of possession is not valid.
pub static BAD_PROOF: Entry = Entry {
    id: "PC-0208",
    status: Some(401),
    title: "Proof of possession is not valid",
    caller: "Send a new DPoP proof for this method and address, with the nonce of the DPoP-Nonce field.",
    operator: "The token is bound to a key (RFC 9449), and the proof is missing, wrong, used before or without the gateway's nonce. The access log names the failed check.",
};

/// Used proofs cannot be remembered.
pub static PROOFS_UNAVAILABLE: Entry = Entry {
    id: "PC-0209",
    status: Some(503),
    title: "Proofs of possession cannot be checked now",
    caller: "Try again after the Retry-After time.",
    operator: "More DPoP proofs came within 70 s than are remembered (about 500,000). Without memory a replayed one would pass.",
};

/// Another log-in is needed.
pub static STEP_UP: Entry = Entry {
    id: "PC-0210",
    status: Some(401),
    title: "Another log-in is needed",
    caller: "Let the user log in again as acr_values and max_age of WWW-Authenticate say, and use the new token.",
    operator: "The route's `acr` or `max_age` asks for a stronger or later log-in than the token tells of (RFC 9470).",
};

/// Insufficient scope.
pub static INSUFFICIENT_SCOPE: Entry = Entry {
    id: "PC-0301",
    status: Some(403),
    title: "Insufficient scope",
    caller: "Ask for a credential with the scopes named in the WWW-Authenticate field.",
    operator: "The caller is known but lacks a scope of the route.",
};

/// A WebSocket of another origin.
pub static FOREIGN_ORIGIN: Entry = Entry {
    id: "PC-0302",
    status: Some(403),
    title: "Origin is not allowed",
    caller: "Call from a page of an origin that this API allows.",
    operator: "The Origin field names none of the route's `websocket.origins`, or a preflight's none of the API's `cors.origins`.",
};

/// Denied by policy.
pub static DENIED_BY_POLICY: Entry = Entry {
    id: "PC-0303",
    status: Some(403),
    title: "Denied by policy",
    caller: "You may not do this. Ask the operator for a role that may, or follow the advice if there is one.",
    operator: "No policy permits the request, or one forbids it. `portcullis policy why REQUEST_ID` tells which, and \
               what would have to be true.",
};

/// Policies could not decide.
pub static POLICY_FAILED: Entry = Entry {
    id: "PC-0304",
    status: Some(403),
    title: "Policies could not decide",
    caller: "Report the request_id to the operator.",
    operator: "A policy failed while it was evaluated, or a fact is not what was declared. Both deny; the log line \
               names them.",
};

/// Body is not the JSON that is judged.
pub static BODY_NOT_JUDGED: Entry = Entry {
    id: "PC-0305",
    status: Some(400),
    title: "Body is not the JSON that is judged",
    caller: "Send a JSON object without duplicate members, at most 32 levels deep, with its Content-Type and without a \
             Content-Encoding.",
    operator: "Policies of the route read members of the body, and what cannot be read in one way only is not passed \
               on.",
};

/// Answer cannot be judged.
pub static ANSWER_NOT_JUDGED: Entry = Entry {
    id: "PC-0306",
    status: Some(502),
    title: "Answer cannot be judged",
    caller: "Report the request_id to the operator.",
    operator: "The route has an `object` or `visible_to` rule, and the upstream's answer is not JSON by which it could \
               be judged, or is too large or too slow. Nothing of it left.",
};

/// Not an evaluation request.
pub static BAD_EVALUATION_REQUEST: Entry = Entry {
    id: "PC-0307",
    status: Some(400),
    title: "Not an evaluation request",
    caller: "Send subject, action and resource as the AuthZEN Authorization API 1.0 has them.",
    operator: "A service asked for a decision in a form that is not that of the AuthZEN Authorization API 1.0.",
};

/// Address is not let in.
pub static FOREIGN_ADDRESS: Entry = Entry {
    id: "PC-0390",
    status: Some(403),
    title: "Address is not let in",
    caller: "Call from a network that this API allows.",
    operator: "The API's `addresses` do not let the client's address in. Behind `trusted_proxies` it is the one that they name.",
};

/// Too many requests.
pub static RATE_LIMITED: Entry = Entry {
    id: "PC-0401",
    status: Some(429),
    title: "Too many requests",
    caller: "Try again after the Retry-After time.",
    operator: "A limit of the API or route is used up for this caller; the access log's `reason` names it.",
};

/// Too many failed authentications.
pub static TOO_MANY_FAILURES: Entry = Entry {
    id: "PC-0402",
    status: Some(429),
    title: "Too many failed authentications",
    caller: "Check the credential, and try again after the Retry-After time.",
    operator: "`limits.failed_authentication` is used up for this address or credential, so no credential that is not known yet is looked at.",
};

/// Address is shut out for a while.
pub static BANNED: Entry = Entry {
    id: "PC-0403",
    status: Some(429),
    title: "Address is shut out for a while",
    caller: "Try again after the Retry-After time.",
    operator: "The address went on failing to authenticate past `limits.failed_authentication.ban_after`. New connections from it are closed at once.",
};

/// Limits cannot be counted now.
pub static LIMITS_UNAVAILABLE: Entry = Entry {
    id: "PC-0404",
    status: Some(503),
    title: "Limits cannot be counted now",
    caller: "Try again after the Retry-After time.",
    operator: "The store of `shared_limits` does not answer, and `on_store_failure` is `deny`.",
};

/// Upstream cannot be reached.
pub static UPSTREAM_UNREACHABLE: Entry = Entry {
    id: "PC-0501",
    status: Some(502),
    title: "Upstream cannot be reached",
    caller: "Try again later.",
    operator: "No server of the upstream accepted a connection within `connect_timeout`, or its certificate was not valid.",
};

/// Upstream did not answer in time.
pub static UPSTREAM_TIMEOUT: Entry = Entry {
    id: "PC-0502",
    status: Some(504),
    title: "Upstream did not answer in time",
    caller: "Try again later.",
    operator: "The upstream sent no response head within `response_timeout`.",
};

/// Upstream broke off.
pub static UPSTREAM_BROKE: Entry = Entry {
    id: "PC-0503",
    status: Some(502),
    title: "Upstream broke off",
    caller: "Try again later.",
    operator: "The upstream closed the connection or sent what is not HTTP.",
};

/// Upstream is full.
pub static UPSTREAM_FULL: Entry = Entry {
    id: "PC-0504",
    status: Some(503),
    title: "Upstream is full",
    caller: "Try again after the time in Retry-After.",
    operator: "`max_requests` of the upstream are under way, and none of them ended within `max_wait`, or `max_waiting` wait already. A server is slow, or the limit is too low.",
};

/// Internal error.
pub static INTERNAL: Entry = Entry {
    id: "PC-0601",
    status: Some(500),
    title: "Internal error",
    caller: "Report the request_id to the operator.",
    operator: "A fault of Portcullis itself. Please report it with the log line of this request_id.",
};

/// Short of memory.
pub static OUT_OF_MEMORY: Entry = Entry {
    id: "PC-0602",
    status: Some(503),
    title: "Short of memory",
    caller: "Try again after the Retry-After time.",
    operator: "The process takes more than 95 % of `limits.memory`, or of its cgroup's limit; past 85 % new connections are closed. With the reason `held_bodies`, as many bytes as `limits.held_bodies` allows are held to be judged.",
};

/// Not as the contract says.
pub static BROKEN_CONTRACT: Entry = Entry {
    id: "PC-0701",
    status: Some(400),
    title: "Request is not as the API's contract says",
    caller: "Send the request as the API's documentation describes it; `errors` names each place that differs.",
    operator: "A parameter, field, cookie or the body differs from the API's OpenAPI document. The access log names place and keyword, never the value.",
};

/// JSON with more than one meaning.
pub static AMBIGUOUS_JSON: Entry = Entry {
    id: "PC-0702",
    status: Some(400),
    title: "Body is not JSON with one meaning",
    caller: "Send one JSON text without repeated member names, with at most 32 levels and numbers of at most 64 bits.",
    operator: "The body is malformed, or two readers could understand it differently: the log's `reason` says why. It is refused before any schema is asked.",
};

/// Content type is not taken.
pub static WRONG_MEDIA_TYPE: Entry = Entry {
    id: "PC-0703",
    status: Some(415),
    title: "Content type is not taken",
    caller: "Send the body in a content type that the API's documentation names, in UTF-8.",
    operator: "The OpenAPI document has no such content type for the operation, or the body has none or another charset.",
};

/// Content coding is not taken.
pub static WRONG_CODING: Entry = Entry {
    id: "PC-0704",
    status: Some(415),
    title: "Content coding is not taken",
    caller: "Send the body without Content-Encoding.",
    operator: "A compressed body cannot be judged as it is. `contract.gzip: true` lets gzip in; it is decoded within the route's `body` to be judged.",
};

/// Decoded body is too large.
pub static DECODED_TOO_LARGE: Entry = Entry {
    id: "PC-0705",
    status: Some(413),
    title: "Decoded body is too large",
    caller: "Send a smaller body, or one that is compressed less.",
    operator: "The body, decoded, passes `body` of the route, or 100 times its compressed size.",
};

/// Operation is retired.
pub static RETIRED: Entry = Entry {
    id: "PC-0706",
    status: Some(410),
    title: "Operation is retired",
    caller: "Use what the API's documentation names in its place.",
    operator: "The `x-sunset` of the operation in the OpenAPI document has passed (RFC 8594).",
};

/// Answer is not as the contract says.
pub static BROKEN_ANSWER: Entry = Entry {
    id: "PC-0707",
    status: Some(502),
    title: "Answer is not as the API's contract says",
    caller: "Try again later, or report the request_id to the operator.",
    operator: "The upstream's answer differs from the OpenAPI document, which `contract.responses` does not let pass. The access log names place and keyword.",
};

/// All of them, in order.
pub static ALL: &[&Entry] = &[
    &BAD_TARGET,
    &BAD_FIELD_NAME,
    &REPEATED_FIELD,
    &BAD_HOST,
    &TARGET_TOO_LONG,
    &HEAD_TOO_LARGE,
    &MISDIRECTED,
    &NO_ROUTE,
    &METHOD_NOT_ALLOWED,
    &BODY_TOO_LARGE,
    &BODY_TOO_SLOW,
    &BAD_FRAMING,
    &TWO_CREDENTIALS,
    &MALFORMED,
    &NO_CREDENTIAL,
    &BAD_API_KEY,
    &BAD_TOKEN,
    &CREDENTIAL_IN_URL,
    &UNKNOWN_CERTIFICATE,
    &ISSUER_UNAVAILABLE,
    &KEYS_UNAVAILABLE,
    &BAD_PROOF,
    &PROOFS_UNAVAILABLE,
    &STEP_UP,
    &INSUFFICIENT_SCOPE,
    &FOREIGN_ORIGIN,
    &DENIED_BY_POLICY,
    &POLICY_FAILED,
    &BODY_NOT_JUDGED,
    &ANSWER_NOT_JUDGED,
    &BAD_EVALUATION_REQUEST,
    &FOREIGN_ADDRESS,
    &RATE_LIMITED,
    &TOO_MANY_FAILURES,
    &BANNED,
    &LIMITS_UNAVAILABLE,
    &UPSTREAM_UNREACHABLE,
    &UPSTREAM_TIMEOUT,
    &UPSTREAM_BROKE,
    &UPSTREAM_FULL,
    &INTERNAL,
    &OUT_OF_MEMORY,
    &BROKEN_CONTRACT,
    &AMBIGUOUS_JSON,
    &WRONG_MEDIA_TYPE,
    &WRONG_CODING,
    &DECODED_TOO_LARGE,
    &RETIRED,
    &BROKEN_ANSWER,
];
