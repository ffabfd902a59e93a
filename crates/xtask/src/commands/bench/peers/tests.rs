//! What is asked for, what is kept, and what a failure leaves alone.

use clap::Parser;

use super::*;

#[derive(Debug, Parser)]
struct Line {
    #[command(flatten)]
    options: Options,
}

fn parsed(line: &str) -> Result<Options, clap::Error> {
    Line::try_parse_from(std::iter::once("peers").chain(line.split_whitespace())).map(|line| line.options)
}

#[test]
fn a_command_line_names_loads_and_servers() {
    let options =
        parsed("--series 1000 --span 1h --series 5 --span 2d --only watchkeeper,victoria-metrics --runs 3")
            .unwrap();
    let loads = Load::all(&options.series, &options.span).unwrap();
    assert_eq!(loads.len(), 2);
    assert_eq!(options.only, [System::Watchkeeper, System::VictoriaMetrics]);
    assert_eq!((options.runs, options.queries, options.write), (3, false, false));
    assert!(parsed("--runs 0").is_err());
    assert!(parsed("--only graphite").is_err());
}

#[test]
fn a_binary_that_is_not_there_is_named() {
    let options = parsed("--only watchkeeper --binary /nowhere/watchkeeper").unwrap();
    let error = contenders(Path::new("/"), &options).unwrap_err();
    assert_eq!(error.to_string(), "there is no binary at /nowhere/watchkeeper");
}

#[test]
fn page_is_written_only_when_all_went_well() {
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join(page::PATH);
    std::fs::create_dir_all(page.parent().unwrap()).unwrap();
    let old = "<!-- peers: begin -->\nold\n<!-- peers: end -->\n";
    std::fs::write(&page, old).unwrap();
    let code = |code: ExitCode| format!("{code:?}");

    let failed = ["prometheus (5 series over 1h)".to_owned()];
    let ended = end(folder.path(), true, &failed, "new").unwrap();
    assert_eq!(code(ended), code(ExitCode::FAILURE));
    assert_eq!(std::fs::read_to_string(&page).unwrap(), old);
    let ended = end(folder.path(), false, &[], "new").unwrap();
    assert_eq!(code(ended), code(ExitCode::SUCCESS));
    assert_eq!(std::fs::read_to_string(&page).unwrap(), old);
    end(folder.path(), true, &[], "new").unwrap();
    assert!(std::fs::read_to_string(&page).unwrap().contains("\nnew\n"));
}

#[test]
fn a_data_folder_is_empty_at_the_start_and_gone_at_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data");
    std::fs::create_dir(&path).unwrap();
    std::fs::write(path.join("left over"), "").unwrap();
    let fresh = Fresh::create(path.clone()).unwrap();
    assert_eq!(std::fs::read_dir(&path).unwrap().count(), 0);
    drop(fresh);
    assert!(!path.exists());
}

#[test]
fn encoded_requests_are_kept_for_an_hour() {
    let folder = tempfile::tempdir().unwrap();
    let spool = folder.path().join("requests.spool");
    remove_old_spool(&spool).unwrap();
    std::fs::write(&spool, "").unwrap();
    remove_old_spool(&spool).unwrap();
    assert!(spool.exists());
    let line = ["touch", "--date=-61 minutes", &spool.display().to_string()];
    assert!(shell::runs(Path::new("/"), &line).unwrap());
    remove_old_spool(&spool).unwrap();
    assert!(!spool.exists());
}
