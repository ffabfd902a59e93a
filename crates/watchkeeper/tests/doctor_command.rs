//! `watchkeeper doctor rebuild-catalog`: the catalog of log segments comes back from the segments, and damage is told.

#![allow(clippy::unwrap_used, reason = "a test ends at its first fault")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use lake::{Catalog, Config, Lake, Parts, Telemetry};
use model::{Labels, LogRows, LogWrite, TenantId};

const NOW_MS: i64 = 1_800_000_000_000;

/// A data folder with three segments.
fn filled(data_dir: &Path) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let state = state::State::open(data_dir.join("state.db"), stdx::SystemClock::shared());
    let state = runtime.block_on(state).unwrap();
    let parts = Parts::new(
        Catalog::new(state, runtime.handle().clone()),
        Telemetry::default(),
    );
    let config = Config {
        dir: data_dir.join("logs"),
        ..Config::default()
    };
    let (lake, _) = Lake::open(config, parts, NOW_MS).unwrap();
    for number in 0..3 {
        let mut rows = LogRows::new(TenantId::DEFAULT);
        rows.begin_stream(Labels::from_pairs([("app", "shop")]));
        rows.push(NOW_MS * 1_000_000 + number, "a line", []);
        lake.append(&rows, NOW_MS * 1_000_000).unwrap();
        lake.flush(NOW_MS).unwrap();
    }
    lake.close();
}

fn rebuild(data_dir: &Path) -> (String, bool) {
    let Output { stdout, status, .. } = Command::new(env!("CARGO_BIN_EXE_watchkeeper"))
        .args(["doctor", "rebuild-catalog", "--data-dir"])
        .arg(data_dir)
        .current_dir(data_dir)
        .output()
        .unwrap();
    (String::from_utf8(stdout).unwrap(), status.success())
}

fn segments(data_dir: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = std::fs::read_dir(data_dir.join("logs/segments"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    paths
}

#[test]
fn the_catalog_is_rebuilt_and_damage_is_told() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path());
    let (out, is_good) = rebuild(dir.path());
    assert!(is_good, "{out}");
    assert!(out.contains("names 3 segments with 3 lines"), "{out}");
    assert!(out.contains("it named 3 before"), "{out}");

    for name in ["state.db", "state.db-wal", "state.db-shm"] {
        let _ = std::fs::remove_file(dir.path().join(name));
    }
    let (out, is_good) = rebuild(dir.path());
    assert!(is_good, "{out}");
    assert!(
        out.contains("names 3 segments with 3 lines") && out.contains("named 0 before"),
        "{out}"
    );

    let paths = segments(dir.path());
    std::fs::remove_file(&paths[0]).unwrap();
    std::fs::write(&paths[1], "no segment").unwrap();
    let (out, is_good) = rebuild(dir.path());
    assert!(!is_good, "{out}");
    let name = |path: &PathBuf| path.file_name().unwrap().to_str().unwrap().to_owned();
    let told = |what: &str, path: &PathBuf| {
        out.lines()
            .any(|line| line.starts_with(what) && line.contains(&name(path)))
    };
    assert!(
        told("missing:", &paths[0]) && told("damaged:", &paths[1]),
        "{out}"
    );
    assert!(out.contains("names 1 segments with 1 lines"), "{out}");
    assert!(dir.path().join("logs/quarantine").join(name(&paths[1])).exists());

    // A folder without lines is a fault of the caller.
    let empty = tempfile::tempdir().unwrap();
    assert!(!rebuild(empty.path()).1);
}
