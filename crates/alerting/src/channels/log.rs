//! The log as a channel: where alerts go when nobody has been named yet.

use std::collections::BTreeMap;

use futures::FutureExt;
use futures::future::BoxFuture;
use serde_json::Value;

use crate::channels::{Channel, Delivery};
use crate::config::{ReceiverConfig, Settings};
use crate::error::ConfigError;
use crate::notify::message::Message;

/// The receiver that is used where the configuration has no route.
pub const DEFAULT_RECEIVER: &str = "log";

/// Writes one line per alert to this process' log.
#[derive(Debug)]
pub struct LogChannel {
    receiver: String,
}

/// The receiver that only writes to the log.
pub(crate) fn default_receiver() -> ReceiverConfig {
    let channel: BTreeMap<&str, Value> = BTreeMap::from([
        ("name", Value::from(DEFAULT_RECEIVER)),
        ("log_configs", serde_json::json!([{}])),
    ]);
    serde_json::to_value(channel)
        .and_then(serde_json::from_value)
        .unwrap_or(ReceiverConfig {
            name: DEFAULT_RECEIVER.to_owned(),
            integrations: Vec::new(),
        })
}

#[expect(clippy::unnecessary_wraps, reason = "the table's makers share one signature")]
pub(crate) fn make(_: &Settings, receiver: &str) -> Result<Box<dyn Channel>, ConfigError> {
    Ok(Box::new(LogChannel {
        receiver: receiver.to_owned(),
    }))
}

impl Channel for LogChannel {
    fn send<'a>(&'a self, payload: &'a str, key: &'a str) -> BoxFuture<'a, Delivery> {
        let delivery = match serde_json::from_str::<Message>(payload) {
            Ok(message) => {
                self.write(&message, key);
                Delivery::Sent("written to the log".to_owned())
            }
            Err(error) => Delivery::Refused(format!("the message cannot be read back: {error}")),
        };
        futures::future::ready(delivery).boxed()
    }
}

impl LogChannel {
    fn write(&self, message: &Message, key: &str) {
        for alert in &message.alerts {
            let text =
                |map: &BTreeMap<String, String>, name: &str| map.get(name).cloned().unwrap_or_default();
            let name = text(&alert.labels, "alertname");
            let severity = text(&alert.labels, "severity");
            let summary = text(&alert.annotations, "summary");
            let (receiver, labels) = (&self.receiver, &alert.labels);
            if alert.status == "firing" {
                tracing::warn!(receiver, name, severity, summary, ?labels, key, "alert firing");
            } else {
                tracing::info!(receiver, name, severity, summary, ?labels, key, "alert resolved");
            }
        }
    }
}
