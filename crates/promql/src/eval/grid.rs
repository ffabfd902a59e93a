//! The steps of a query.

use crate::error::EvalError;
use crate::limits;

/// Points in time at equal distances.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Grid {
    /// The first, in milliseconds since the Unix epoch.
    pub(crate) start_ms: i64,
    /// The distance; 1 where there is only one.
    pub(crate) step_ms: i64,
    /// How many; at least one, but for an empty subquery.
    pub(crate) steps: usize,
    /// The step that was asked for, for `step()`; 0 of an instant query.
    asked_step_ms: i64,
    /// The end that was asked for, for `range()` and `@ end()`; at or after the last step.
    asked_end_ms: i64,
}

/// Times beyond this would leave 64 bits once offsets and windows are added.
const TIME_MS_MAX: i64 = i64::MAX / 4;

impl Grid {
    pub(crate) fn instant(at_ms: i64) -> Self {
        let at_ms = at_ms.clamp(-TIME_MS_MAX, TIME_MS_MAX);
        Self {
            start_ms: at_ms,
            step_ms: 1,
            steps: 1,
            asked_step_ms: 0,
            asked_end_ms: at_ms,
        }
    }

    /// The steps from `from_ms` to `to_ms`, both included.
    pub(crate) fn new(from_ms: i64, to_ms: i64, step_ms: i64) -> Result<Self, EvalError> {
        if step_ms <= 0 {
            return Err(EvalError::execution(
                "zero or negative query resolution step widths are not accepted; try a positive number",
            ));
        }
        if to_ms < from_ms {
            return Err(EvalError::execution(
                "end timestamp must not be before start time",
            ));
        }
        if from_ms < -TIME_MS_MAX || to_ms > TIME_MS_MAX {
            return Err(EvalError::execution(
                "the range of the query lies beyond all time",
            ));
        }
        let steps = to_ms.saturating_sub(from_ms) / step_ms + 1;
        let steps = usize::try_from(steps).unwrap_or(usize::MAX);
        if steps > limits::STEPS_MAX {
            return Err(EvalError::execution(format!(
                "{steps} steps exceed the limit of {}; ask for a shorter range or a larger step",
                limits::STEPS_MAX
            )));
        }
        Ok(Self {
            start_ms: from_ms,
            step_ms,
            steps,
            asked_step_ms: step_ms,
            asked_end_ms: to_ms,
        })
    }

    /// The first step alone.
    pub(crate) fn first(self) -> Self {
        Self { steps: 1, ..self }
    }

    /// The time of the step at `place`.
    pub(crate) fn time(self, place: usize) -> i64 {
        self.start_ms + self.step_ms * place as i64
    }

    pub(crate) fn times(self) -> impl Iterator<Item = i64> {
        (0..self.steps).map(move |place| self.time(place))
    }

    /// The time of the last step.
    pub(crate) fn last_ms(self) -> i64 {
        self.time(self.steps.saturating_sub(1))
    }

    pub(crate) fn end_ms(self) -> i64 {
        self.asked_end_ms
    }

    pub(crate) fn length_ms(self) -> i64 {
        self.asked_end_ms - self.start_ms
    }

    pub(crate) fn asked_step_ms(self) -> i64 {
        self.asked_step_ms
    }
}
