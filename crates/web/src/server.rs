//! The listening socket, its connections, and their end.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::config::Config;
use crate::deps::Deps;
use crate::error::Error;
use crate::limits::{
    CONNECTIONS_MAX, HEADER_BYTES_MAX, HEADER_READ_TIMEOUT, HEADERS_PER_REQUEST_MAX, SHUTDOWN_GRACE,
    STREAMS_PER_CONNECTION_MAX,
};
use crate::telemetry::Telemetry;
use crate::{router, ui_api};

/// After a failure to accept (no file descriptors left, most of the time) there is no hurry to fail again.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A socket that listens already but answers nobody yet.
#[derive(Debug)]
pub struct Listener {
    socket: TcpListener,
    address: SocketAddr,
    config: Config,
}

impl Listener {
    /// The address that is bound; its port is the real one where port 0 was asked for.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

/// Takes the configured address, before anything else is started: a port in use ends the start early.
pub fn bind(config: &Config) -> Result<Listener, Error> {
    let failed = |source: io::Error| Error::Bind {
        address: config.listen,
        reason: reason_of(&source),
        mend: mend_of(&source, config.listen),
        source,
    };
    let socket = TcpListener::bind(config.listen).map_err(failed)?;
    socket.set_nonblocking(true).map_err(failed)?;
    let address = socket.local_addr().map_err(failed)?;
    Ok(Listener {
        socket,
        address,
        config: config.clone(),
    })
}

/// Answers until `stop` is cancelled; then streams end, requests that are under way get up to 5 s, and it returns.
pub async fn serve(listener: Listener, deps: Deps, stop: CancellationToken) -> Result<(), Error> {
    let Listener {
        socket,
        address,
        config,
    } = listener;
    let socket =
        tokio::net::TcpListener::from_std(socket).map_err(|source| Error::Accept { address, source })?;
    let telemetry = deps.telemetry.clone();
    let app = Arc::new(App::new(config, deps, stop.clone())?);
    let hub = tokio::spawn(ui_api::stream::feed(Arc::clone(&app)));
    tracing::info!(%address, "listening");
    accept_until(&socket, &router::build(&app), &telemetry, &stop).await;
    if hub.await.is_err() {
        tracing::error!("the feed of the event stream panicked");
    }
    Ok(())
}

async fn accept_until(
    socket: &tokio::net::TcpListener,
    router: &Router,
    telemetry: &Telemetry,
    stop: &CancellationToken,
) {
    let graceful = GracefulShutdown::new();
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let mut connections = JoinSet::new();
    loop {
        // A place first: with none left, clients wait in the system's queue instead of being turned away.
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            Some(_) = connections.join_next() => continue,
            accepted = accept(socket, &places) => accepted,
        };
        match accepted {
            Ok((stream, place)) => {
                let connection = serve_connection(stream, router.clone(), &graceful);
                let open = OpenConnection::new(telemetry, place);
                connections.spawn(async move {
                    connection.await;
                    drop(open);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "connection not accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    if tokio::time::timeout(SHUTDOWN_GRACE, graceful.shutdown())
        .await
        .is_err()
    {
        tracing::warn!(
            connections = connections.len(),
            grace_seconds = SHUTDOWN_GRACE.as_secs(),
            "connections cut because they did not end in time"
        );
    }
    connections.shutdown().await;
}

async fn accept(
    socket: &tokio::net::TcpListener,
    places: &Arc<Semaphore>,
) -> io::Result<(TcpStream, OwnedSemaphorePermit)> {
    let place = Arc::clone(places)
        .acquire_owned()
        .await
        .map_err(io::Error::other)?;
    let (stream, _) = socket.accept().await?;
    Ok((stream, place))
}

/// One connection, HTTP/1.1 or HTTP/2 by its first bytes, within the limits on heads of requests.
fn serve_connection(
    stream: TcpStream,
    router: Router,
    graceful: &GracefulShutdown,
) -> impl Future<Output = ()> + Send + use<> {
    // Answers are written in whole pieces; waiting to fill packets only delays them.
    let _ = stream.set_nodelay(true);
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_READ_TIMEOUT)
        .max_headers(HEADERS_PER_REQUEST_MAX)
        .max_buf_size(HEADER_BYTES_MAX);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS_PER_CONNECTION_MAX)
        .max_header_list_size(HEADER_BYTES_MAX as u32)
        .keep_alive_interval(HEADER_READ_TIMEOUT);
    let service = TowerToHyperService::new(router);
    let connection = builder
        .serve_connection(TokioIo::new(stream), service)
        .into_owned();
    let watched = graceful.watch(connection);
    async move {
        if let Err(error) = watched.await {
            tracing::debug!(error, "connection ended early");
        }
    }
}

/// Holds a place and counts the connection for as long as it lives.
#[derive(Debug)]
struct OpenConnection {
    telemetry: Telemetry,
    _place: OwnedSemaphorePermit,
}

impl OpenConnection {
    fn new(telemetry: &Telemetry, place: OwnedSemaphorePermit) -> Self {
        telemetry.connections.inc();
        Self {
            telemetry: telemetry.clone(),
            _place: place,
        }
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.telemetry.connections.dec();
    }
}

fn reason_of(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::AddrInUse => "the port is in use".to_owned(),
        io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        io::ErrorKind::AddrNotAvailable => "this machine does not have the address".to_owned(),
        _ => error.to_string(),
    }
}

fn mend_of(error: &io::Error, address: SocketAddr) -> String {
    match error.kind() {
        io::ErrorKind::AddrInUse => format!(
            "stop the other program (`ss -ltnp 'sport = :{}'` names it), or choose another address with --listen or \
             server.listen",
            address.port()
        ),
        io::ErrorKind::PermissionDenied => {
            "ports below 1024 need a privilege; choose a higher one with --listen or server.listen".to_owned()
        }
        _ => "choose another address with --listen or server.listen".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_in_use_is_named_with_the_mend() {
        let first = bind(&Config {
            listen: "127.0.0.1:0".parse().unwrap(),
            ..Config::default()
        })
        .unwrap();
        let taken = Config {
            listen: first.address(),
            ..Config::default()
        };
        let error = bind(&taken).unwrap_err().to_string();
        let start = format!("cannot listen on {}: the port is in use; ", first.address());
        assert!(
            error.starts_with(&start) && error.contains("server.listen"),
            "{error}"
        );
    }
}
