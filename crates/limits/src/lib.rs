//! How much: rates, quotas and places, counted in whole numbers, in bounded memory, and divided among instances. No I/O,
//! no clock of its own: whoever asks says what time it is.
//!
//! - A [`Measure`] is what may be used up: a rate ([`Gcra`]), a [`Quota`] of a day or month, or places that requests under
//!   way take.
//! - A [`Table`] holds one bucket for each caller and limit. [`Table::admit`] takes from several of them, or from none.
//! - [`Slicing`] and [`Allowance`] are the arithmetic of limits that several instances share through a store: each
//!   leases slices ahead of need. [`lease`] states and proves how much may be admitted too much.
//! - A [`FairQueue`] is where requests wait for a moment when all places are taken, in turns between clients.
//!
//! ```
//! use limits::{Demand, Gcra, Measure, Moment, Table};
//!
//! let minute = 60_000_000_000;
//! let measure = Measure::Rate(Gcra::new(100, minute, 100));
//! let table = Table::new(1 << 10);
//! let demand = Demand { key: table.key(1, [b"somebody".as_slice()]), limit: 1, measure: &measure, cost: 1 };
//! let passed = (0..1_000).filter(|_| table.admit(Moment(0), &[demand]).is_ok()).count();
//! assert_eq!(passed, 100);
//! ```

mod calendar;
mod fair;
mod gcra;
pub mod lease;
mod measure;
mod quota;
mod set;
mod table;

pub use calendar::Calendar;
pub use fair::{FairQueue, Pushed, Ticket};
pub use gcra::Gcra;
pub use lease::{Allowance, Ask, Grant, LEASE, Slicing, Step};
pub use measure::{Bucket, Measure, Moment, Standing};
pub use quota::Quota;
pub use table::{Admission, Demand, Held, Key, MOST_DEMANDS, Refused, Table};
