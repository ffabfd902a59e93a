//! Feeds arbitrary lines to the stages of LogQL; none may panic, whatever the line is.

#![no_main]

use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use logql::{Expr, Options};
use model::{Direction, Labels, MemoryLogs};

const PIPELINES: [&str; 6] = [
    r#"{a="b"} | json | logfmt"#,
    r#"{a="b"} | unpack | json x="y[0].z""#,
    r#"{a="b"} | logfmt --strict --keep-empty | x > 5 or y > 5s or z > 5KB or w = ip("10.0.0.0/8")"#,
    r#"{a="b"} |> "<_>a<_>" | pattern "<x>=<_> <y>" | decolorize"#,
    r#"{a="b"} |= ip("::/0") | regexp "(?P<x>\\S+)""#,
    r#"{a="b"} | json | line_format "{{.a | trunc 3}} {{ __line__ | fromJson }}" | label_format x="{{.a}}", y=a"#,
];

fn expressions() -> &'static [Expr] {
    static READ: OnceLock<Vec<Expr>> = OnceLock::new();
    READ.get_or_init(|| PIPELINES.iter().map(|text| logql::parse(text).expect("a query")).collect())
}

fuzz_target!(|line: &str| {
    let store = MemoryLogs::new();
    store.add(&Labels::from_pairs([("a", "b")]), 1, line, &[("x", line)]);
    for expr in expressions() {
        if let Expr::Log(log) = expr {
            let answer = logql::lines(log, store.as_ref(), (0, 2), Direction::Backward, 10, &Options::default());
            assert!(answer.is_ok(), "{answer:?}");
        }
    }
});
