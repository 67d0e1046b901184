//! The data plane: listeners, canonical form, routes, pipeline and upstreams.
//!
//! A request passes through typestates — `Canonical -> Routed -> Identified -> Authorized` — in one function,
//! [`pipeline`](crate); only an `Authorized` request can be forwarded. The gateway reads credentials through the small
//! trait it owns ([`KeySource`]), so it knows neither a database nor an authorization server.

mod access_log;
mod authenticate;
mod authorize;
mod body;
mod canonical;
mod contract;
mod cors;
mod dress;
mod forward;
mod gate;
mod heavy;
mod held;
mod http1;
mod identity_token;
mod inventory;
pub(crate) mod issuer;
mod limit;
mod listen;
mod metrics;
mod monitor;
mod pipeline;
mod plan;
mod policies;
mod pressure;
mod recent;
mod record;
mod refusal;
mod request_id;
mod resident;
mod resource;
mod route;
mod sources;
mod start;
mod stream;
mod traces;
mod tunnel;
mod turn;
pub(crate) mod upstream;
mod walks;
mod watch;
mod whole;
#[doc(hidden)]
pub mod workbench;
mod worker;

pub use canonical::{CanonicalPath, NotCanonical};
pub use inventory::{Inventory, Sighting};
pub use issuer::{send_out, send_to_stranger};
pub use listen::Worth;
pub use recent::{Position, Recent, Step, StepOutcome, Story};
pub use resident::{Answering, Resident, Translating, Visitor};
pub use sources::{KeySource, KnownKey, Lookup, SourceUnavailable, Sources};
pub use start::{Gateway, ReloadError, Running, StartError};
