//! A server of this measurement's own: started, waited for, stopped.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use crate::shell;

const READY_WITHIN: Duration = Duration::from_mins(1);
const STOPPED_WITHIN: Duration = Duration::from_secs(20);
const POLL_EVERY: Duration = Duration::from_millis(5);
const ANSWER_BYTES_MAX: u64 = 64 * 1024;

/// A running server; it is killed if it is dropped before it is stopped.
#[derive(Debug)]
pub(super) struct Server {
    child: Child,
    ready_after: Duration,
}

impl Server {
    /// Starts the server on a free port of the loopback interface and waits until it says that it is ready.
    pub(super) fn start(binary: &Path, data_folder: &Path) -> Result<Self> {
        let address = free_address()?;
        let mut command = Command::new(binary);
        command
            .arg("serve")
            .arg("--data-dir")
            .arg(data_folder)
            .args(["--listen", &address.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        Self::start_command(command, address, READY_WITHIN)
    }

    /// The process' id.
    pub(super) fn id(&self) -> u32 {
        self.child.id()
    }

    /// How long it took from the start of the process to the first answer of `/-/ready` that says so.
    pub(super) fn ready_after(&self) -> Duration {
        self.ready_after
    }

    /// Asks the server to end and waits for it; an end with an error is an error.
    pub(super) fn stop(mut self) -> Result<()> {
        let id = self.child.id().to_string();
        ensure!(
            shell::runs(Path::new("/"), &["kill", "-TERM", &id])?,
            "cannot signal the server"
        );
        let asked = Instant::now();
        while asked.elapsed() < STOPPED_WITHIN {
            if let Some(status) = self.child.try_wait().context("cannot wait for the server")? {
                ensure!(status.success(), "the server ended with {status}");
                return Ok(());
            }
            thread::sleep(POLL_EVERY);
        }
        bail!(
            "the server did not end within {} s of SIGTERM",
            STOPPED_WITHIN.as_secs()
        )
    }

    fn start_command(mut command: Command, address: SocketAddr, within: Duration) -> Result<Self> {
        let started = Instant::now();
        let child = command
            .spawn()
            .with_context(|| format!("cannot start {command:?}"))?;
        let mut server = Self {
            child,
            ready_after: Duration::ZERO,
        };
        while started.elapsed() < within {
            if is_ready(address) {
                server.ready_after = started.elapsed();
                return Ok(server);
            }
            if let Some(status) = server.child.try_wait().context("cannot wait for the server")? {
                bail!("the server ended with {status} before it was ready; run {command:?} to see why");
            }
            thread::sleep(POLL_EVERY);
        }
        bail!("the server was not ready within {} s", within.as_secs())
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

fn free_address() -> Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("cannot bind a port of 127.0.0.1")?;
    listener.local_addr().context("a bound port has no address")
}

fn is_ready(address: SocketAddr) -> bool {
    answer(address).is_ok_and(|answer| answer.starts_with(b"HTTP/1.1 200"))
}

fn answer(address: SocketAddr) -> std::io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(1))?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    // One write, so that the request is one packet.
    let request = format!("GET /-/ready HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    // To the end, so that closing does not cut the server off in its answer.
    let mut answer = Vec::new();
    stream.take(ANSWER_BYTES_MAX).read_to_end(&mut answer)?;
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sleeper() -> Command {
        let mut command = Command::new("sleep");
        command.arg("60");
        command
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
        let server = Server::start_command(sleeper(), address, READY_WITHIN).unwrap();
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
        let ended = Server::start_command(Command::new("false"), nowhere, READY_WITHIN).unwrap_err();
        assert!(ended.to_string().contains("before it was ready"), "{ended}");
        let silent = Server::start_command(sleeper(), nowhere, Duration::from_millis(30)).unwrap_err();
        assert!(silent.to_string().contains("was not ready"), "{silent}");
    }
}
