//! The ways to tell somebody, one file each; the table of them is [`all`].
//!
//! In: messages from the outbox.  Out: what the other side answered.
//! Owns: the HTTP clients.
//! Invariants: a message is sent with its idempotency key every time (`tests/delivery.rs`); no secret is logged.
//! Not here: when to send and when to try again (`engine::sender`).
//! Start at: [`Channel`].

pub(crate) mod http;
pub mod log;
pub mod webhook;

use futures::future::BoxFuture;

use crate::config::Integration;
use crate::error::Error;

/// A way to tell somebody.
pub trait Channel: Send + Sync + std::fmt::Debug {
    /// Tries once to hand over a message. `key` names the message for ever, so that the other side can drop repeats.
    fn send<'a>(&'a self, payload: &'a str, key: &'a str) -> BoxFuture<'a, Delivery>;
}

/// What became of one try. The texts hold no secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Delivery {
    /// Taken by the other side, which answered this.
    Sent(String),
    /// Not taken now; trying again may help.
    Retry(String),
    /// Not taken, and trying again would not help.
    Refused(String),
}

/// Makes a channel of an integration and its receiver's name.
type Make = fn(&Integration, &str) -> Result<Box<dyn Channel>, Error>;

/// How a kind of channel is made: its name and its maker.
pub(crate) struct Maker {
    kind: &'static str,
    make: Make,
}

/// All channels that this build delivers by.
pub(crate) fn all() -> &'static [Maker] {
    &[
        Maker {
            kind: "log",
            make: log::make,
        },
        Maker {
            kind: "webhook",
            make: webhook::make,
        },
    ]
}

/// Makes the channel of an integration; `None` where this build does not deliver by its kind.
pub(crate) fn make(integration: &Integration, receiver: &str) -> Result<Option<Box<dyn Channel>>, Error> {
    let maker = all().iter().find(|maker| maker.kind == integration.kind());
    maker.map(|maker| (maker.make)(integration, receiver)).transpose()
}
