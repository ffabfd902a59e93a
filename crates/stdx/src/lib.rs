//! What the standard library lacks and every room needs: a clock that tests own, backoff, bounded outlets, durations,
//! YAML whose faults are named all at once, paths beside a file, whether a thing prints short, HTTP clients that can be built on any
//! machine.
//!
//! In: nothing of this project; this is the ground floor.  Out: small, general pieces, used by every room.
//! Owns: nothing on disk and no task.
//! Invariants: an outlet never blocks its producer and never drops without counting (`outlet::tests`);
//! backoff never exceeds its ceiling (`backoff::tests`); a printed duration parses back to itself (`duration::tests`);
//! a YAML text is read whole or every fault is named (`yaml::tests`).
//! Not here: anything that knows of metrics, logs, alerts or their formats; the nouns live in `model`.
//! Start at: [`Clock`].

pub mod backoff;
pub mod bytes;
pub mod clock;
pub mod duration;
#[cfg(feature = "http-client")]
pub mod http_client;
pub mod outlet;
pub mod paths;
pub mod printed;
#[cfg(feature = "http-client")]
pub mod tls;
pub mod yaml;

pub use backoff::Backoff;
pub use bytes::HumanBytes;
pub use clock::{Clock, SystemClock};
pub use duration::HumanDuration;
pub use printed::{indentation, prints_within};
