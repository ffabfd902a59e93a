//! A batch that was just stored, as a store to ask: the same expression then judges it as judges what lies on disk.

use model::{
    LogBatch, LogFlow, LogRead, LogRow, LogRows, LogSelection, Matcher, MetadataColumn, ReadError,
    StreamExtent, StreamSelection, TextColumn,
};

/// The batch.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rows<'a>(pub(super) &'a LogRows);

impl Rows<'_> {
    /// Whether any stream of the batch is selected.
    pub(super) fn any_selected(self, matchers: &[Matcher]) -> bool {
        let meets = |labels| matchers.iter().all(|matcher| matcher.matches_labels(labels));
        self.0.streams().any(|(labels, _)| meets(labels))
    }
}

impl LogRead for Rows<'_> {
    fn read(
        &self,
        selection: &LogSelection,
        take: &mut dyn FnMut(&LogBatch<'_>) -> LogFlow,
    ) -> Result<(), ReadError> {
        if self.0.tenant != selection.tenant {
            return Ok(());
        }
        for (labels, rows) in self.0.streams() {
            if !selection
                .matchers
                .iter()
                .all(|matcher| matcher.matches_labels(labels))
            {
                continue;
            }
            let mut rows: Vec<LogRow<'_>> = rows
                .filter(|row| (selection.from_ns..selection.to_ns).contains(&row.at_ns()))
                .collect();
            match selection.direction {
                model::Direction::Forward => rows.sort_by_key(|row| row.at_ns()),
                model::Direction::Backward => rows.sort_by_key(|row| std::cmp::Reverse(row.at_ns())),
            }
            if let LogFlow::Stop = hand_over(labels, &rows, take) {
                return Ok(());
            }
        }
        Ok(())
    }

    fn streams(&self, selection: &StreamSelection) -> Result<Vec<StreamExtent>, ReadError> {
        let mut extents = Vec::new();
        for (labels, rows) in self.0.streams().filter(|(labels, _)| selection.selects(labels)) {
            let (lines, bytes) = rows.fold((0, 0), |(lines, bytes), row| {
                (lines + 1, bytes + row.line().len() as u64)
            });
            extents.push(StreamExtent {
                labels: labels.clone(),
                lines,
                bytes,
                pieces: 1,
            });
        }
        Ok(extents)
    }
}

fn hand_over(
    stream: &model::Labels,
    rows: &[LogRow<'_>],
    take: &mut dyn FnMut(&LogBatch<'_>) -> LogFlow,
) -> LogFlow {
    let (mut text, mut offsets) = (String::new(), vec![0]);
    let (mut pairs, mut pair_offsets) = (Vec::new(), vec![0]);
    let mut times_ns = Vec::with_capacity(rows.len());
    for row in rows {
        text.push_str(row.line());
        pairs.extend(row.metadata());
        // A pushed body is far smaller than 2 GiB.
        let (Ok(text_end), Ok(pairs_end)) = (i32::try_from(text.len()), i32::try_from(pairs.len())) else {
            break;
        };
        offsets.push(text_end);
        pair_offsets.push(pairs_end);
        times_ns.push(row.at_ns());
    }
    take(&LogBatch {
        stream,
        times_ns: &times_ns,
        lines: TextColumn {
            text: &text,
            offsets: &offsets,
        },
        metadata: MetadataColumn {
            pairs: &pairs,
            offsets: &pair_offsets,
        },
        is_decided: false,
        is_reduced: false,
    })
}

#[cfg(test)]
mod tests {
    use logql::{Expr, Options, Value};
    use model::{Direction, Labels, TenantId};

    use super::*;

    #[test]
    fn an_expression_judges_a_batch_as_it_judges_a_store() {
        let mut rows = LogRows::new(TenantId::DEFAULT);
        rows.begin_stream(Labels::from_pairs([("app", "a")]));
        rows.push(2, "two error", [("user", "1")]);
        rows.push(1, "one error", []);
        rows.push(3, "three", []);
        rows.begin_stream(Labels::from_pairs([("app", "b")]));
        rows.push(1, "error", []);
        let Expr::Log(log) = logql::parse(r#"{app="a"} |= "error""#).unwrap() else {
            panic!("it asks for lines");
        };
        let reader = Rows(&rows);
        assert!(reader.any_selected(&log.matchers));
        let options = Options::default();
        let answer = logql::lines(&log, &reader, (0, 10), Direction::Forward, 10, &options).unwrap();
        let Value::Streams(streams) = answer.value else {
            panic!("lines are asked for");
        };
        let mut lines: Vec<(i64, &str, Option<&str>)> = streams
            .iter()
            .flat_map(|stream| {
                let user = stream.metadata.get("user");
                stream
                    .lines
                    .iter()
                    .map(move |line| (line.at_ns, line.line.as_str(), user))
            })
            .collect();
        lines.sort_unstable();
        assert_eq!(lines, [(1, "one error", None), (2, "two error", Some("1"))]);
    }
}
