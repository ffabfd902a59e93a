//! Looking again and again, for the kinds that are asked and do not tell by themselves.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};

use super::{Findings, Group};
use crate::error::IngestError;

/// Asks at once and then every `interval`, which is also the most that a question may take. The answer is all that is
/// there; a failure changes nothing.
pub(super) async fn every<F>(every: Duration, findings: &Findings, ask: impl Fn() -> F)
where
    F: Future<Output = Result<BTreeMap<String, Group>, IngestError>>,
{
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        match tokio::time::timeout(every, ask()).await {
            Ok(Ok(groups)) => findings.replace(groups),
            Ok(Err(error)) => findings.failed(&with_causes(&error)),
            Err(_) => findings.failed(&format!("no answer within {every:?}, the refresh_interval")),
        }
    }
}

/// An error with its causes in one line.
pub(super) fn with_causes(error: &IngestError) -> String {
    stdx::http_client::chain(error)
}
