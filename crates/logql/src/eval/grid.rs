//! The times an answer is computed for.

use crate::error::EvalError;
use crate::limits;

/// Times at equal distances, in nanoseconds since the Unix epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Grid {
    pub(crate) start_ns: i64,
    /// Above zero.
    pub(crate) step_ns: i64,
    /// At least one.
    pub(crate) steps: usize,
}

impl Grid {
    pub(crate) fn instant(at_ns: i64) -> Result<Self, EvalError> {
        Self::new(at_ns, at_ns, 1)
    }

    pub(crate) fn new(from_ns: i64, to_ns: i64, step_ns: i64) -> Result<Self, EvalError> {
        let in_reach = |at_ns: i64| (-limits::TIME_NS_MAX..=limits::TIME_NS_MAX).contains(&at_ns);
        if !in_reach(from_ns) || !in_reach(to_ns) {
            return Err(EvalError::execution("the times are out of range"));
        }
        if to_ns < from_ns {
            return Err(EvalError::execution("the end lies before the start"));
        }
        if step_ns <= 0 {
            return Err(EvalError::execution(
                "zero or negative step; ask for a positive one",
            ));
        }
        let distance = to_ns.abs_diff(from_ns);
        let steps = distance / step_ns.unsigned_abs() + 1;
        if steps > limits::STEPS_MAX as u64 {
            return Err(EvalError::TooManySteps {
                steps,
                steps_max: limits::STEPS_MAX,
                step_ns_min: distance.div_ceil(limits::STEPS_MAX as u64 - 1) as i64,
            });
        }
        Ok(Self {
            start_ns: from_ns,
            step_ns,
            steps: steps as usize,
        })
    }

    pub(crate) fn at(&self, step: usize) -> i64 {
        // Wide, as the way from one end of time to the other is.
        (i128::from(self.start_ns) + i128::from(self.step_ns) * step as i128) as i64
    }

    pub(crate) fn end_ns(&self) -> i64 {
        self.at(self.steps - 1)
    }
}
