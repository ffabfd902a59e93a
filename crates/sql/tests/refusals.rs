//! What is no question is refused, and nothing beside the tables can be read.

#![allow(clippy::unwrap_used, reason = "a test ends at its first fault")]

mod support;

use std::fmt::Write as _;

use model::TenantId;
use sql::{Format, Question, SqlError};
use support::{engine, lines, question};

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_changed() {
    let bench = engine(lines());
    for statement in [
        "CREATE TABLE t AS SELECT 1",
        "CREATE EXTERNAL TABLE t STORED AS CSV LOCATION '/etc/passwd'",
        "CREATE VIEW v AS SELECT * FROM logs",
        "DROP TABLE logs",
        "INSERT INTO logs SELECT * FROM logs",
        "DELETE FROM logs",
        "UPDATE logs SET line = ''",
        "COPY (SELECT 1) TO '/tmp/a.csv'",
        "SET datafusion.execution.batch_size = 1",
    ] {
        let error = bench.csv(statement).await.unwrap_err();
        assert!(
            matches!(error, SqlError::NotAQuestion(_) | SqlError::Statement(_)),
            "{statement}: {error}"
        );
    }
    assert_eq!(
        bench.csv("SELECT count(*) AS n FROM logs").await.unwrap(),
        "n\n3000\n"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn no_file_is_read() {
    let bench = engine(lines());
    for statement in [
        "SELECT * FROM '/etc/passwd'",
        "SELECT * FROM \"/etc/passwd\"",
        "SELECT * FROM read_csv('/etc/passwd')",
    ] {
        let error = bench.csv(statement).await.unwrap_err();
        assert!(matches!(error, SqlError::Statement(_)), "{statement}: {error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_sees_its_own_lines() {
    let bench = engine(lines());
    let count = "SELECT count(*) AS n FROM logs";
    assert_eq!(bench.csv(count).await.unwrap(), "n\n3000\n");
    let question = Question {
        tenant: TenantId(7),
        ..question(count, Format::Csv)
    };
    assert_eq!(bench.bytes(question).await.unwrap(), b"n\n0\n");
    assert_eq!(bench.csv(count).await.unwrap(), "n\n3000\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn faults_say_what_and_where() {
    let bench = engine(lines());
    let mut told = String::new();
    for statement in [
        "SELEC 1",
        "SELECT * FROM log",
        "SELECT servce_name FROM logs",
        "SELECT 1; SELECT 2",
        "DELETE FROM logs",
        "SELECT * FROM promql('down')",
        "SELECT * FROM promql(line)",
        "SELECT * FROM promql('up', 'yesterday')",
        "SELECT * FROM promql('up', 'now', 'now-1h')",
        "SELECT * FROM promql('up', 'now-1h', 'now', '0s')",
        "SELECT * FROM promql('up', -9e18, 9e18)",
        "SELECT 'a' + 1 FROM logs",
        "",
    ] {
        let error = bench.csv(statement).await.unwrap_err();
        writeln!(told, "{statement}\n    {}: {error}", error.kind()).unwrap();
    }
    insta::assert_snapshot!(told);
}
