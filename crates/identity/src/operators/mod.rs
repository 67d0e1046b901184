//! What operators do: with clients here, with users in `accounts`.

mod clients;

pub use clients::ClientError;
pub(crate) use clients::NOT_FIT_FOR_FAPI;
