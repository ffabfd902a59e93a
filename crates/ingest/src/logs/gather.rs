//! Lines on their way into a batch: judged by the limits, given their level, counted where they are refused.

use std::borrow::Cow;
use std::sync::Arc;

use model::names::{is_legacy_label_name, sanitize_label_name};
use model::{Labels, LogRefusal, LogRows};
use xxhash_rust::xxh3::xxh3_128_with_seed;

use super::known::Stream;
use super::{Logs, Settings, level, stream_labels};
use crate::config::logs::LogsConfig;
use crate::limits::{LOG_BATCH_BYTES_MAX, LOG_LINES_MAX, PUSH_FAULTS_TOLD};
use crate::push::{Origin, PushError};

/// The label that names a stream's service, as Loki adds it.
pub(crate) const SERVICE_NAME: &str = "service_name";
/// What a stream's service is called that nothing names.
pub(crate) const SERVICE_UNKNOWN: &str = "unknown_service";

/// A pair of a line's metadata.
pub type Pair<'a> = (Cow<'a, str>, Cow<'a, str>);

/// What became of the lines of a body.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LogOutcome {
    /// What the store says, and what was refused before it was asked.
    pub accepted: model::LogAccepted,
    /// The first faults, one text each.
    pub faults: Vec<String>,
}

/// A batch that is being made.
#[derive(Debug)]
pub(crate) struct Gather<'l> {
    logs: &'l Logs,
    pub(super) settings: Arc<Settings>,
    pub(crate) origin: Origin,
    pub(super) rows: LogRows,
    pub(super) outcome: LogOutcome,
    /// The stream that lines go to; none where it was refused.
    stream: Option<Arc<Stream>>,
    /// Lines that came, refused ones included.
    lines: usize,
    /// What was told last of a line of this stream, without the stream.
    told: Option<String>,
    /// Why the last line was refused; none where it was taken.
    pub(crate) last_refusal: Option<LogRefusal>,
}

impl LogOutcome {
    /// How many lines were refused.
    pub fn refused(&self) -> u64 {
        self.accepted.refused.iter().map(|(_, count)| count).sum()
    }

    /// What was not taken in, for the sender; `None` where everything was.
    pub fn complaint(&self) -> Option<String> {
        if self.accepted.refused.is_empty() {
            return None;
        }
        let refused = self.accepted.refused.iter();
        let mut parts: Vec<String> = refused
            .map(|(reason, count)| format!("{count} lines refused: {reason}"))
            .collect();
        parts.extend_from_slice(&self.faults);
        Some(parts.join("; "))
    }

    /// Counts a line that may not be stored, and tells its fault: `text` puts it together with the stream. That is done once for lines of
    /// the same fault, as the labels may be long, and the lines short and many.
    fn refuse(
        &mut self,
        reason: LogRefusal,
        told: &mut Option<String>,
        fault: String,
        text: impl FnOnce(&str) -> String,
    ) {
        self.accepted.refuse(reason, 1);
        if self.faults.len() >= PUSH_FAULTS_TOLD || told.as_ref() == Some(&fault) {
            return;
        }
        let text = text(&fault);
        if self.faults.last() != Some(&text) {
            self.faults.push(text);
        }
        *told = Some(fault);
    }
}

impl<'l> Gather<'l> {
    pub(super) fn new(logs: &'l Logs, settings: Arc<Settings>, origin: Origin) -> Self {
        Self {
            logs,
            settings,
            origin,
            rows: LogRows::new(origin.tenant),
            outcome: LogOutcome::default(),
            stream: None,
            lines: 0,
            told: None,
            last_refusal: None,
        }
    }

    /// The time of ingestion, in nanoseconds since the Unix epoch.
    pub(crate) fn now_ns(&self) -> i64 {
        self.origin.now_ms.saturating_mul(1_000_000)
    }

    /// Makes room for a body of so many bytes.
    pub(crate) fn reserve(&mut self, body_bytes: usize) {
        // Lines of some hundred bytes are usual; a batch of short ones grows.
        self.rows
            .reserve(body_bytes / 256, body_bytes.min(LOG_BATCH_BYTES_MAX));
    }

    /// Begins a stream that is named by a text such as `{app="shop"}`.
    pub(crate) fn begin_text(&mut self, text: &[u8]) {
        self.begin(text, || {
            let text = String::from_utf8_lossy(text);
            stream_labels::read(&text).map_err(|fault| format!("error parsing labels {text:?}: {fault}"))
        });
    }

    /// Begins a stream whose sender calls it `alias`; its labels are only read where they are not known from before.
    pub(crate) fn begin(&mut self, alias: &[u8], labels: impl FnOnce() -> Result<Labels, String>) {
        let alias = xxh3_128_with_seed(alias, self.settings.seed);
        // Apart from the match, whose arms take the lock again.
        let before = self.stream.take();
        self.told = None;
        let known = self.logs.known.read().find(alias);
        if known.is_some() {
            self.stream = known;
        } else {
            self.logs.telemetry.streams_parsed.inc();
            match labels().and_then(|labels| self.settings.stream(labels)) {
                Ok(stream) => {
                    let stream = Arc::new(stream);
                    self.logs.known.write().learn(alias, Arc::clone(&stream));
                    self.stream = Some(stream);
                }
                Err(fault) => self.stream_refused(fault),
            }
        }
        if let Some(stream) = &self.stream
            && before.is_none_or(|before| !Arc::ptr_eq(&before, stream))
        {
            self.rows.begin_stream(stream.labels.clone());
        }
    }

    /// The fault is told once, its lines are counted one by one.
    fn stream_refused(&mut self, fault: String) {
        if self.outcome.faults.len() < PUSH_FAULTS_TOLD {
            self.outcome.faults.push(fault);
        }
    }

    /// Adds a line to the stream that was begun last. Lines that may not be stored are counted with their reason.
    ///
    /// # Errors
    /// The body becomes larger than any may.
    pub(crate) fn line(
        &mut self,
        at_ns: i64,
        line: &str,
        metadata: &mut Vec<Pair<'_>>,
    ) -> Result<(), PushError> {
        self.lines += 1;
        if self.lines > LOG_LINES_MAX {
            return Err(PushError::TooMany {
                what: "lines",
                max: LOG_LINES_MAX,
            });
        }
        self.last_refusal = None;
        let Some(stream) = &self.stream else {
            self.last_refusal = Some(LogRefusal::BadLabels);
            self.outcome.accepted.refuse(LogRefusal::BadLabels, 1);
            return Ok(());
        };
        let (settings, outcome, told) = (&*self.settings, &mut self.outcome, &mut self.told);
        let Some(line) = settings.fitting(line) else {
            self.last_refusal = Some(LogRefusal::LineTooLong);
            let fault = format!("an entry with length '{}' bytes", line.len());
            outcome.refuse(LogRefusal::LineTooLong, told, fault, |fault| {
                format!(
                    "Max entry size '{}' bytes exceeded for stream '{}' while adding {fault}; send shorter lines, or raise \
                     logs.line_size_max",
                    settings.line_bytes_max, stream.labels
                )
            });
            return Ok(());
        };
        if !metadata.is_empty() {
            if let Err(fault) = settings.check_metadata(metadata) {
                self.last_refusal = Some(LogRefusal::TooMuchMetadata);
                outcome.refuse(LogRefusal::TooMuchMetadata, told, fault, |fault| {
                    format!("stream '{}' has {fault}", stream.labels)
                });
                return Ok(());
            }
            mend_names(metadata);
        }
        let mut detected = None;
        if settings.config.detect_level && !has_level(metadata) {
            detected = Some(settings.level(stream, line, metadata));
        }
        let bytes = self.rows.bytes() + line.len();
        let pairs = metadata.iter().map(|(name, value)| (&**name, &**value));
        let level = detected.as_deref().map(|level| (level::DETECTED_LEVEL, level));
        if bytes > LOG_BATCH_BYTES_MAX || !self.rows.push(at_ns, line, pairs.chain(level)) {
            return Err(PushError::TooMany {
                what: "bytes of lines and metadata",
                max: LOG_BATCH_BYTES_MAX,
            });
        }
        Ok(())
    }

    /// Notes that something of a line was replaced.
    pub(crate) fn note_mended(&self) {
        self.logs.telemetry.lines_mended.inc();
    }

    /// A text of bytes that should be UTF-8; what is not is replaced, and counted.
    pub(crate) fn text<'a>(&self, bytes: &'a [u8]) -> Cow<'a, str> {
        match std::str::from_utf8(bytes) {
            Ok(text) => Cow::Borrowed(text),
            Err(_) => {
                self.note_mended();
                String::from_utf8_lossy(bytes)
            }
        }
    }

    /// The `logs` section.
    pub(crate) fn config(&self) -> &LogsConfig {
        &self.settings.config
    }

    /// Whether a line may have so much metadata.
    pub(crate) fn fits_metadata(&self, metadata: &[Pair<'_>]) -> bool {
        self.settings.check_metadata(metadata).is_ok()
    }

    /// Whether a resource attribute becomes a label of the stream.
    pub(crate) fn is_index_attribute(&self, name: &str) -> bool {
        let named = &self.settings.config.otlp.index_attributes;
        named.iter().any(|known| known == name)
    }

    /// Whether an attribute is not stored.
    pub(crate) fn is_dropped_attribute(&self, name: &str) -> bool {
        let named = &self.settings.config.otlp.drop_attributes;
        named.iter().any(|known| known == name)
    }
}

/// Names that no expression could name are made into ones that can, as Loki makes them.
fn mend_names(metadata: &mut [Pair<'_>]) {
    for (name, _) in metadata {
        if !is_legacy_label_name(name) {
            *name = Cow::Owned(label_name(name));
        }
    }
}

/// The name of a label as Loki's `NormalizeLabel` makes it: foreign characters become underscores, a digit in front gets `key_`.
pub(crate) fn label_name(name: &str) -> String {
    let name = sanitize_label_name(name);
    match name.bytes().next() {
        Some(first) if first.is_ascii_digit() => format!("key_{name}"),
        Some(_) => name,
        None => "_".to_owned(),
    }
}

/// Whether the sender tells the level himself; it is brought into Loki's words.
fn has_level(metadata: &mut [Pair<'_>]) -> bool {
    for (name, value) in metadata {
        if name == level::DETECTED_LEVEL {
            let normal = level::normal(value);
            if normal != value {
                *value = Cow::Owned(normal.to_owned());
            }
            return true;
        }
    }
    false
}
