//! A server of this measurement's own: started, waited for, stopped.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use crate::shell;

const READY_WITHIN: Duration = Duration::from_mins(1);
const STOPPED_WITHIN: Duration = Duration::from_secs(20);
const POLL_EVERY: Duration = Duration::from_millis(5);
const ANSWER_BYTES_MAX: u64 = 64 * 1024;

/// How a server is started, and how it is known to be ready.
#[derive(Debug)]
pub(in crate::commands) struct Launch {
    /// The whole command line.
    pub(in crate::commands) command: Command,
    /// Where it will listen.
    pub(in crate::commands) address: SocketAddr,
    /// Answers with 200 once the server is ready.
    pub(in crate::commands) ready_path: &'static str,
    /// Where its output goes; nowhere if absent.
    pub(in crate::commands) log: Option<PathBuf>,
    /// The longest wait for readiness.
    pub(in crate::commands) ready_within: Duration,
    /// The longest wait for its end once it was asked to.
    pub(in crate::commands) stopped_within: Duration,
}

/// A running server; it is killed if it is dropped before it is stopped.
#[derive(Debug)]
pub(in crate::commands) struct Server {
    child: Child,
    log: Option<PathBuf>,
    ready_after: Duration,
    stopped_within: Duration,
}

impl Server {
    /// Starts Watchkeeper on a free port of the loopback interface and waits until it says that it is ready.
    pub(in crate::commands) fn start(binary: &Path, data_folder: &Path) -> Result<Self> {
        let address = free_address()?;
        let mut command = Command::new(binary);
        command
            .arg("serve")
            .arg("--data-dir")
            .arg(data_folder)
            .args(["--listen", &address.to_string()]);
        Self::launch(Launch {
            command,
            address,
            ready_path: "/-/ready",
            log: None,
            ready_within: READY_WITHIN,
            stopped_within: STOPPED_WITHIN,
        })
    }

    /// Starts any server and waits until it is ready.
    pub(in crate::commands) fn launch(launch: Launch) -> Result<Self> {
        let Launch { mut command, .. } = launch;
        let [stdout, stderr] = shell::outputs(launch.log.as_deref())?;
        command.stdin(Stdio::null()).stdout(stdout).stderr(stderr);
        let started = Instant::now();
        let child = command
            .spawn()
            .with_context(|| format!("cannot start {command:?}"))?;
        let mut server = Self {
            child,
            log: launch.log,
            ready_after: Duration::ZERO,
            stopped_within: launch.stopped_within,
        };
        while started.elapsed() < launch.ready_within {
            if is_ready(launch.address, launch.ready_path) {
                server.ready_after = started.elapsed();
                return Ok(server);
            }
            if let Some(status) = server.ended()? {
                let why = server.last_words_or(&format!("run {command:?} to see why"));
                bail!("the server ended with {status} before it was ready; {why}");
            }
            thread::sleep(POLL_EVERY);
        }
        bail!(
            "the server was not ready within {} s; {}",
            launch.ready_within.as_secs_f64(),
            server.last_words_or("it was stopped")
        )
    }

    /// The process' id.
    pub(in crate::commands) fn id(&self) -> u32 {
        self.child.id()
    }

    /// How long it took from the start of the process to the first answer of `/-/ready` that says so.
    pub(in crate::commands) fn ready_after(&self) -> Duration {
        self.ready_after
    }

    /// How the server ended, if it has ended already.
    pub(in crate::commands) fn ended(&mut self) -> Result<Option<ExitStatus>> {
        self.child.try_wait().context("cannot wait for the server")
    }

    /// Asks the server to end and waits for it; an end with an error is an error.
    pub(in crate::commands) fn stop(mut self) -> Result<()> {
        let id = self.child.id().to_string();
        ensure!(
            shell::runs(Path::new("/"), &["kill", "-TERM", &id])?,
            "cannot signal the server"
        );
        let asked = Instant::now();
        while asked.elapsed() < self.stopped_within {
            if let Some(status) = self.ended()? {
                ensure!(
                    status.success(),
                    "the server ended with {status}; {}",
                    self.last_words_or("its output was not kept")
                );
                return Ok(());
            }
            thread::sleep(POLL_EVERY);
        }
        bail!(
            "the server did not end within {} s of SIGTERM; {}",
            self.stopped_within.as_secs(),
            self.last_words_or("it was killed")
        )
    }

    /// The last lines of its log under a heading, or `otherwise` where it keeps none.
    pub(in crate::commands) fn last_words_or(&self, otherwise: &str) -> String {
        match &self.log {
            Some(log) => shell::last_lines(log),
            None => otherwise.to_owned(),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// A port of the loopback interface that nobody has just now.
pub(in crate::commands) fn free_address() -> Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("cannot bind a port of 127.0.0.1")?;
    listener.local_addr().context("a bound port has no address")
}

fn is_ready(address: SocketAddr, path: &str) -> bool {
    answer(address, path).is_ok_and(|answer| answer.starts_with(b"HTTP/1.1 200"))
}

fn answer(address: SocketAddr, path: &str) -> std::io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(1))?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    // One write, so that the request is one packet.
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    // To the end, so that closing does not cut the server off in its answer.
    let mut answer = Vec::new();
    stream.take(ANSWER_BYTES_MAX).read_to_end(&mut answer)?;
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn launch(line: &[&str], address: SocketAddr) -> Launch {
        Launch {
            command: shell::command(Path::new("/"), line),
            address,
            ready_path: "/-/ready",
            log: None,
            ready_within: READY_WITHIN,
            stopped_within: STOPPED_WITHIN,
        }
    }

    fn is_running(id: u32) -> bool {
        Path::new(&format!("/proc/{id}")).exists()
    }

    #[test]
    fn a_server_is_ready_when_it_says_so_and_gone_when_stopped_or_dropped() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let answers = thread::spawn(move || {
            for status in ["503 Service Unavailable", "200 OK"] {
                let (mut stream, _) = listener.accept().unwrap();
                let mut request = [0; 256];
                let _ = stream.read(&mut request).unwrap();
                stream
                    .write_all(format!("HTTP/1.1 {status}\r\n\r\n").as_bytes())
                    .unwrap();
            }
        });
        let server = Server::launch(launch(&["sleep", "60"], address)).unwrap();
        answers.join().unwrap();
        let id = server.id();
        assert!(server.ready_after() > Duration::ZERO);
        assert!(is_running(id));
        drop(server);
        assert!(!is_running(id));
    }

    #[test]
    fn a_server_that_ends_or_never_answers_is_an_error() {
        // A free port could be given to the listener of another test meanwhile; nobody listens on this one.
        let nowhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 1));
        let ended = Server::launch(launch(&["false"], nowhere)).unwrap_err();
        assert!(ended.to_string().contains("before it was ready"), "{ended}");
        let silent = Launch {
            ready_within: Duration::from_millis(30),
            ..launch(&["sleep", "60"], nowhere)
        };
        let silent = Server::launch(silent).unwrap_err();
        assert!(silent.to_string().contains("was not ready"), "{silent}");
    }

    #[test]
    fn an_error_quotes_the_end_of_the_log() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("server.log");
        let script = "seq 1 40; echo no room on the disk >&2; exit 3";
        let launch = Launch {
            log: Some(log.clone()),
            ..launch(&["sh", "-c", script], SocketAddr::from((Ipv4Addr::LOCALHOST, 1)))
        };
        let error = Server::launch(launch).unwrap_err().to_string();
        assert!(error.contains("exit status: 3"), "{error}");
        assert!(error.ends_with("\n  39\n  40\n  no room on the disk"), "{error}");
        assert!(!error.contains("\n  26\n"), "{error}");
        std::fs::write(&log, "").unwrap();
        assert!(shell::last_lines(&log).ends_with("is empty"));
        assert!(shell::last_lines(&folder.path().join("none")).contains("cannot be read"));
    }
}
