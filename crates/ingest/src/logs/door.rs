//! The way of lines that this process gathers itself: levels, names of services, pipelines and redaction as for lines that are pushed.

use std::borrow::Cow;
use std::sync::Arc;

use model::{Labels, LogAccepted, LogRows, LogWrite, WriteError};

use super::{Logs, Pair};
use crate::push::{Origin, PushError};

/// A store of lines before which [`Logs`] stands.
#[derive(Debug)]
struct Door {
    logs: Arc<Logs>,
    source: &'static str,
}

impl Logs {
    /// A door for batches whose streams, times and metadata are told already; `source` is what they are counted under. A batch that
    /// is refused as a whole may be given again with the same key.
    pub fn door(self: &Arc<Self>, source: &'static str) -> Arc<dyn LogWrite> {
        Arc::new(Door {
            logs: Arc::clone(self),
            source,
        })
    }
}

impl LogWrite for Door {
    fn append(&self, rows: &LogRows, now_ns: i64) -> Result<LogAccepted, WriteError> {
        let origin = Origin {
            tenant: rows.tenant,
            now_ms: now_ns.div_euclid(1_000_000),
        };
        let stored = self.gathered(rows, origin);
        stored
            .map(|outcome| outcome.accepted)
            .map_err(|error| match error {
                PushError::Store(error) => error,
                other => WriteError::Later {
                    reason: other.to_string(),
                },
            })
    }

    fn is_ready_for(&self, stream: &Labels, metadata: &[(String, String)]) -> bool {
        self.is_known(stream, metadata)
    }
}

impl Door {
    /// Whether the pipelines know all that they need for such lines.
    fn is_known(&self, stream: &Labels, metadata: &[(String, String)]) -> bool {
        let pipelines = Arc::clone(&self.logs.pipelines.read());
        if !pipelines.may_wait() {
            return true;
        }
        let settings = Arc::clone(&self.logs.settings.read());
        match settings.stream(stream.clone()) {
            Ok(stream) => pipelines.is_ready_for(&stream.labels, metadata),
            // It will be refused, whenever it comes.
            Err(_) => true,
        }
    }

    fn gathered(&self, rows: &LogRows, origin: Origin) -> Result<super::LogOutcome, PushError> {
        let mut gather = self.logs.gather(origin);
        gather.reserve(rows.line_bytes());
        let mut alias = Vec::new();
        let mut metadata: Vec<Pair<'_>> = Vec::new();
        for (labels, of_stream) in rows.streams() {
            name_stream(self.source, labels, &mut alias);
            gather.begin(&alias, || Ok(labels.clone()));
            for row in of_stream {
                metadata.clear();
                let pairs = row.metadata();
                metadata.extend(pairs.map(|(name, value)| (Cow::Borrowed(name), Cow::Borrowed(value))));
                gather.line(row.at_ns(), row.line(), &mut metadata)?;
            }
        }
        self.logs.store(gather, self.source, rows.key)
    }
}

/// What a stream is known by: no label holds the byte between them.
fn name_stream(source: &str, labels: &Labels, out: &mut Vec<u8>) {
    out.clear();
    out.extend_from_slice(source.as_bytes());
    for text in labels.iter().flat_map(|(name, value)| [name, value]) {
        out.push(0xff);
        out.extend_from_slice(text.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use model::{LogFlow, LogRead, LogSelection, MemoryLogs, TenantId};

    use super::*;
    use crate::logs::LogsTelemetry;

    #[test]
    fn lines_that_are_gathered_get_level_and_service_and_a_key_that_is_known_stores_nothing() {
        let store = Arc::new(MemoryLogs::default());
        let writer: Arc<dyn LogWrite> = Arc::<MemoryLogs>::clone(&store);
        let logs = Arc::new(Logs::new(writer, LogsTelemetry::default()));
        let door = logs.door("files");
        let mut rows = LogRows::new(TenantId::DEFAULT);
        rows.key = Some(7);
        rows.begin_stream(Labels::from_pairs([("job", "shop")]));
        rows.push(1_000_000_000, "level=warn order lost", [("order", "4")]);
        let accepted = door.append(&rows, 2_000_000_000).unwrap();
        assert_eq!((accepted.stored, accepted.is_repeated), (1, false));
        let mut seen = Vec::new();
        let selection = LogSelection {
            to_ns: i64::MAX,
            ..LogSelection::default()
        };
        let take = &mut |batch: &model::LogBatch<'_>| {
            seen.push(format!(
                "{} {} {:?}",
                batch.stream,
                batch.lines.get(0),
                batch.metadata.get(0)
            ));
            LogFlow::More
        };
        store.read(&selection, take).unwrap();
        let expected = r#"{job="shop", service_name="shop"} level=warn order lost [("order", "4"), ("detected_level", "warn")]"#;
        assert_eq!(seen, [expected]);
    }
}
