//! What bodies with deltas were answered, so that a sender that has heard no answer and sends the same again is told the same,
//! and nothing is added twice.

use std::collections::VecDeque;

use hashbrown::HashMap;
use parking_lot::Mutex;

use super::super::Outcome;
use crate::limits::OTLP_ANSWERS_KEPT;

/// How long an answer is kept.
const KEPT_MS: i64 = 15 * 60 * 1000;

/// The answers of the last minutes.
#[derive(Debug, Default)]
pub(super) struct Answers {
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    by_body: HashMap<u128, Outcome>,
    /// Oldest first.
    order: VecDeque<(i64, u128)>,
}

impl Answers {
    /// Whether no body was answered lately, so that none need be hashed.
    pub(super) fn is_empty(&self) -> bool {
        self.kept.lock().order.is_empty()
    }

    /// What this body was answered lately.
    pub(super) fn find(&self, body: u128, now_ms: i64) -> Option<Outcome> {
        let mut kept = self.kept.lock();
        kept.forget(now_ms);
        kept.by_body.get(&body).cloned()
    }

    /// Keeps an answer.
    pub(super) fn keep(&self, body: u128, outcome: Outcome, now_ms: i64) {
        let mut kept = self.kept.lock();
        kept.forget(now_ms);
        if kept.by_body.insert(body, outcome).is_none() {
            kept.order.push_back((now_ms, body));
        }
    }
}

impl Kept {
    fn forget(&mut self, now_ms: i64) {
        while let Some(&(answered_at_ms, body)) = self.order.front() {
            let is_old = (now_ms - answered_at_ms).abs() > KEPT_MS;
            if !is_old && self.order.len() < OTLP_ANSWERS_KEPT {
                break;
            }
            self.order.pop_front();
            self.by_body.remove(&body);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_kept_for_a_while_and_in_bounds() {
        let answers = Answers::default();
        assert!(answers.is_empty());
        let outcome = Outcome {
            invalid: 7,
            ..Outcome::default()
        };
        answers.keep(1, outcome.clone(), 0);
        assert_eq!(answers.find(1, KEPT_MS), Some(outcome));
        assert_eq!(answers.find(2, KEPT_MS), None);
        assert_eq!(answers.find(1, KEPT_MS + 1), None);
        assert!(answers.is_empty());
        for body in 0..2 * OTLP_ANSWERS_KEPT as u128 {
            answers.keep(body, Outcome::default(), 0);
        }
        let kept = answers.kept.lock();
        assert_eq!(
            (kept.order.len(), kept.by_body.len()),
            (OTLP_ANSWERS_KEPT, OTLP_ANSWERS_KEPT)
        );
    }
}
