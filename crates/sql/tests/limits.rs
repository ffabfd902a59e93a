//! No statement takes more than it may; what does not fit into memory goes to disk, and who asks is told which limit it was.

#![allow(clippy::unwrap_used, reason = "a test ends at its first fault")]

mod support;

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use futures::StreamExt;
use model::{
    Labels, LogBatch, LogFlow, LogRead, LogSelection, MetadataColumn, ReadError, StreamExtent,
    StreamSelection, TextColumn,
};
use sql::{Format, Question, SqlError};
use support::{Bench, START_NS, engine, lines, question};

/// Lines without end, each another one; tells when reading has ended.
#[derive(Debug, Default)]
struct Endless {
    /// No more than these, where it is not 0.
    rows: i64,
    has_ended: Arc<AtomicBool>,
}

impl LogRead for Endless {
    fn read(
        &self,
        _: &LogSelection,
        take: &mut dyn FnMut(&LogBatch<'_>) -> LogFlow,
    ) -> Result<(), ReadError> {
        let stream = Labels::from_pairs([("service_name", "shop")]);
        let mut place = 0;
        while self.rows == 0 || place < self.rows {
            let times: Vec<i64> = (place..place + 1000).map(|place| START_NS + place).collect();
            let mut text = String::new();
            let mut offsets = vec![0];
            for at_ns in &times {
                write!(text, "{at_ns} {}", "x".repeat(180)).unwrap();
                offsets.push(text.len() as i32);
            }
            let batch = LogBatch {
                stream: &stream,
                times_ns: &times,
                lines: TextColumn {
                    text: &text,
                    offsets: &offsets,
                },
                metadata: MetadataColumn::default(),
                is_decided: false,
                is_reduced: false,
            };
            if take(&batch) == LogFlow::Stop {
                break;
            }
            place += 1000;
        }
        self.has_ended.store(true, Ordering::SeqCst);
        Ok(())
    }

    fn streams(&self, _: &StreamSelection) -> Result<Vec<StreamExtent>, ReadError> {
        Ok(Vec::new())
    }
}

fn has_ended_soon(flag: &AtomicBool) -> bool {
    let until = Instant::now() + Duration::from_secs(20);
    while Instant::now() < until {
        if flag.load(Ordering::SeqCst) {
            return true;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    false
}

#[tokio::test(flavor = "multi_thread")]
async fn the_time_is_limited() {
    let store = Arc::new(Endless::default());
    let bench = engine(Arc::<Endless>::clone(&store));
    let question = Question {
        timeout: Duration::from_millis(300),
        ..question("SELECT count(*) FROM logs", Format::Json)
    };
    let error = bench.bytes(question).await.unwrap_err();
    assert_eq!(error, SqlError::Timeout(Duration::from_millis(300)));
    assert!(has_ended_soon(&store.has_ended));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_leaves_ends_it() {
    let store = Arc::new(Endless::default());
    let bench = engine(Arc::<Endless>::clone(&store));
    let mut answer = bench
        .engine
        .answer(question("SELECT * FROM logs", Format::Csv))
        .await
        .unwrap();
    assert!(answer.next().await.unwrap().is_ok());
    drop(answer);
    assert!(has_ended_soon(&store.has_ended));
}

/// 80 MB of lines.
fn many() -> Bench {
    engine(Arc::new(Endless {
        rows: 400_000,
        ..Endless::default()
    }))
}

#[tokio::test(flavor = "multi_thread")]
async fn sorting_goes_to_disk() {
    let bench = many();
    // In 40 MB.
    let question = Question {
        memory_max: 40 << 20,
        ..question(
            "SELECT line FROM logs ORDER BY reverse(line), timestamp",
            Format::Csv,
        )
    };
    let answer = String::from_utf8(bench.bytes(question).await.unwrap()).unwrap();
    let sorted: Vec<&str> = answer.lines().skip(1).collect();
    assert_eq!(sorted.len(), 400_000);
    let left = std::fs::read_dir(bench.folder.path().join("spill"))
        .unwrap()
        .count();
    assert!(left <= 1, "spilled files are left behind");
}

#[tokio::test(flavor = "multi_thread")]
async fn sorts_of_one_statement_share_its_memory() {
    let bench = many();
    let question = Question {
        memory_max: 64 << 20,
        ..question(
            "SELECT line, row_number() OVER (ORDER BY line, timestamp) AS n FROM logs ORDER BY reverse(line), timestamp",
            Format::Csv,
        )
    };
    let answer = String::from_utf8(bench.bytes(question).await.unwrap()).unwrap();
    assert_eq!(answer.lines().count(), 400_001);
}

#[tokio::test(flavor = "multi_thread")]
async fn memory_is_limited() {
    let bench = many();
    let question = Question {
        memory_max: 4 << 20,
        ..question("SELECT array_length(array_agg(line)) FROM logs", Format::Csv)
    };
    let error = bench.bytes(question).await.unwrap_err();
    assert!(matches!(error, SqlError::TooMuch { .. }), "{error}");
    assert!(error.to_string().contains("server.query_memory_max"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_function_makes_much_of_little() {
    let bench = engine(lines());
    for call in [
        "range(0, 4000000000)",
        "generate_series(0, 4000000000)",
        "repeat('x', 2000000000)",
        "array_repeat(1, 2000000000)",
        "list_repeat(1, 2000000000)",
        "lpad('x', 2000000000)",
        "rpad('x', 2000000000)",
        "array_resize([1], 2000000000)",
        "list_resize([1], 2000000000)",
    ] {
        let error = bench
            .csv(&format!("SELECT length({call}::text)"))
            .await
            .unwrap_err();
        assert!(matches!(error, SqlError::Statement(_)), "{call}: {error}");
    }
    let rows = "SELECT count(*) AS n FROM generate_series(1, 100000)";
    assert_eq!(bench.csv(rows).await.unwrap(), "n\n100000\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn deep_statements_do_not_break_the_stack() {
    let bench = engine(lines());
    for nested in [
        "(".repeat(50_000) + "1" + &")".repeat(50_000),
        "(".repeat(1_900) + "1" + &")".repeat(1_900),
        format!("1{}", "+1".repeat(20_000)),
        format!("1{}", "+1".repeat(1_900)),
        format!("1{}", " UNION SELECT 1".repeat(900)),
        format!("1 WHERE true{}", " OR 1 = 2".repeat(900)),
        format!("'a'{}", "::text".repeat(900)),
        format!("{}1{}", "abs(".repeat(1_900), ")".repeat(1_900)),
        format!("line{} FROM logs", "['a']".repeat(1_900)),
    ] {
        let answer = bench.csv(&format!("SELECT {nested}")).await;
        assert!(
            answer.is_ok() || matches!(answer, Err(SqlError::Statement(_))),
            "{answer:?}"
        );
    }
}
