//! Bodies and cases that others published, read from the folder of conformance data where it exists.

#![allow(
    clippy::unwrap_used,
    reason = "a test ends where its world is not as it should be"
)]
#![allow(clippy::print_stdout, reason = "the totals are read from the output")]
#![allow(
    clippy::case_sensitive_file_extension_comparisons,
    reason = "the names are those of the data"
)]

use std::path::PathBuf;

use ingest::exposition::{Entry, Exposition, Format, LabelPairs, body_text, parse_series};

/// Every case passes; this may only go up, with the data.
const PASSED_MIN: usize = 67;

fn folder() -> Option<PathBuf> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    let given = std::env::var_os("WATCHKEEPER_CONFORMANCE_DIR").map(PathBuf::from);
    let folder = given
        .unwrap_or_else(|| root.join("../shared/conformance"))
        .join("exposition");
    if folder.is_dir() {
        return Some(folder);
    }
    println!(
        "conformance exposition: skipped, there is no folder {}",
        folder.display()
    );
    None
}

fn read(format: Format, bytes: &[u8]) -> Result<usize, String> {
    let text = body_text(bytes).map_err(|error| error.to_string())?;
    let mut samples = 0;
    let mut pairs = LabelPairs::new();
    for entry in Exposition::new(format, &text) {
        if let Entry::Sample(sample) = entry.map_err(|error| error.to_string())? {
            parse_series(sample.series, format, &mut pairs).map_err(|fault| fault.to_string())?;
            samples += 1;
        }
    }
    Ok(samples)
}

fn format_of(name: &str) -> Format {
    if name.starts_with("openmetrics") || name.ends_with(".om.txt") {
        Format::OpenMetrics
    } else {
        Format::Text
    }
}

fn base64(text: &str) -> Vec<u8> {
    let digit = |byte: u8| match byte {
        b'A'..=b'Z' => u32::from(byte - b'A'),
        b'a'..=b'z' => u32::from(byte - b'a') + 26,
        b'0'..=b'9' => u32::from(byte - b'0') + 52,
        b'+' => 62,
        _ => 63,
    };
    let digits: Vec<u8> = text.bytes().filter(|byte| *byte != b'=').collect();
    let group = |group: &[u8]| {
        let bits = group.iter().fold(0, |bits, byte| (bits << 6) | digit(*byte)) << (6 * (4 - group.len()));
        bits.to_be_bytes()[1..group.len()].to_vec()
    };
    digits.chunks(4).flat_map(group).collect()
}

fn input(case: &serde_json::Value) -> Vec<u8> {
    match &case["input"] {
        serde_json::Value::String(text) => text.as_bytes().to_vec(),
        other => base64(other["base64"].as_str().unwrap()),
    }
}

#[test]
fn exposition() {
    let Some(folder) = folder() else { return };
    let mut failed = Vec::new();
    let mut cases = 0;
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|file| file.unwrap().path())
        .collect();
    files.sort();
    for path in files {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let bytes = std::fs::read(&path).unwrap();
        if name.ends_with(".jsonl") {
            for (place, line) in String::from_utf8(bytes).unwrap().lines().enumerate() {
                let case: serde_json::Value = serde_json::from_str(line).unwrap();
                cases += 1;
                let result = read(format_of(&name), &input(&case));
                if result.is_ok() != case["valid"].as_bool().unwrap() {
                    failed.push(format!("{name}:{} {line}: {result:?}", place + 1));
                }
            }
        } else if name.ends_with(".txt") {
            cases += 1;
            match read(format_of(&name), &bytes) {
                Ok(samples) if samples > 0 => {}
                other => failed.push(format!("{name}: {other:?}")),
            }
        }
    }
    let passed = cases - failed.len();
    println!("{}", failed.join("\n"));
    println!(
        "conformance exposition: {cases} cases, {passed} passed, {} failed",
        failed.len()
    );
    assert!(passed >= PASSED_MIN, "{failed:#?}");
}
