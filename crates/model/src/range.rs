//! A span of time, both ends included.

use std::fmt;

/// From `from_ms` to `to_ms`, both included, in milliseconds since the Unix epoch; never inverted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TimeRange {
    from_ms: i64,
    to_ms: i64,
}

/// The end lies before the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvertedRange {
    /// The start that was asked for.
    pub from_ms: i64,
    /// The end that was asked for.
    pub to_ms: i64,
}

impl TimeRange {
    /// All of time.
    pub const ALL: Self = Self {
        from_ms: i64::MIN,
        to_ms: i64::MAX,
    };

    /// A range; refuses an end before the start.
    pub fn new(from_ms: i64, to_ms: i64) -> Result<Self, InvertedRange> {
        if to_ms < from_ms {
            Err(InvertedRange { from_ms, to_ms })
        } else {
            Ok(Self { from_ms, to_ms })
        }
    }

    /// The one moment `at_ms`.
    pub fn at(at_ms: i64) -> Self {
        Self {
            from_ms: at_ms,
            to_ms: at_ms,
        }
    }

    /// The first millisecond of the range.
    pub fn from_ms(&self) -> i64 {
        self.from_ms
    }

    /// The last millisecond of the range.
    pub fn to_ms(&self) -> i64 {
        self.to_ms
    }

    /// Whether `at_ms` lies inside.
    pub fn contains(&self, at_ms: i64) -> bool {
        (self.from_ms..=self.to_ms).contains(&at_ms)
    }

    /// Whether the two ranges share a moment.
    pub fn overlaps(&self, other: &Self) -> bool {
        self.from_ms <= other.to_ms && other.from_ms <= self.to_ms
    }

    /// The smallest range that holds both.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        Self {
            from_ms: self.from_ms.min(other.from_ms),
            to_ms: self.to_ms.max(other.to_ms),
        }
    }
}

impl fmt::Display for InvertedRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the range ends ({} ms) before it starts ({} ms)",
            self.to_ms, self.from_ms
        )
    }
}

impl std::error::Error for InvertedRange {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ends_belong_to_the_range() {
        let range = TimeRange::new(10, 20).unwrap();
        assert!(range.contains(10) && range.contains(20) && !range.contains(21));
        assert!(range.overlaps(&TimeRange::at(20)) && !range.overlaps(&TimeRange::at(9)));
        assert_eq!(range.union(&TimeRange::at(3)), TimeRange::new(3, 20).unwrap());
        assert_eq!(TimeRange::new(5, 4), Err(InvertedRange { from_ms: 5, to_ms: 4 }));
    }
}
