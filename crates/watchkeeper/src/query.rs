//! `watchkeeper query`: one PromQL question, answered by a running server or by the data folder of a stopped one.

use std::fmt::Write as _;
use std::time::Duration;

use anyhow::{Context, bail};
use serde::Deserialize;
use stdx::{Clock, HumanDuration, http_client};

use crate::cli::{QueryArgs, QueryFormat};

/// How long a server may take to answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(150);

/// When the question is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum When {
    /// One moment.
    At { at_ms: i64 },
    /// Points `step_ms` apart, both ends included.
    Range { from_ms: i64, to_ms: i64, step_ms: i64 },
}

/// An answer as the Prometheus HTTP API gives it.
#[derive(Debug, Deserialize)]
pub(crate) struct Envelope {
    status: String,
    #[serde(default)]
    error: Option<String>,
    #[serde(default)]
    data: Option<Data>,
    #[serde(default)]
    warnings: Vec<String>,
    #[serde(default)]
    infos: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(tag = "resultType", content = "result", rename_all = "lowercase")]
enum Data {
    Scalar((f64, String)),
    String((f64, String)),
    Vector(Vec<VectorRow>),
    Matrix(Vec<MatrixRow>),
}

type Metric = std::collections::BTreeMap<String, String>;

#[derive(Debug, Deserialize)]
struct VectorRow {
    metric: Metric,
    value: (f64, String),
}

#[derive(Debug, Deserialize)]
struct MatrixRow {
    metric: Metric,
    values: Vec<(f64, String)>,
}

/// One series of an answer, ready to print.
#[derive(Debug)]
struct Row {
    series: String,
    points: Vec<(f64, String)>,
}

/// Asks and gives back the text to print.
pub(crate) async fn run(args: &QueryArgs, clock: &dyn Clock) -> anyhow::Result<String> {
    let when = read_when(args, clock.now_ms())?;
    let body = match &args.data_dir {
        Some(data_dir) => crate::offline::answer(data_dir, &args.expr, when, clock.now_ms())?,
        None => ask_server(&args.url, &args.expr, when).await?,
    };
    let envelope: Envelope = serde_json::from_str(&body).with_context(|| {
        format!(
            "{} did not answer as a Prometheus-compatible server does",
            args.url
        )
    })?;
    if envelope.status != "success" {
        bail!("{}", envelope.error.unwrap_or(envelope.status));
    }
    if args.format == QueryFormat::Json {
        return Ok(body + "\n");
    }
    let mut printed = String::new();
    for note in envelope.warnings.iter().chain(&envelope.infos) {
        writeln!(printed, "# {note}")?;
    }
    let rows = envelope.data.map(rows_of).unwrap_or_default();
    printed += &if args.format == QueryFormat::Csv {
        csv(&rows)
    } else {
        table(&rows)
    };
    Ok(printed)
}

async fn ask_server(url: &url::Url, expr: &str, when: When) -> anyhow::Result<String> {
    let (path, mut form) = match when {
        When::At { at_ms } => ("api/v1/query", vec![("time", seconds(at_ms))]),
        When::Range {
            from_ms,
            to_ms,
            step_ms,
        } => (
            "api/v1/query_range",
            vec![
                ("start", seconds(from_ms)),
                ("end", seconds(to_ms)),
                ("step", seconds(step_ms)),
            ],
        ),
    };
    form.push(("query", expr.to_owned()));
    let body = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(form)
        .finish();
    let address = url
        .join(path)
        .with_context(|| format!("{url} cannot be a server's address"))?;
    let configured = || Ok(reqwest::Client::builder().timeout(ANSWER_TIMEOUT));
    let client = http_client::build(configured, true, |error: reqwest::Error| error)?.client;
    let response = client
        .post(address)
        .header("content-type", "application/x-www-form-urlencoded")
        .body(body)
        .send()
        .await
        .with_context(|| format!("no server answers at {url}; start one, or name another with --url"))?;
    Ok(response.text().await?)
}

fn read_when(args: &QueryArgs, now_ms: i64) -> anyhow::Result<When> {
    let Some(from) = &args.from else {
        let at_ms = args.at.as_deref().map_or(Ok(now_ms), read_time)?;
        return Ok(When::At { at_ms });
    };
    let from_ms = read_time(from)?;
    let to_ms = args.to.as_deref().map_or(Ok(now_ms), read_time)?;
    let step: HumanDuration = args
        .step
        .as_deref()
        .unwrap_or_default()
        .parse()
        .context("--step")?;
    let step_ms = step.as_millis_i64();
    if step_ms == 0 || to_ms < from_ms {
        bail!("a range needs --from before --to and a --step above zero");
    }
    Ok(When::Range {
        from_ms,
        to_ms,
        step_ms,
    })
}

pub(crate) fn read_time(text: &str) -> anyhow::Result<i64> {
    if let Ok(seconds) = text.parse::<f64>() {
        return Ok((seconds * 1000.0).round() as i64);
    }
    let time: jiff::Timestamp = text
        .parse()
        .with_context(|| format!("{text:?} is neither RFC 3339 nor seconds since 1970"))?;
    Ok(time.as_millisecond())
}

/// Milliseconds as the decimal seconds of the HTTP API.
pub(crate) fn seconds(ms: i64) -> String {
    format!("{}.{:03}", ms.div_euclid(1000), ms.rem_euclid(1000))
}

fn rows_of(data: Data) -> Vec<Row> {
    match data {
        Data::Scalar(point) | Data::String(point) => vec![Row {
            series: String::new(),
            points: vec![point],
        }],
        Data::Vector(rows) => rows
            .into_iter()
            .map(|row| Row {
                series: series(row.metric),
                points: vec![row.value],
            })
            .collect(),
        Data::Matrix(rows) => rows
            .into_iter()
            .map(|row| Row {
                series: series(row.metric),
                points: row.values,
            })
            .collect(),
    }
}

fn series(metric: Metric) -> String {
    model::Labels::from_pairs(metric).to_string()
}

fn time(seconds: f64) -> String {
    jiff::Timestamp::from_millisecond((seconds * 1000.0).round() as i64)
        .map_or_else(|_| seconds.to_string(), |time| time.to_string())
}

/// One line a sample; a series' name stands before its first sample.
fn table(rows: &[Row]) -> String {
    let width = rows
        .iter()
        .map(|row| row.series.chars().count())
        .max()
        .unwrap_or_default();
    let mut printed = String::new();
    for row in rows {
        for (index, (at, value)) in row.points.iter().enumerate() {
            let name = if index == 0 { row.series.as_str() } else { "" };
            let _ = writeln!(printed, "{name:width$}  {}  {value}", time(*at));
        }
    }
    if rows.is_empty() {
        printed.push_str("no series\n");
    }
    printed
}

fn csv(rows: &[Row]) -> String {
    let mut printed = String::from("series,time,value\n");
    for row in rows {
        let name = row.series.replace('"', "\"\"");
        for (at, value) in &row.points {
            let _ = writeln!(printed, "\"{name}\",{},{value}", time(*at));
        }
    }
    printed
}

#[cfg(test)]
mod tests {
    use super::*;

    fn print(body: &str, how: fn(&[Row]) -> String) -> String {
        let envelope: Envelope = serde_json::from_str(body).unwrap();
        how(&rows_of(envelope.data.unwrap()))
    }

    #[test]
    fn answers_print_as_tables_and_csv() {
        let vector = r#"{"status":"success","data":{"resultType":"vector","result":[
            {"metric":{"__name__":"up","job":"node"},"value":[1700000000.5,"1"]}]}}"#;
        assert_eq!(
            print(vector, table),
            "up{job=\"node\"}  2023-11-14T22:13:20.5Z  1\n"
        );
        assert_eq!(
            print(vector, csv),
            "series,time,value\n\"up{job=\"\"node\"\"}\",2023-11-14T22:13:20.5Z,1\n"
        );
        let matrix = r#"{"status":"success","data":{"resultType":"matrix","result":[
            {"metric":{},"values":[[0,"1"],[60,"NaN"]]}]}}"#;
        assert_eq!(
            print(matrix, table),
            "{}  1970-01-01T00:00:00Z  1\n    1970-01-01T00:01:00Z  NaN\n"
        );
        let scalar = r#"{"status":"success","data":{"resultType":"scalar","result":[0,"3"]}}"#;
        assert_eq!(print(scalar, table), "  1970-01-01T00:00:00Z  3\n");
    }

    #[test]
    fn times_are_rfc_3339_or_seconds() {
        assert_eq!(read_time("1700000000.5").unwrap(), 1_700_000_000_500);
        assert_eq!(read_time("2023-11-14T22:13:20Z").unwrap(), 1_700_000_000_000);
        assert!(read_time("yesterday").is_err());
        assert_eq!(seconds(1_700_000_000_005), "1700000000.005");
    }
}
