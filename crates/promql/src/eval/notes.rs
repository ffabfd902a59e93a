//! Annotations with the place in the expression that they speak of.

use super::Evaluator;
use crate::error::line_and_column;

impl Evaluator<'_> {
    /// Notes that the answer may be wrong.
    pub(crate) fn warn(&mut self, at: usize, text: &str) {
        let place = self.place(at);
        self.annotations
            .warnings
            .insert(format!("PromQL warning: {text} ({place})"));
    }

    /// Notes that the question may be wrong.
    pub(crate) fn inform(&mut self, at: usize, text: &str) {
        let place = self.place(at);
        self.annotations
            .infos
            .insert(format!("PromQL info: {text} ({place})"));
    }

    fn place(&self, at: usize) -> String {
        let (line, column) = line_and_column(self.source, at);
        format!("{line}:{column}")
    }
}
