//! Lines as they are: a text, and the labels of its stream.

use std::borrow::Cow;

use super::{Encoding, Origin, PushError};
use crate::logs::{LogOutcome, Logs, stream_labels};

impl Logs {
    /// Takes in every line of a text that is not empty, as written now. Lines that are refused are told in the outcome, the rest is
    /// stored. Blocks on the store's disk: call it from a blocking task.
    pub fn text_lines(
        &self,
        body: &[u8],
        encoding: Encoding,
        labels: &[(String, String)],
        origin: Origin,
    ) -> Result<LogOutcome, PushError> {
        self.unpacked(body, encoding, |bytes| {
            let mut gather = self.gather(origin);
            gather.reserve(bytes.len());
            let mut alias = "lines\0".to_owned();
            for text in labels.iter().flat_map(|(name, value)| [name, value]) {
                alias.push_str(text);
                alias.push('\0');
            }
            let pairs = || labels.iter().map(|(name, value)| (name.as_str(), value.as_str()));
            gather.begin(alias.as_bytes(), || stream_labels::of_pairs(pairs()));
            let (now_ns, mut metadata) = (gather.now_ns(), Vec::new());
            for line in bytes.split(|byte| *byte == b'\n') {
                let line = line.strip_suffix(b"\r").unwrap_or(line);
                if !line.is_empty() {
                    let line: Cow<'_, str> = gather.text(line);
                    gather.line(now_ns, &line, &mut metadata)?;
                }
            }
            self.store(gather, "lines", None)
        })
    }
}
