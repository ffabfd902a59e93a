//! The listening socket, its connections, and their end.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
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
use crate::config::{Config, OtlpListen};
use crate::deps::Deps;
use crate::error::Error;
use crate::limits::{
    CONNECTIONS_MAX, HEADER_BYTES_MAX, HEADER_READ_TIMEOUT, HEADERS_PER_REQUEST_MAX, SHUTDOWN_GRACE,
    STREAMS_PER_CONNECTION_MAX,
};
use crate::telemetry::Telemetry;
use crate::{router, ui_api};

/// The ports that the specification of OTLP names.
const OTLP_GRPC_PORT: u16 = 4317;
const OTLP_HTTP_PORT: u16 = 4318;

/// After a failure to accept (no file descriptors left, most of the time) there is no hurry to fail again.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Sockets that listen already but answer nobody yet.
#[derive(Debug)]
pub struct Listener {
    main: Port,
    otlp_http: Option<Port>,
    grpc: Option<Port>,
    warnings: Vec<String>,
    config: Config,
}

/// One of the sockets.
#[derive(Debug)]
struct Port {
    socket: TcpListener,
    address: SocketAddr,
}

impl Listener {
    /// The address that is bound; its port is the real one where port 0 was asked for.
    pub fn address(&self) -> SocketAddr {
        self.main.address
    }

    /// Where OTLP over HTTP is taken beside the main address.
    pub fn otlp_http_address(&self) -> Option<SocketAddr> {
        self.otlp_http.as_ref().map(|port| port.address)
    }

    /// Where OTLP over gRPC is taken.
    pub fn grpc_address(&self) -> Option<SocketAddr> {
        self.grpc.as_ref().map(|port| port.address)
    }

    /// What is not listened to although it would be by default.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }
}

/// Takes the configured addresses, before anything else is started: a port in use ends the start early. The standard ports of
/// OTLP are an exception where nobody asked for them: a collector may have them already, which is a warning.
pub fn bind(config: &Config) -> Result<Listener, Error> {
    let main = take_port(config.listen, "--listen or server.listen")?;
    let mut warnings = Vec::new();
    let otlp_http = take_otlp_port(
        config.otlp_http_listen,
        OTLP_HTTP_PORT,
        "server.otlp_http_listen",
        &mut warnings,
    )?;
    let grpc = take_otlp_port(
        config.grpc_listen,
        OTLP_GRPC_PORT,
        "server.grpc_listen",
        &mut warnings,
    )?;
    Ok(Listener {
        main,
        otlp_http,
        grpc,
        warnings,
        config: config.clone(),
    })
}

fn take_otlp_port(
    listen: OtlpListen,
    standard_port: u16,
    key: &str,
    warnings: &mut Vec<String>,
) -> Result<Option<Port>, Error> {
    match listen {
        OtlpListen::Off => Ok(None),
        OtlpListen::At(address) => take_port(address, key).map(Some),
        OtlpListen::Standard => match take_port((Ipv4Addr::LOCALHOST, standard_port).into(), key) {
            Ok(port) => Ok(Some(port)),
            Err(error) => {
                warnings.push(format!("{key}: {error}; `off` silences this"));
                Ok(None)
            }
        },
    }
}

fn take_port(address: SocketAddr, keys: &str) -> Result<Port, Error> {
    let failed = |source: io::Error| Error::Bind {
        address,
        reason: reason_of(&source),
        mend: mend_of(&source, address, keys),
        source,
    };
    let socket = TcpListener::bind(address).map_err(failed)?;
    socket.set_nonblocking(true).map_err(failed)?;
    let address = socket.local_addr().map_err(failed)?;
    Ok(Port { socket, address })
}

/// Answers until `stop` is cancelled; then streams end, requests that are under way get up to 5 s, and it returns.
pub async fn serve(listener: Listener, deps: Deps, stop: CancellationToken) -> Result<(), Error> {
    let telemetry = deps.telemetry.clone();
    let app = Arc::new(App::new(listener.config, deps, stop.clone())?);
    let hub = tokio::spawn(ui_api::stream::feed(Arc::clone(&app)));
    let mut ports = JoinSet::new();
    let routers: [(&'static str, Option<Port>, BuildRouter); 3] = [
        ("http", Some(listener.main), |app, _| router::build(app)),
        ("otlp http", listener.otlp_http, router::build_otlp_http),
        ("otlp grpc", listener.grpc, router::build_grpc),
    ];
    for (speaks, port, build) in routers {
        let Some(Port { socket, address }) = port else {
            continue;
        };
        let socket =
            tokio::net::TcpListener::from_std(socket).map_err(|source| Error::Accept { address, source })?;
        tracing::info!(%address, speaks, "listening");
        let (router, telemetry, stop) = (build(&app, address), telemetry.clone(), stop.clone());
        ports.spawn(async move { accept_until(&socket, &router, &telemetry, &stop).await });
    }
    while let Some(ended) = ports.join_next().await {
        if ended.is_err() {
            tracing::error!("a port's loop panicked");
            stop.cancel();
        }
    }
    if hub.await.is_err() {
        tracing::error!("the feed of the event stream panicked");
    }
    Ok(())
}

/// Makes what a port answers.
type BuildRouter = fn(&Arc<App>, SocketAddr) -> Router;

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
        .serve_connection_with_upgrades(TokioIo::new(stream), service)
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

fn mend_of(error: &io::Error, address: SocketAddr, keys: &str) -> String {
    match error.kind() {
        io::ErrorKind::AddrInUse => format!(
            "stop the other program (`ss -ltnp 'sport = :{}'` names it), or choose another address with {keys}",
            address.port()
        ),
        io::ErrorKind::PermissionDenied => {
            format!("ports below 1024 need a privilege; choose a higher one with {keys}")
        }
        _ => format!("choose another address with {keys}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Any free port, and none for OTLP.
    fn config() -> Config {
        Config {
            listen: "127.0.0.1:0".parse().unwrap(),
            grpc_listen: OtlpListen::Off,
            otlp_http_listen: OtlpListen::Off,
            ..Config::default()
        }
    }

    #[test]
    fn a_port_in_use_is_named_with_the_mend() {
        let first = bind(&config()).unwrap();
        let taken = Config {
            listen: first.address(),
            ..config()
        };
        let error = bind(&taken).unwrap_err().to_string();
        let start = format!("cannot listen on {}: the port is in use; ", first.address());
        assert!(
            error.starts_with(&start) && error.contains("server.listen"),
            "{error}"
        );
    }

    #[test]
    fn a_named_port_for_otlp_must_be_free_and_the_standard_one_need_not() {
        let first = bind(&config()).unwrap();
        let named = Config {
            grpc_listen: OtlpListen::At(first.address()),
            ..config()
        };
        let error = bind(&named).unwrap_err().to_string();
        assert!(error.contains("server.grpc_listen"), "{error}");

        let mut warnings = Vec::new();
        let port = first.address().port();
        let taken = take_otlp_port(OtlpListen::Standard, port, "server.grpc_listen", &mut warnings).unwrap();
        assert!(taken.is_none());
        let warning = warnings.first().unwrap();
        assert!(
            warning.starts_with("server.grpc_listen: ") && warning.contains("in use"),
            "{warning}"
        );
    }
}
