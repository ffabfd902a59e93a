//! The load generator: found, built, and run against a server that is watched meanwhile.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;

use super::super::server::Server;
use super::load::Load;
use super::system::System;
use crate::shell;

const FOLDER_VARIABLE: &str = "WATCHKEEPER_BENCH_DIR";
/// Where the generator's source lies unless the variable says otherwise, relative to the repository.
const FOLDER_DEFAULT: &str = "../shared/bench";
const POLL_EVERY: Duration = Duration::from_millis(200);
/// The longest wait for flush and compaction after the last acknowledgement.
const SETTLE_S: &str = "300";
/// Asks a server not to answer from a cache of answers; servers without one ignore it.
const NO_CACHE: &str = "nocache=1";

/// The built program.
#[derive(Debug)]
pub(super) struct Generator {
    program: PathBuf,
    /// The longest that one of its runs may take.
    within: Duration,
}

/// A server under the load: its process, its address and its data.
#[derive(Debug)]
pub(super) struct Target<'a> {
    pub(super) system: System,
    pub(super) server: &'a mut Server,
    /// `http://HOST:PORT`.
    pub(super) url: String,
    pub(super) data: &'a Path,
}

impl Generator {
    /// Builds the generator in a target folder of its own.
    pub(super) fn build(root: &Path, target: &Path, within: Duration) -> Result<Self> {
        let named = std::env::var_os(FOLDER_VARIABLE).filter(|value| !value.is_empty());
        let folder = named.map_or_else(|| root.join(FOLDER_DEFAULT), PathBuf::from);
        let manifest = folder.join("Cargo.toml");
        ensure!(
            manifest.is_file(),
            "there is no load generator at {}; name the folder of its source in {FOLDER_VARIABLE}",
            folder.display()
        );
        let (manifest, target_text) = (manifest.display().to_string(), target.display().to_string());
        let line = ["cargo", "build", "--quiet", "--release", "--locked"];
        let place = ["--manifest-path", &manifest, "--target-dir", &target_text];
        let built = shell::runs(root, &[line.as_slice(), &place].concat())?;
        ensure!(built, "the load generator at {} does not build", folder.display());
        let program = target.join("release/bench");
        ensure!(program.is_file(), "the build left no {}", program.display());
        Ok(Self { program, within })
    }

    /// Encodes the requests of a load into `spool` unless they are there, and sends them to nobody: samples in a second
    /// that the sender could send at most.
    pub(super) fn encode(&self, load: &Load, spool: &Path, out: &Path) -> Result<f64> {
        let mut command = self.load_command(load, spool);
        command.args(["--url", "null", "--out"]).arg(out);
        self.run(command, &out.with_extension("log"), None)?;
        let text = std::fs::read(out).with_context(|| format!("cannot read {}", out.display()))?;
        let sent: Sent =
            serde_json::from_slice(&text).with_context(|| format!("cannot understand {}", out.display()))?;
        Ok(sent.items_per_s)
    }

    /// Sends a load, has the server flush, waits until it is idle. The figures lie in `out` afterwards.
    pub(super) fn ingest(
        &self,
        load: &Load,
        spool: &Path,
        target: &mut Target<'_>,
        out: &Path,
    ) -> Result<()> {
        let (url, flush_path) = (&target.url, target.system.flush_path());
        let mut command = self.load_command(load, spool);
        command
            .args(["--url", &format!("{url}/api/v1/write")])
            .args(["--flush-url", &format!("{url}{flush_path}")])
            .args(["--settle-s", SETTLE_S])
            .args(["--pid", &target.server.id().to_string()])
            .arg("--data-dir")
            .arg(target.data)
            .arg("--out")
            .arg(out);
        let log = out.with_extension("log");
        self.run(command, &log, Some(target.server))?;
        let said = std::fs::read_to_string(&log).with_context(|| format!("cannot read {}", log.display()))?;
        ensure_flushed(&said, flush_path)
    }

    /// Times every query of the set. Latencies and the first answers lie in `out` afterwards.
    pub(super) fn query(&self, spool: &Path, target: &mut Target<'_>, out: &Path) -> Result<()> {
        let mut command = Command::new(&self.program);
        command
            .arg("query")
            .arg("--spool")
            .arg(spool)
            .args(["--url", &target.url, "--param", NO_CACHE])
            .args(["--pid", &target.server.id().to_string()])
            .arg("--out")
            .arg(out);
        self.run(command, &out.with_extension("log"), Some(target.server))
    }

    /// Compares two recordings of queries; returns what the generator says about them, line by line.
    pub(super) fn compare(&self, one: &Path, other: &Path) -> Result<String> {
        let texts = [&self.program, one, other].map(|path| path.display().to_string());
        let [program, one, other] = texts.each_ref().map(String::as_str);
        shell::output(Path::new("/"), &[program, "compare", one, other])
    }

    fn load_command(&self, load: &Load, spool: &Path) -> Command {
        let mut command = Command::new(&self.program);
        command
            .arg("ingest")
            .args(["--series", &load.series.to_string(), "--span", &load.span])
            .arg("--spool")
            .arg(spool);
        command
    }

    /// Runs the generator to its end. A server that ends meanwhile ends the run: the generator itself would try again.
    fn run(&self, mut command: Command, log: &Path, server: Option<&mut Server>) -> Result<()> {
        let [stdout, stderr] = shell::outputs(Some(log))?;
        command.stdin(Stdio::null()).stdout(stdout).stderr(stderr);
        let child = command
            .spawn()
            .with_context(|| format!("cannot start {command:?}"))?;
        let mut run = Run { child };
        run.wait(server, self.within, log)
    }
}

/// A run of the generator, ended if it is given up.
struct Run {
    child: Child,
}

impl Run {
    fn wait(&mut self, mut server: Option<&mut Server>, within: Duration, log: &Path) -> Result<()> {
        let started = Instant::now();
        loop {
            let ended = self
                .child
                .try_wait()
                .context("cannot wait for the load generator")?;
            if let Some(status) = ended {
                ensure!(
                    status.success(),
                    "the load generator ended with {status}; {}",
                    shell::last_lines(log)
                );
                return Ok(());
            }
            if let Some(server) = &mut server
                && let Some(status) = server.ended()?
            {
                bail!("the server ended with {status} under the load");
            }
            if started.elapsed() >= within {
                bail!(
                    "the load generator was not done within {} s",
                    within.as_secs_f64()
                );
            }
            thread::sleep(POLL_EVERY);
        }
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

#[derive(Deserialize)]
struct Sent {
    items_per_s: f64,
}

/// The generator reports the answer to the flush in a line of its log only.
fn ensure_flushed(log: &str, path: &str) -> Result<()> {
    let answer = log.lines().find_map(|line| line.strip_prefix("flush: "));
    match answer {
        Some(answer) if answer.starts_with("Ok(2") => Ok(()),
        Some(answer) => bail!("the server did not flush: POST {path} gave {answer}"),
        None => bail!("the load generator did not ask the server to flush"),
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, TcpListener};

    use super::super::super::server::Launch;
    use super::*;

    fn generator(within: Duration) -> Generator {
        Generator {
            program: PathBuf::from("/bin/sh"),
            within,
        }
    }

    fn script(text: &str) -> Command {
        shell::command(Path::new("/"), &["sh", "-c", text])
    }

    #[test]
    fn a_generator_that_fails_or_never_ends_is_an_error_with_its_last_lines() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("run.log");
        let whole = generator(Duration::from_mins(1));
        whole.run(script("exit 0"), &log, None).unwrap();
        let failed = whole
            .run(script("echo bench: no such spool >&2; exit 1"), &log, None)
            .unwrap_err();
        assert!(failed.to_string().ends_with("bench: no such spool"), "{failed}");
        let endless = generator(Duration::from_millis(20))
            .run(script("sleep 60"), &log, None)
            .unwrap_err();
        assert!(endless.to_string().contains("was not done"), "{endless}");
    }

    #[test]
    fn a_server_that_ends_under_the_load_ends_the_run() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let answers = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let _ = std::io::Read::read(&mut stream, &mut [0; 256]).unwrap();
            std::io::Write::write_all(&mut stream, b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
        });
        let folder = tempfile::tempdir().unwrap();
        let mut server = Server::launch(Launch {
            command: script("sleep 1; exit 9"),
            address,
            ready_path: "/health",
            log: None,
            ready_within: Duration::from_secs(30),
            stopped_within: Duration::from_secs(1),
        })
        .unwrap();
        answers.join().unwrap();
        let log = folder.path().join("run.log");
        let error = generator(Duration::from_mins(1))
            .run(script("sleep 60"), &log, Some(&mut server))
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            "the server ended with exit status: 9 under the load"
        );
    }

    #[test]
    fn a_flush_that_was_refused_is_seen() {
        ensure_flushed("x\nflush: Ok(204) \n", "/f").unwrap();
        let error = ensure_flushed("flush: Ok(500) failed to flush: no room\n", "/f").unwrap_err();
        assert!(error.to_string().contains("POST /f gave Ok(500)"), "{error}");
        assert!(ensure_flushed("", "/f").is_err());
    }
}
