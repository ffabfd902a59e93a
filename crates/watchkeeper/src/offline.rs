//! Questions to the data folder of a stopped server.

use std::path::Path;

use anyhow::Context;

use crate::query::When;

/// Opens the folder as a server would, asks, and gives back the answer as the HTTP API prints it.
pub(crate) fn answer(data_dir: &Path, expr: &str, when: When, now_ms: i64) -> anyhow::Result<String> {
    let folder = data_dir.join("series");
    if !folder.is_dir() {
        anyhow::bail!(
            "{} holds no series; name the folder of a server with --data-dir",
            data_dir.display()
        );
    }
    let expr = promql::parse(expr)?;
    let (db, report) = tsdb::Db::open(tsdb::Config::in_dir(folder), now_ms).with_context(|| {
        format!(
            "cannot read {}; stop the server that uses it, or ask that server",
            data_dir.display()
        )
    })?;
    for damage in &report.damage {
        tracing::warn!(damage, "damage in the data folder");
    }
    let options = promql::Options::default();
    let answer = match when {
        When::At { at_ms } => promql::instant(&expr, &db, at_ms, &options)?,
        When::Range {
            from_ms,
            to_ms,
            step_ms,
        } => promql::range(&expr, &db, from_ms, to_ms, step_ms, &options)?,
    };
    let body = web::answer_json(answer);
    db.close();
    Ok(String::from_utf8(body)?)
}
