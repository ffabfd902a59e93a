//! The starts of the samples of an open chunk: most chunks have one start for all.

use model::NO_START;

/// Starts as runs of samples with the same one.
#[derive(Debug, Default)]
pub(super) struct StartRuns {
    /// From which place on which start holds; nothing before the first of them.
    runs: Vec<(u32, i64)>,
}

impl StartRuns {
    /// Notes the start of the sample at `place`, behind all before.
    pub(super) fn push(&mut self, place: usize, start_ms: i64) {
        let last_ms = self.runs.last().map_or(NO_START, |(_, last_ms)| *last_ms);
        if start_ms != last_ms {
            self.runs.push((place as u32, start_ms));
        }
    }

    /// Appends the starts of the first `count` samples to `out`.
    pub(super) fn put(&self, count: usize, out: &mut Vec<i64>) {
        let before = out.len();
        for (number, (from, start_ms)) in self.runs.iter().enumerate() {
            out.resize(before + *from as usize, NO_START);
            let to = self.runs.get(number + 1).map_or(count, |(to, _)| *to as usize);
            out.resize(before + to, *start_ms);
        }
        out.resize(before + count, NO_START);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_read_back() {
        let starts = [0, 0, 5, 5, 0, 7, 8, 8];
        let mut runs = StartRuns::default();
        for (place, start_ms) in starts.into_iter().enumerate() {
            runs.push(place, start_ms);
        }
        assert_eq!(runs.runs.len(), 4);
        let mut read = vec![9];
        runs.put(starts.len(), &mut read);
        assert_eq!(read, [9, 0, 0, 5, 5, 0, 7, 8, 8]);
    }
}
