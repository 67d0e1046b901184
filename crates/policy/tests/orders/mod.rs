//! The example API: a shop's orders with a tenant in the path, and profiles that people own.

#![allow(dead_code, reason = "each test uses its part")]

use std::{net::IpAddr, sync::Arc};

use policy::{Api, Attribute, Engine, Kind, Model, Operation, Origin, Question, RoleFile, Source, Sources, ValueKind};

pub(crate) const ROLES: &str = r"
roles:
  reader:
    permissions:
      - { operations: [orders.read], where: [tenant] }
  clerk:
    inherits: [reader]
    permissions:
      - { operations: [createOrder, cancelOrder], where: [tenant] }
  admin:
    permissions:
      - operations: [orders, profiles.read]
  member:
    permissions:
      - { operations: [profiles], where: [owner] }
";

pub(crate) const POLICIES: &str = r#"// Rules that no role can express.
@id("no-cancelling-from-outside")
@reason("orders are cancelled from the office only")
@advice("connect to the office network")
forbid (principal, action == Action::"orders.cancelOrder", resource)
unless { context.address.isInRange(ip("10.0.0.0/8")) };

@id("large-orders-need-a-second-factor")
@reason("orders above 10000 need acr mfa")
forbid (principal, action == Action::"orders.createOrder", resource)
when { context.body has amount && context.body.amount > 10000 }
unless { context.auth has acr && context.auth.acr == "mfa" };

@id("auditors")
permit (principal in Group::"auditors", action in Action::"orders.read", resource)
when { context.scopes.contains("audit") && principal has department && principal.department == "finance" };

@id("open-house")
permit (principal is User, action == Action::"profiles.getProfile", resource)
when { context.time >= datetime("2026-12-24") && context.time < datetime("2026-12-27") };
"#;

/// Noon of 24 November 2026.
pub(crate) const NOW: i64 = 1_795_521_600_000;

pub(crate) fn model() -> Model {
    let tenant = Attribute::new("tenant", ValueKind::String);
    let orders = |id: &str, method: &str, path: &str, more: &[Attribute]| Operation {
        id: id.to_owned(),
        method: method.to_owned(),
        path_template: path.to_owned(),
        read: method == "GET",
        parameters: [std::slice::from_ref(&tenant), more].concat(),
        tenant: Some("tenant".to_owned()),
        ..Operation::default()
    };
    let number = [Attribute::new("number", ValueKind::Long)];
    let amount = vec![Attribute::new("amount", ValueKind::Long), Attribute::new("currency", ValueKind::String)];
    let profile = |id: &str, method: &str| Operation {
        id: id.to_owned(),
        method: method.to_owned(),
        path_template: "/profiles/{subject}".to_owned(),
        read: method == "GET",
        parameters: vec![Attribute::new("subject", ValueKind::String)],
        owner: Some("subject".to_owned()),
        ..Operation::default()
    };
    Model {
        apis: vec![
            Api {
                name: "orders".to_owned(),
                operations: vec![
                    orders("listOrders", "GET", "/{tenant}/orders", &[]),
                    orders("getOrder", "GET", "/{tenant}/orders/{number}", &number),
                    Operation {
                        body: amount,
                        headers: vec!["x-region".to_owned()],
                        ..orders("createOrder", "POST", "/{tenant}/orders", &[])
                    },
                    orders("cancelOrder", "DELETE", "/{tenant}/orders/{number}", &number),
                ],
            },
            Api {
                name: "profiles".to_owned(),
                operations: vec![profile("getProfile", "GET"), profile("PUT /profiles/{subject}", "PUT")],
            },
        ],
        groups: vec!["auditors".to_owned(), "staff".to_owned()],
        claims: vec![
            Attribute::new("department", ValueKind::String),
            Attribute::new("level", ValueKind::Long),
            Attribute::new("regions", ValueKind::Strings),
        ],
    }
}

pub(crate) fn sources() -> Sources {
    let file = RoleFile::parse("roles.yaml", ROLES).unwrap();
    Sources { model: model(), roles: file.roles, files: vec![policies(POLICIES)], links: file.links }
}

pub(crate) fn policies(text: &str) -> Arc<Source> {
    Source::new("orders.cedar", text)
}

/// The engine of the example; the policies are `text` if it is given.
pub(crate) fn engine(text: &str) -> Engine {
    Engine::load(&Sources { files: vec![policies(text)], ..sources() }).unwrap_or_else(|report| panic!("{report}"))
}

pub(crate) fn example() -> Engine {
    engine(POLICIES)
}

/// From the office, at [`NOW`], with a token.
pub(crate) fn origin() -> Origin<'static> {
    Origin { address: IpAddr::from([10, 1, 2, 3]), time: NOW, method: "jwt" }
}

/// Someone of the tenant acme asks for an order of acme.
pub(crate) fn about_order(action: &'static str) -> Question<'static> {
    let path =
        if matches!(action, "orders.listOrders" | "orders.createOrder") { "/acme/orders" } else { "/acme/orders/42" };
    let question =
        Question::new(Kind::User, "alice", action, path, &origin()).tenant("acme").parameter("tenant", "acme");
    if path.ends_with("42") { question.parameter("number", "42") } else { question }
}

/// Someone asks for the profile of alice.
pub(crate) fn about_profile(kind: Kind, id: &str) -> Question<'_> {
    Question::new(kind, id, "profiles.getProfile", "/profiles/alice", &origin()).parameter("subject", "alice")
}
