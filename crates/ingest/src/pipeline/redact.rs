//! `redact`, and the `redaction` that everything goes through: secrets and personal data are replaced before lines are stored.
//!
//! In: texts of lines, metadata and labels.  Out: the same with `[REDACTED:kind]`, or a keyed hash, in place of what was found.
//! Owns: nothing.
//! Invariants: every detector finds what it is for and counts it once (`redact::tests::every_detector_finds_its_kind`); what is no
//! secret stays (`redact::tests::what_is_no_secret_stays`); the prefilter misses nothing that a detector finds
//! (`redact::tests::the_prefilter_misses_nothing`).
//! Not here: secrets of several lines, such as a private key that is logged line by line: a line is all that is seen.
//! Start at: [`Redact`].

mod checks;
mod detectors;
mod hints;
mod scan;
#[cfg(test)]
mod tests;

use hmac::{Hmac, KeyInit, Mac};
use model::Labels;
use serde::Deserialize;
use sha2::Sha256;

use super::fields::Expression;
use super::telemetry::{KindLabels, PipelineTelemetry};
use super::{Entry, Flow, Stage};
use crate::config::Secret;
use crate::limits::REDACT_PATTERNS_MAX;
pub use detectors::{Detector, Group, all};
use scan::{Found, Scan};

/// The keys of `redact` and of `redaction`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RedactConfig {
    /// Detectors by name, or `secrets` and `personal` for all of a kind.
    pub detectors: Vec<String>,
    /// Detectors of these that are left out.
    pub except: Vec<String>,
    /// Own patterns.
    pub patterns: Vec<OwnPattern>,
    /// What takes the place of what is found.
    pub replace: Replace,
    /// The key of the hashes.
    pub hash_key: Option<Secret>,
}

/// An own pattern. Where it has a named capture, that is replaced, else all that fits.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OwnPattern {
    /// The kind, as it stands in the replacement and in counters.
    pub name: String,
    /// What is looked for.
    pub expression: Expression,
}

/// What takes the place of what is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Replace {
    /// `[REDACTED:kind]`.
    #[default]
    Mark,
    /// `[HASH:kind:0123456789abcdef]`, the first 64 bits of an HMAC-SHA256: equal texts can be told to be equal, and nothing else.
    Hash,
}

impl Default for RedactConfig {
    fn default() -> Self {
        Self {
            detectors: vec!["secrets".to_owned()],
            except: Vec::new(),
            patterns: Vec::new(),
            replace: Replace::Mark,
            hash_key: None,
        }
    }
}

impl RedactConfig {
    /// Finds nothing.
    pub fn off() -> Self {
        Self {
            detectors: Vec::new(),
            ..Self::default()
        }
    }

    /// What is wrong with the section.
    pub fn fault(&self) -> Option<String> {
        let named = self.detectors.iter().chain(&self.except);
        let mut unknown = named.filter(|name| !all().iter().any(|detector| detector.is_called(name)));
        if let Some(name) = unknown.next() {
            let names: Vec<&str> = all().iter().map(|detector| detector.name).collect();
            return Some(format!(
                "there is no detector {name:?}; write secrets, personal, or one of {}",
                names.join(", ")
            ));
        }
        if self.patterns.len() > REDACT_PATTERNS_MAX {
            return Some(format!(
                "{} patterns, at most {REDACT_PATTERNS_MAX} are looked for",
                self.patterns.len()
            ));
        }
        if let Some(empty) = self.patterns.iter().find(|own| own.expression.0.is_match("")) {
            return Some(format!(
                "the pattern {:?} fits nothing at all, too; let it ask for a character",
                empty.name
            ));
        }
        let has_key = self.hash_key.as_ref().is_some_and(|key| key.expose().len() >= 16);
        (self.replace == Replace::Hash && !has_key).then(|| {
            "replace: hash needs a hash_key of 16 characters at least; set it, best from a variable"
                .to_owned()
        })
    }
}

/// Finds and replaces.
#[derive(Debug)]
pub struct Redact {
    scan: Scan,
    hash: Option<Hmac<Sha256>>,
    telemetry: PipelineTelemetry,
}

impl Redact {
    /// By a section that was checked.
    pub fn new(config: &RedactConfig, telemetry: &PipelineTelemetry) -> Result<Self, String> {
        if let Some(fault) = config.fault() {
            return Err(fault);
        }
        let is_wanted = |detector: &Detector| {
            let names = |list: &[String]| list.iter().any(|name| detector.is_called(name));
            names(&config.detectors) && !names(&config.except)
        };
        let detectors = all().iter().filter(|detector| is_wanted(detector));
        let hash = match (&config.hash_key, config.replace) {
            (Some(key), Replace::Hash) => {
                let keyed = Hmac::new_from_slice(key.expose().as_bytes());
                Some(keyed.map_err(|error| format!("hash_key: {error}"))?)
            }
            _ => None,
        };
        Ok(Self {
            scan: Scan::new(detectors, &config.patterns)?,
            hash,
            telemetry: telemetry.clone(),
        })
    }

    /// Whether there is nothing to look for.
    pub fn is_idle(&self) -> bool {
        self.scan.is_idle()
    }

    /// Whether a line or its metadata may hold something. Never wrong when it says no.
    pub fn may_find<'t>(&self, line: &str, metadata: impl Iterator<Item = (&'t str, &'t str)>) -> bool {
        self.scan.may_find(line)
            || metadata
                .into_iter()
                .any(|(name, value)| self.scan.may_find_named(name, value))
    }

    /// The same for labels.
    pub fn may_find_in_labels(&self, labels: &Labels) -> bool {
        labels
            .iter()
            .any(|(name, value)| self.scan.may_find_named(name, value))
    }

    /// The text with everything replaced that was found; `None` where there was nothing. Counted where the text is stored, so that no
    /// secret counts twice because a stage took it out of its line.
    pub fn redacted(&self, name: &str, text: &str, is_counted: bool) -> Option<String> {
        if !self.scan.may_find_named(name, text) {
            return None;
        }
        let found = self.scan.find(name, text);
        if found.is_empty() {
            return None;
        }
        let mut out = String::with_capacity(text.len());
        let mut copied = 0;
        for Found { start, end, kind } in found {
            out.push_str(text.get(copied..start).unwrap_or_default());
            self.replace(text.get(start..end).unwrap_or_default(), kind, &mut out);
            copied = end;
            if is_counted {
                let kind = KindLabels {
                    kind: kind.to_owned(),
                };
                self.telemetry.redacted.get_or_create(&kind).inc();
            }
        }
        out.push_str(text.get(copied..).unwrap_or_default());
        Some(out)
    }

    fn replace(&self, text: &str, kind: &str, out: &mut String) {
        use std::fmt::Write as _;
        let Some(hash) = &self.hash else {
            out.extend(["[REDACTED:", kind, "]"]);
            return;
        };
        let mut hash = hash.clone();
        hash.update(text.as_bytes());
        let digest = hash.finalize().into_bytes();
        out.extend(["[HASH:", kind, ":"]);
        for byte in digest.iter().take(8) {
            // Writing to a text cannot fail.
            let _ = write!(out, "{byte:02x}");
        }
        out.push(']');
    }
}

impl Stage for Redact {
    fn apply(&self, entry: &mut Entry<'_>, _now_ns: i64) -> Flow {
        entry.change_texts(|name, text, is_stored| self.redacted(name, text, is_stored));
        Flow::On
    }
}
