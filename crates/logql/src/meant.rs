//! Which lines a log query means, for who deletes them.

use std::sync::Arc;

use model::{Labels, LineFilter, LineJudge, Matcher};

use crate::ast::{Expr, LogExpr};
use crate::parser::parse;
use crate::pipeline::{Fields, Pipeline};

#[derive(Debug)]
struct Meant(LogExpr);

struct Judge {
    fields: Fields,
    /// `None`: everything is meant.
    pipeline: Option<Pipeline>,
}

/// Reads a query for lines, such as `{app="shop"} |= "user 7"`.
///
/// # Errors
/// Where it cannot be read, asks for numbers, or has a stage that cannot be used.
pub fn line_filter(query: &str) -> Result<Arc<dyn LineFilter>, String> {
    let Expr::Log(log) = parse(query).map_err(|error| error.to_string())? else {
        return Err("a query for lines is wanted, not one for numbers".to_owned());
    };
    // Whatever is wrong with its stages is said now.
    Pipeline::new(&log.stages, &mut Fields::new(), 0)?;
    Ok(Arc::new(Meant(log)))
}

impl LineFilter for Meant {
    fn matchers(&self) -> &[Matcher] {
        &self.0.matchers
    }

    fn needs_lines(&self) -> bool {
        !self.0.stages.is_empty()
    }

    fn judge(&self) -> Box<dyn LineJudge> {
        let mut fields = Fields::new();
        // It was made before; a line that nobody can judge is not meant.
        let pipeline = Pipeline::new(&self.0.stages, &mut fields, 0).ok();
        Box::new(Judge { fields, pipeline })
    }
}

impl LineJudge for Judge {
    fn start_stream(&mut self, stream: &Labels) {
        self.fields.start_stream(stream);
    }

    fn means(&mut self, at_ns: i64, line: &str, metadata: &[(&str, &str)]) -> bool {
        self.fields.start_line(metadata);
        let Some(pipeline) = &mut self.pipeline else {
            return false;
        };
        pipeline.run(at_ns, line, &mut self.fields).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_a_query_would_show_are_meant() {
        let check = |query: &str, line: &str, expected: bool| {
            let filter = line_filter(query).unwrap();
            let mut judge = filter.judge();
            judge.start_stream(&Labels::from_pairs([("app", "shop")]));
            assert_eq!(
                judge.means(1, line, &[("trace", "a1")]),
                expected,
                "{query}: {line}"
            );
        };
        check(r#"{app="shop"}"#, "anything", true);
        check(r#"{app="shop"} |= "user 7""#, "this is user 77", true);
        check(r#"{app="shop"} |= "user 7""#, "this is user 8", false);
        check(
            r#"{app="shop"} | json | level="debug""#,
            r#"{"level":"debug"}"#,
            true,
        );
        check(
            r#"{app="shop"} | json | level="debug""#,
            r#"{"level":"info"}"#,
            false,
        );
        check(r#"{app="shop"} | trace="a1""#, "x", true);
        check(r#"{app="shop"} | trace="a2""#, "x", false);
        assert!(!line_filter(r#"{app="shop"}"#).unwrap().needs_lines());
        assert!(line_filter(r#"count_over_time({app="shop"}[5m])"#).is_err());
        assert!(line_filter(r"{app=").is_err());
    }
}
