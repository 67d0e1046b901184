//! What `portcullis check` can find in a configuration.

use super::Entry;

/// Not YAML.
pub static NOT_YAML: Entry = Entry {
    id: "PC-1001",
    status: None,
    title: "Not YAML",
    caller: "",
    operator: "The file is not one YAML document. The line named is where reading stopped; the mistake may stand a line earlier.",
};

/// Tab in the indentation.
pub static TAB: Entry = Entry {
    id: "PC-1002",
    status: None,
    title: "Tab in the indentation",
    caller: "",
    operator: "YAML indents with spaces only.",
};

/// Key given twice.
pub static DUPLICATE_KEY: Entry = Entry {
    id: "PC-1003",
    status: None,
    title: "Key given twice",
    caller: "",
    operator: "A mapping holds the same key twice. It is refused, since either value might be the one meant.",
};

/// Unknown key.
pub static UNKNOWN_KEY: Entry = Entry {
    id: "PC-1004",
    status: None,
    title: "Unknown key",
    caller: "",
    operator: "The key does not exist at this place. Nothing unknown is ignored: a misspelt rule would not protect anything.",
};

/// Missing key.
pub static MISSING_KEY: Entry = Entry {
    id: "PC-1005",
    status: None,
    title: "Missing key",
    caller: "",
    operator: "A key that has no default is absent.",
};

/// Wrong type of value.
pub static WRONG_TYPE: Entry = Entry {
    id: "PC-1006",
    status: None,
    title: "Wrong type of value",
    caller: "",
    operator: "The value is of another type than the key takes, such as a list where a text stands.",
};

/// File expands too far.
pub static TOO_LARGE: Entry = Entry {
    id: "PC-1007",
    status: None,
    title: "File expands too far",
    caller: "",
    operator: "Aliases or nesting make the file larger or deeper than any configuration needs.",
};

/// Configuration cannot be read.
pub static UNREADABLE: Entry = Entry {
    id: "PC-1008",
    status: None,
    title: "Configuration cannot be read",
    caller: "",
    operator: "The configuration file itself cannot be opened, or is not UTF-8.",
};

/// Nothing given.
pub static EMPTY: Entry = Entry {
    id: "PC-1009",
    status: None,
    title: "Nothing given",
    caller: "",
    operator: "A list that needs one entry is empty, or a text is empty.",
};

/// Name used twice.
pub static DUPLICATE_NAME: Entry = Entry {
    id: "PC-1010",
    status: None,
    title: "Name used twice",
    caller: "",
    operator: "Two entries share a name or an address that must be unique.",
};

/// Not one of the choices.
pub static BAD_CHOICE: Entry = Entry {
    id: "PC-1011",
    status: None,
    title: "Not one of the choices",
    caller: "",
    operator: "The value is not one of the words that the key takes.",
};

/// Keys exclude each other.
pub static EXCLUSIVE_KEYS: Entry = Entry {
    id: "PC-1012",
    status: None,
    title: "Keys exclude each other",
    caller: "",
    operator: "Two keys say different things about the same matter, or none of several was chosen.",
};

/// Not an address.
pub static BAD_ADDRESS: Entry = Entry {
    id: "PC-1101",
    status: None,
    title: "Not an address",
    caller: "",
    operator: "A listener takes an IP address and a port, such as 0.0.0.0:8443 or [::]:8443.",
};

/// Not a network.
pub static BAD_CIDR: Entry = Entry {
    id: "PC-1102",
    status: None,
    title: "Not a network",
    caller: "",
    operator: "Networks are written as CIDR, such as 10.0.0.0/8, with no bits set past the prefix.",
};

/// Monitoring off loopback.
pub static MONITORING_EXPOSED: Entry = Entry {
    id: "PC-1104",
    status: None,
    title: "Monitoring off loopback",
    caller: "",
    operator: "Nobody authenticates at the monitoring address, so only this machine may reach it. Let a collector on this machine carry the numbers on.",
};

/// Not where, or how many, spans go.
pub static BAD_TRACES: Entry = Entry {
    id: "PC-1105",
    status: None,
    title: "Traces go nowhere",
    caller: "",
    operator: "Spans say who called what, so they travel over https, or stay on this machine. Their share is a percentage of the requests.",
};

/// Plain HTTP off loopback.
pub static PLAINTEXT: Entry = Entry {
    id: "PC-1103",
    status: None,
    title: "Plain HTTP off loopback",
    caller: "",
    operator: "A listener without TLS shows credentials to the network. It needs `tls`, a loopback address, or `plaintext` with a reason.",
};

/// File cannot be read.
pub static MISSING_FILE: Entry = Entry {
    id: "PC-1201",
    status: None,
    title: "File cannot be read",
    caller: "",
    operator: "A file that the configuration names does not exist or cannot be read by this user.",
};

/// Not a certificate.
pub static NOT_CERTIFICATE: Entry = Entry {
    id: "PC-1202",
    status: None,
    title: "Not a certificate",
    caller: "",
    operator: "The file holds no PEM certificate, or one that is not X.509.",
};

/// Not a private key.
pub static NOT_KEY: Entry = Entry {
    id: "PC-1203",
    status: None,
    title: "Not a private key",
    caller: "",
    operator: "The file holds no unencrypted PEM private key in PKCS#8, SEC1 or PKCS#1.",
};

/// Key does not match its certificate.
pub static KEY_MISMATCH: Entry = Entry {
    id: "PC-1204",
    status: None,
    title: "Key does not match its certificate",
    caller: "",
    operator: "The private key belongs to another certificate.",
};

/// Certificate is not valid now.
pub static EXPIRED: Entry = Entry {
    id: "PC-1205",
    status: None,
    title: "Certificate is not valid now",
    caller: "",
    operator: "The certificate has expired, or is not valid yet. Check the machine's clock as well.",
};

/// Secret written in the file.
pub static LITERAL_SECRET: Entry = Entry {
    id: "PC-1206",
    status: None,
    title: "Secret written in the file",
    caller: "",
    operator: "Secrets are given by reference only: file:PATH, env:NAME or credential:NAME. Replace the secret that was written down.",
};

/// Secret is not set.
pub static UNSET_SECRET: Entry = Entry {
    id: "PC-1207",
    status: None,
    title: "Secret is not set",
    caller: "",
    operator: "The environment variable or credential that the file names is not there.",
};

/// Secret is too short.
pub static WEAK_SECRET: Entry = Entry {
    id: "PC-1208",
    status: None,
    title: "Secret is too short",
    caller: "",
    operator: "An HMAC secret needs at least 256 bits (RFC 7518 section 3.2).",
};

/// Not a certificate identity.
pub static BAD_IDENTITY: Entry = Entry {
    id: "PC-1209",
    status: None,
    title: "Not a certificate identity",
    caller: "",
    operator: "A client is known by one of `spiffe`, `dns` and `spki_sha256`, each in its own form.",
};

/// Not a list of revoked certificates, or an old one.
pub static BAD_CRL: Entry = Entry {
    id: "PC-1210",
    status: None,
    title: "Not a current list of revoked certificates",
    caller: "",
    operator: "A file of `crl` holds no certificate revocation list (RFC 5280 §5), or one past its next update. Lists are read at the start and on reload; once one is past its time, no client certificate is taken.",
};

/// Unknown issuer.
pub static UNKNOWN_ISSUER: Entry = Entry {
    id: "PC-1301",
    status: None,
    title: "Unknown issuer",
    caller: "",
    operator: "`jwt:` names an issuer that `issuers` does not have.",
};

/// Not usable as the URL of an issuer.
pub static BAD_ISSUER_URL: Entry = Entry {
    id: "PC-1302",
    status: None,
    title: "Not usable as the URL of an issuer",
    caller: "",
    operator: "Issuers and their keys are reached by https, or by http on loopback only.",
};

/// Unknown algorithm.
pub static UNKNOWN_ALGORITHM: Entry = Entry {
    id: "PC-1303",
    status: None,
    title: "Unknown algorithm",
    caller: "",
    operator: "The JWS algorithm is unknown or never accepted, such as `none`.",
};

/// Algorithms do not fit the keys.
pub static MIXED_ALGORITHMS: Entry = Entry {
    id: "PC-1304",
    status: None,
    title: "Algorithms do not fit the keys",
    caller: "",
    operator: "HMAC and public-key algorithms are never mixed, and HMAC takes `secret`: a mixture lets a public key serve as a secret.",
};

/// Not a JWK set.
pub static BAD_JWKS: Entry = Entry {
    id: "PC-1305",
    status: None,
    title: "Not a JWK set",
    caller: "",
    operator: "The file is not a JWK set (RFC 7517) with a usable key.",
};

/// Unknown upstream.
pub static UNKNOWN_UPSTREAM: Entry = Entry {
    id: "PC-1401",
    status: None,
    title: "Unknown upstream",
    caller: "",
    operator: "The name is neither a URL nor an entry of `upstreams`.",
};

/// Not the URL of an upstream.
pub static BAD_UPSTREAM_URL: Entry = Entry {
    id: "PC-1402",
    status: None,
    title: "Not the URL of an upstream",
    caller: "",
    operator: "A server is http:// or https:// with a host and an optional port; no user, path, query or fragment.",
};

/// Servers differ in their scheme.
pub static MIXED_SERVERS: Entry = Entry {
    id: "PC-1403",
    status: None,
    title: "Servers differ in their scheme",
    caller: "",
    operator: "All servers of an upstream speak TLS, or none does; and TLS settings need https.",
};

/// Hash names no header.
pub static HASH_WITHOUT_HEADER: Entry = Entry {
    id: "PC-1404",
    status: None,
    title: "Hash names no header",
    caller: "",
    operator: "`hash: header NAME` sends requests with one value of a field to one server, so it needs the field's name.",
};

/// Not the path of a health check.
pub static BAD_HEALTH_PATH: Entry = Entry {
    id: "PC-1405",
    status: None,
    title: "Not the path of a health check",
    caller: "",
    operator: "`health.path` is a path that starts with a slash, and may have a query; each server is asked for it.",
};

/// Times contradict each other.
pub static TIMES_CONTRADICT: Entry = Entry {
    id: "PC-1406",
    status: None,
    title: "Times contradict each other",
    caller: "",
    operator: "A health check ends before the next one begins, and the longest ejection is no shorter than the first.",
};

/// Two APIs at one place.
pub static DUPLICATE_API: Entry = Entry {
    id: "PC-1501",
    status: None,
    title: "Two APIs at one place",
    caller: "",
    operator: "Two APIs have the same host and path.",
};

/// Not a host.
pub static BAD_HOST: Entry = Entry {
    id: "PC-1502",
    status: None,
    title: "Not a host",
    caller: "",
    operator: "A host is a DNS name or an IP literal without a port or wildcard.",
};

/// Not a path template.
pub static BAD_PATH: Entry = Entry {
    id: "PC-1503",
    status: None,
    title: "Not a path template",
    caller: "",
    operator: "Paths are canonical: they start with `/`, hold no empty, `.` or `..` segment, and `{name}` fills a whole segment.",
};

/// Not a route match.
pub static BAD_MATCH: Entry = Entry {
    id: "PC-1504",
    status: None,
    title: "Not a route match",
    caller: "",
    operator: "A match is methods and a path template: `GET /orders/{id}`.",
};

/// Method cannot be served.
pub static BAD_METHOD: Entry = Entry {
    id: "PC-1505",
    status: None,
    title: "Method cannot be served",
    caller: "",
    operator: "The method is unknown, or is CONNECT or TRACE, which are never served.",
};

/// Route lies outside its API.
pub static ROUTE_OUTSIDE: Entry = Entry {
    id: "PC-1506",
    status: None,
    title: "Route lies outside its API",
    caller: "",
    operator: "The path of a route starts with the path of its API; else no request would reach it.",
};

/// Route cannot be reached.
pub static ROUTE_SHADOWED: Entry = Entry {
    id: "PC-1507",
    status: None,
    title: "Route cannot be reached",
    caller: "",
    operator: "Another API of this host has a longer path that takes every request of the route.",
};

/// Routes overlap.
pub static AMBIGUOUS_ROUTES: Entry = Entry {
    id: "PC-1508",
    status: None,
    title: "Routes overlap",
    caller: "",
    operator: "Two routes have the same path up to the names of parameters, and a method in common.",
};

/// Route has no rule.
pub static NO_RULE: Entry = Entry {
    id: "PC-1601",
    status: None,
    title: "Route has no rule",
    caller: "",
    operator: "A route says who may use it: `authenticate` on the route or its API, or `public` with a reason.",
};

/// Public and protected at once.
pub static PUBLIC_AND_RULE: Entry = Entry {
    id: "PC-1602",
    status: None,
    title: "Public and protected at once",
    caller: "",
    operator: "A route with `public` cannot have `scopes` or `authenticate` of its own.",
};

/// Reason is missing.
pub static NO_REASON: Entry = Entry {
    id: "PC-1603",
    status: None,
    title: "Reason is missing",
    caller: "",
    operator: "A setting that weakens protection takes a reason in words.",
};

/// Not a scope.
pub static BAD_SCOPE: Entry = Entry {
    id: "PC-1604",
    status: None,
    title: "Not a scope",
    caller: "",
    operator: "A scope is printable ASCII without spaces, quotes and backslashes (RFC 6749 section 3.3).",
};

/// No listener believes certificates.
pub static NO_CLIENT_CERTIFICATES: Entry = Entry {
    id: "PC-1605",
    status: None,
    title: "No listener believes certificates",
    caller: "",
    operator: "`client_certificate` needs a listener with `tls.client_certificates.ca`. `any_issuer` alone takes certificates that tokens are bound to, and authenticates nobody.",
};

/// Not an origin.
pub static BAD_ORIGIN: Entry = Entry {
    id: "PC-1606",
    status: None,
    title: "Not an origin",
    caller: "",
    operator: "An origin is what browsers put into the Origin field: scheme and host in lower case, and the port where it is not the default one (RFC 6454 §6.2).",
};

/// Not the name of a field.
pub static BAD_FIELD: Entry = Entry {
    id: "PC-1607",
    status: None,
    title: "Not the name of a field",
    caller: "",
    operator: "A header field is named by letters, digits and hyphens (RFC 9110 §5.1), each one by itself: a `*` would let pages set or read all of them.",
};

/// Not a duration.
pub static BAD_DURATION: Entry = Entry {
    id: "PC-1701",
    status: None,
    title: "Not a duration",
    caller: "",
    operator: "Durations are a whole number with a unit: 500ms, 30s, 5m, 1h or 1d.",
};

/// Not a size.
pub static BAD_SIZE: Entry = Entry {
    id: "PC-1702",
    status: None,
    title: "Not a size",
    caller: "",
    operator: "Sizes are a whole number with a unit: 512B, 64KiB, 1MiB or 1GiB.",
};

/// Not a rate.
pub static BAD_RATE: Entry = Entry {
    id: "PC-1703",
    status: None,
    title: "Not a rate",
    caller: "",
    operator: "Rates are requests in a period: 100/second, 100/minute, 100/hour or 100/day. Quotas are requests of a calendar's: 10000/day or 10000/month.",
};

/// Value is out of bounds.
pub static OUT_OF_BOUNDS: Entry = Entry {
    id: "PC-1704",
    status: None,
    title: "Value is out of bounds",
    caller: "",
    operator: "The value would switch the protection off, or make it pointless.",
};

/// A header field alone limits nobody.
pub static HEADER_ALONE: Entry = Entry {
    id: "PC-1705",
    status: None,
    title: "A header field alone limits nobody",
    caller: "",
    operator: "Callers write what they like into their header fields, so a limit per field needs one beside it that they cannot choose.",
};

/// No store for shared limits.
pub static NO_LIMIT_STORE: Entry = Entry {
    id: "PC-1706",
    status: None,
    title: "No store for shared limits",
    caller: "",
    operator: "A limit is shared, but `shared_limits` names no store to share it through.",
};

/// Not a store for shared limits.
pub static BAD_STORE: Entry = Entry {
    id: "PC-1707",
    status: None,
    title: "Not a store for shared limits",
    caller: "",
    operator: "The store is `redis://HOST:PORT` or `rediss://HOST:PORT`, with its password by reference.",
};

/// Not a file of countries.
pub static BAD_GEOIP: Entry = Entry {
    id: "PC-1708",
    status: None,
    title: "Not a file of countries",
    caller: "",
    operator: "The file that `geoip` names is not in the MaxMind DB format, or is damaged.",
};

/// No file of countries.
pub static NO_GEOIP: Entry = Entry {
    id: "PC-1709",
    status: None,
    title: "No file of countries",
    caller: "",
    operator: "Rules for countries need a file that tells the countries of addresses.",
};

/// All of them, in order.
pub static ALL: &[&Entry] = &[
    &NOT_YAML,
    &TAB,
    &DUPLICATE_KEY,
    &UNKNOWN_KEY,
    &MISSING_KEY,
    &WRONG_TYPE,
    &TOO_LARGE,
    &UNREADABLE,
    &EMPTY,
    &DUPLICATE_NAME,
    &BAD_CHOICE,
    &EXCLUSIVE_KEYS,
    &BAD_ADDRESS,
    &BAD_CIDR,
    &PLAINTEXT,
    &MONITORING_EXPOSED,
    &BAD_TRACES,
    &MISSING_FILE,
    &NOT_CERTIFICATE,
    &NOT_KEY,
    &KEY_MISMATCH,
    &EXPIRED,
    &LITERAL_SECRET,
    &UNSET_SECRET,
    &WEAK_SECRET,
    &BAD_IDENTITY,
    &BAD_CRL,
    &UNKNOWN_ISSUER,
    &BAD_ISSUER_URL,
    &UNKNOWN_ALGORITHM,
    &MIXED_ALGORITHMS,
    &BAD_JWKS,
    &UNKNOWN_UPSTREAM,
    &BAD_UPSTREAM_URL,
    &MIXED_SERVERS,
    &HASH_WITHOUT_HEADER,
    &BAD_HEALTH_PATH,
    &TIMES_CONTRADICT,
    &DUPLICATE_API,
    &BAD_HOST,
    &BAD_PATH,
    &BAD_MATCH,
    &BAD_METHOD,
    &ROUTE_OUTSIDE,
    &ROUTE_SHADOWED,
    &AMBIGUOUS_ROUTES,
    &NO_RULE,
    &PUBLIC_AND_RULE,
    &NO_REASON,
    &BAD_SCOPE,
    &NO_CLIENT_CERTIFICATES,
    &BAD_ORIGIN,
    &BAD_FIELD,
    &BAD_DURATION,
    &BAD_SIZE,
    &BAD_RATE,
    &OUT_OF_BOUNDS,
    &HEADER_ALONE,
    &NO_LIMIT_STORE,
    &BAD_STORE,
    &BAD_GEOIP,
    &NO_GEOIP,
];
