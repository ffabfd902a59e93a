//! What became of an import, as the server says it and as people read it.

use std::collections::BTreeMap;
use std::fmt;

use ingest::import::Reading;
use model::Backfilled;
use serde::{Deserialize, Serialize};

/// What became of an import.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ImportAnswer {
    /// Blocks or files that were read to their end.
    pub sources: u64,
    /// Series that were wanted; one that several blocks hold counts in each.
    pub series: u64,
    /// Samples that were read and wanted.
    pub samples: u64,
    /// Native histograms that were read and wanted.
    pub histograms: u64,
    /// Samples that are durable and readable now, known ones among them.
    pub stored: u64,
    /// Samples that the store had already, with the same value.
    pub known: u64,
    /// Samples that were refused, by reason.
    pub refused: BTreeMap<String, u64>,
    /// Samples that the source holds as deleted.
    pub deleted: u64,
    /// How many of the stored samples are native histograms.
    pub histograms_stored: u64,
    /// Exemplars that were left out.
    pub exemplars_left_out: u64,
    /// Blocks that were written.
    pub blocks_written: u64,
    /// Things that cannot be read.
    pub fault_count: u64,
    /// The first of them.
    pub faults: Vec<String>,
    /// What the operator should know although nothing is wrong.
    pub notes: Vec<String>,
}

impl ImportAnswer {
    /// What was read, and what the store says of it.
    pub fn new(reading: Reading, stored: &Backfilled) -> Self {
        let refused = stored.accepted.refused.iter();
        Self {
            stored: stored.accepted.stored,
            known: stored.known,
            refused: refused
                .map(|(reason, count)| (reason.as_str().to_owned(), *count))
                .collect(),
            histograms_stored: stored.accepted.histograms_stored,
            blocks_written: stored.blocks_written,
            ..Self::from(reading)
        }
    }

    /// The same, where a server says what was stored and `reading` what was read here.
    #[must_use]
    pub fn read_here(self, reading: Reading) -> Self {
        let mut faults = reading.faults.clone();
        faults.extend(self.faults);
        Self {
            fault_count: self.fault_count + reading.fault_count,
            faults,
            stored: self.stored,
            known: self.known,
            refused: self.refused,
            histograms_stored: self.histograms_stored,
            blocks_written: self.blocks_written,
            ..Self::from(reading)
        }
    }
}

impl From<Reading> for ImportAnswer {
    fn from(reading: Reading) -> Self {
        Self {
            sources: reading.sources,
            series: reading.series,
            samples: reading.samples,
            histograms: reading.histograms,
            deleted: reading.deleted,
            exemplars_left_out: reading.exemplars_left_out,
            fault_count: reading.fault_count,
            faults: reading.faults,
            notes: reading.notes,
            ..Self::default()
        }
    }
}

impl fmt::Display for ImportAnswer {
    /// One line: what was read, what is stored, what was not and why.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} samples of {} series read: {} stored",
            self.samples + self.histograms,
            self.series,
            self.stored
        )?;
        let among = [
            (self.histograms_stored, "native histograms"),
            (self.known, "known already"),
        ];
        let among: Vec<String> = among
            .iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, what)| format!("{count} {what}"))
            .collect();
        if !among.is_empty() {
            write!(f, " ({})", among.join(", "))?;
        }
        for (reason, count) in &self.refused {
            write!(f, ", {count} refused: {reason}")?;
        }
        let rest = [
            (self.deleted, "deleted at the source"),
            (self.exemplars_left_out, "exemplars left out"),
            (self.fault_count, "faults"),
        ];
        for (count, what) in rest.iter().filter(|(count, _)| *count > 0) {
            write!(f, ", {count} {what}")?;
        }
        write!(f, "; {} blocks written", self.blocks_written)
    }
}

#[cfg(test)]
mod tests {
    use model::{Accepted, Refusal};

    use super::*;

    #[test]
    fn the_line_tells_what_was_not_stored() {
        let reading = Reading {
            series: 2,
            samples: 10,
            histograms: 3,
            ..Reading::default()
        };
        let stored = Backfilled {
            accepted: Accepted {
                stored: 10,
                histograms_stored: 3,
                refused: vec![(Refusal::TooOld, 3)],
                ..Accepted::default()
            },
            known: 1,
            blocks_written: 4,
        };
        assert_eq!(
            ImportAnswer::new(reading, &stored).to_string(),
            "13 samples of 2 series read: 10 stored (3 native histograms, 1 known already), 3 refused: too_old; 4 blocks \
             written"
        );
    }
}
