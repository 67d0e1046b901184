//! Authorization.

mod cache;
mod catalogue;
mod compile;
mod decision;
mod engine;
mod footprint;
mod index;
mod key;
mod members;
mod model;
mod moment;
mod names;
mod question;
mod read;
mod report;
mod request;
mod roles;
mod rule;
mod schema;
mod slot;
mod suggest;

pub use cache::Cache;
pub use decision::{Decision, Fault, Verdict};
pub use engine::{Engine, Sources};
pub use model::{Api, Attribute, Model, Operation, ValueKind};
pub use question::{Kind, Origin, Question, Value};
pub use report::{Finding, Located, Place, Problem, Report, Source};
pub use roles::{Link, Match, Permission, Role, RoleFile};
pub use rule::Rule;
pub use slot::Unusable;
