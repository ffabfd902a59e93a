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

use crate::config::{Global, Integration, ReceiverConfig, Settings};
use crate::error::ConfigError;

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

/// Makes a channel of its settings and its receiver's name; a fault is named by its key below the channel.
type Make = fn(&Settings, &str) -> Result<Box<dyn Channel>, ConfigError>;

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

/// Makes the channels of all receivers that this build delivers by and hands each to `take`, with its receiver's name.
/// Reads the certificates that the settings name.
///
/// # Errors
/// Every channel that cannot be made, with the place and mend; `take` may have got others by then.
pub(crate) fn make_all(
    receivers: &[ReceiverConfig],
    global: Option<&Global>,
    mut take: impl FnMut(&str, &Integration, Box<dyn Channel>),
) -> Result<(), Vec<ConfigError>> {
    let mut errors = Vec::new();
    for (index, receiver) in receivers.iter().enumerate() {
        for integration in &receiver.integrations {
            match make(integration, global, &receiver.name) {
                Ok(Some(channel)) => take(&receiver.name, integration, channel),
                Ok(None) => {}
                Err(error) => {
                    let is_own = integration.settings.has("http_config");
                    let place = if is_own {
                        integration.place(index)
                    } else {
                        "global".to_owned()
                    };
                    let key = format!("{place}.{}", error.key);
                    errors.push(ConfigError { key, ..error });
                }
            }
        }
    }
    // A fault of `global` is the same for all that inherit it.
    errors.dedup();
    if errors.is_empty() { Ok(()) } else { Err(errors) }
}

/// Makes the channel of an integration; `None` where this build does not deliver by its kind.
fn make(
    integration: &Integration,
    global: Option<&Global>,
    receiver: &str,
) -> Result<Option<Box<dyn Channel>>, ConfigError> {
    let Some(maker) = all().iter().find(|maker| maker.kind == integration.kind()) else {
        return Ok(None);
    };
    let inherited = global.map(|global| {
        integration
            .settings
            .with_default("http_config", global.settings())
    });
    let settings = inherited.as_ref().unwrap_or(&integration.settings);
    (maker.make)(settings, receiver).map(Some)
}
