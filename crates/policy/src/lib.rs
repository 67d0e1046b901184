//! Authorization: who may do what to which thing. It does not ask how the caller proved who it is.
//!
//! # From words to Cedar
//!
//! A [`Model`] describes the APIs and the facts that policies may read. From it comes the Cedar schema
//! ([`Engine::schema`]): nothing else can be read, and a policy that tries is refused when it is loaded.
//!
//! | in the model | in Cedar |
//! |---|---|
//! | callers | `User`, `Client`, `ApiKey`, `Workload`, in `Role`s and `Group`s; `principal.id`, `principal.tenant`, and each declared claim, as in `principal.department`; all but `id` are optional |
//! | operation `getOrder` of the API `orders` | `Action::"orders.getOrder"` on a resource of the type `orders::getOrder` |
//! | an operation without an id | `Action::"orders.GET /orders/{id}"` on `orders::GET_orders_id` |
//! | all that read, that write, and all of `orders` | `Action::"orders.read"`, `Action::"orders.write"`, `Action::"orders"` |
//! | path parameters | attributes of the resource; `resource.tenant` and `resource.owner` where the model says which they are |
//! | the request | `context.address`, `.time`, `.auth.method`, `.auth.acr`, `.auth.age` (seconds), `.mtls`, `.scopes`, `.headers["x-region"]`, `.body.amount`; `acr`, `age`, headers and members are optional |
//!
//! [`Role`]s become Cedar policies that can be printed ([`Engine::role_policies`]). Policy files, templates and links
//! stand beside them. All are validated strictly; a [`Report`] holds every problem at once.
//!
//! # Deciding
//!
//! [`Engine::decide`] denies by default, and a policy that fails denies as well, where Cedar alone would skip it and so
//! lose a `forbid`. A fact that is not what the model declares denies too. [`Cache`] remembers decisions:
//!
//! ```
//! use policy::*;
//! # let orders = Api {
//! #     name: "orders".into(),
//! #     operations: vec![Operation {
//! #         id: "getOrder".into(), method: "GET".into(), path_template: "/{tenant}/orders/{number}".into(), read: true,
//! #         parameters: vec![Attribute::new("tenant", ValueKind::String), Attribute::new("number", ValueKind::Long)],
//! #         tenant: Some("tenant".into()), ..Operation::default()
//! #     }],
//! # };
//! # let model = Model { apis: vec![orders], ..Model::default() };
//! let roles = "roles: { reader: { permissions: [{ operations: [orders.read], where: [tenant] }] } }";
//! let roles = RoleFile::parse("roles.yaml", roles)?.roles;
//! let engine = Engine::load(&Sources { model, roles, ..Sources::default() })?;
//! let cache = Cache::new(8192);
//!
//! let origin = Origin { address: [192, 0, 2, 1].into(), time: 1_795_521_600_000, method: "jwt" };
//! let question = Question::new(Kind::User, "alice", "orders.getOrder", "/acme/orders/42", &origin)
//!     .roles(["reader"])
//!     .tenant("acme")
//!     .parameter("tenant", "acme")
//!     .parameter("number", "42");
//! let decision = cache.decide(&engine, &question);
//! assert!(decision.is_allowed());
//! assert_eq!(decision.ids().collect::<Vec<_>>(), ["role:reader#1"]);
//! assert!(!cache.decide(&engine, &question.clone().tenant("globex")).is_allowed());
//! # Ok::<(), Report>(())
//! ```
//!
//! How it is fast: policies are sorted by action and by whom they are about (`index`), so that a question meets only
//! those that can apply. Policies without conditions are a table. For the others it is known what they can read
//! (`footprint`); that alone is handed to Cedar, and that alone, in full, is the key of the cache (`key`).
//! `tests/agreement.rs` compares every way of deciding with Cedar's plain authorizer.
//!
//! # Tools
//!
//! [`cases::Cases`] tests policies, [`Engine::why`] explains a decision, [`Engine::matrix`] tabulates roles against
//! operations, [`Difference`] says who gains and who loses, [`shadow`] tries policies on live traffic.

mod cache;
pub mod cases;
mod catalogue;
mod compile;
mod decision;
mod diff;
mod engine;
mod fold;
mod footprint;
mod index;
mod kept;
mod key;
mod matrix;
mod members;
mod model;
mod moment;
mod names;
mod question;
mod read;
mod rehearse;
mod report;
mod request;
mod roles;
mod rule;
mod schema;
mod shadow;
mod slot;
mod suggest;
mod why;

pub use cache::Cache;
pub use decision::{Decision, Fault, Verdict};
pub use diff::{CellChange, Difference, Effect, Unseen};
pub use engine::{Engine, Sources};
pub use kept::{Fact, Kept};
pub use matrix::{Cell, Matrix, Outcome, Subject, Term};
pub use model::{Api, Attribute, Model, Operation, ValueKind};
pub use moment::parse as parse_moment;
pub use names::action;
pub use question::{Kind, Origin, Question, Value};
pub use report::{Finding, Located, Place, Problem, Report, Source};
pub use roles::{Link, Match, Permission, Role, RoleFile};
pub use rule::Rule;
pub use shadow::{Disagreement, shadow};
pub use slot::Unusable;
pub use suggest::did_you_mean;
pub use why::{Near, Unmet, Why};
