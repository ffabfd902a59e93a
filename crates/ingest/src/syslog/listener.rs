//! The sockets: packets one by one, connections message by message, plain and with TLS, all within bounds.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use super::frames::{Frames, trimmed};
use super::{Heard, PERMIT_BYTES, Syslog};
use crate::limits::{
    SYSLOG_CONNECTIONS_MAX, SYSLOG_HANDSHAKE_MAX, SYSLOG_IDLE_MAX, SYSLOG_RECEIVE_BUFFER_BYTES,
};

/// The largest packet that UDP can carry.
const PACKET_BYTES_MAX: usize = 65_535;

/// The pause after the system refused to give a packet or a connection.
const PAUSE: Duration = Duration::from_millis(100);

/// At the end, so long a silence says that nothing waits any more, and so long is waited at most.
const LAST_PAUSE: Duration = Duration::from_millis(10);
const LAST_MAX: Duration = Duration::from_secs(1);

/// Asks the system to hold more packets; it gives what it may.
pub(super) fn widen(socket: &UdpSocket) {
    if let Err(error) = rustix::net::sockopt::set_socket_recv_buffer_size(socket, SYSLOG_RECEIVE_BUFFER_BYTES)
    {
        debug!(%error, "the receive buffer stays as it is");
    }
}

pub(super) async fn hear_packets(syslog: Arc<Syslog>, stop: CancellationToken) {
    let Some(socket) = &syslog.udp else { return };
    let mut packet = vec![0; PACKET_BYTES_MAX];
    loop {
        let received = tokio::select! {
            biased;
            () = stop.cancelled() => {
                hear_last(&syslog, socket, &mut packet).await;
                return;
            }
            received = socket.recv_from(&mut packet) => received,
        };
        match received {
            Ok((length, peer)) => hear_packet(&syslog, packet.get(..length).unwrap_or_default(), peer),
            Err(error) => {
                warn!(%error, "no syslog packet could be received");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

/// Hears what waits already, which was sent before the end; a sender that never pauses is not waited for.
async fn hear_last(syslog: &Syslog, socket: &UdpSocket, packet: &mut [u8]) {
    let waiting = async {
        while let Ok(Ok((length, peer))) = timeout(LAST_PAUSE, socket.recv_from(packet)).await {
            hear_packet(syslog, packet.get(..length).unwrap_or_default(), peer);
        }
    };
    let _ = timeout(LAST_MAX, waiting).await;
}

/// A packet cannot wait: where there is no room, it is dropped and counted.
fn hear_packet(syslog: &Syslog, packet: &[u8], peer: SocketAddr) {
    syslog.telemetry.count_message("udp");
    let message = trimmed(packet);
    if message.is_empty() {
        return;
    }
    match Arc::clone(&syslog.room).try_acquire_many_owned(permits(message)) {
        Ok(share) => syslog.heard(Heard::new(message, peer.ip(), share)),
        Err(_) => syslog.telemetry.count_refused("no_room", 1),
    }
}

fn permits(message: &[u8]) -> u32 {
    (message.len() / PERMIT_BYTES + 1) as u32
}

pub(super) async fn hear_connections(syslog: Arc<Syslog>, tls: Option<TlsAcceptor>, stop: CancellationToken) {
    let listener = if tls.is_some() { &syslog.tls } else { &syslog.tcp };
    let Some(listener) = listener else { return };
    let places = Arc::new(Semaphore::new(SYSLOG_CONNECTIONS_MAX));
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            biased;
            () = stop.cancelled() => break,
            Some(_) = connections.join_next() => continue,
            accepted = accept(listener) => accepted,
        };
        match accepted {
            Some((stream, peer)) => match Arc::clone(&places).try_acquire_owned() {
                Ok(place) => {
                    let (syslog, tls, stop) = (Arc::clone(&syslog), tls.clone(), stop.clone());
                    connections.spawn(async move {
                        syslog.telemetry.connections.inc();
                        hear_connection(&syslog, stream, tls, peer.ip(), &stop).await;
                        syslog.telemetry.connections.dec();
                        drop(place);
                    });
                }
                Err(_) => syslog.telemetry.count_refused("too_many_connections", 1),
            },
            None => tokio::time::sleep(PAUSE).await,
        }
    }
    while connections.join_next().await.is_some() {}
}

async fn accept(listener: &TcpListener) -> Option<(TcpStream, SocketAddr)> {
    match listener.accept().await {
        Ok(accepted) => Some(accepted),
        Err(error) => {
            warn!(%error, "no syslog connection could be accepted");
            None
        }
    }
}

async fn hear_connection(
    syslog: &Syslog,
    stream: TcpStream,
    tls: Option<TlsAcceptor>,
    peer: IpAddr,
    stop: &CancellationToken,
) {
    let Some(tls) = tls else {
        return hear_stream(syslog, stream, "tcp", peer, stop).await;
    };
    match timeout(SYSLOG_HANDSHAKE_MAX, tls.accept(stream)).await {
        Ok(Ok(stream)) => hear_stream(syslog, stream, "tls", peer, stop).await,
        Ok(Err(error)) => {
            syslog.telemetry.count_refused("tls", 1);
            debug!(%peer, %error, "syslog connection has no TLS");
        }
        Err(_) => syslog.telemetry.count_refused("tls", 1),
    }
}

async fn hear_stream(
    syslog: &Syslog,
    mut stream: impl AsyncRead + Unpin,
    transport: &'static str,
    peer: IpAddr,
    stop: &CancellationToken,
) {
    let mut frames = Frames::default();
    loop {
        let read = tokio::select! {
            biased;
            () = stop.cancelled() => break,
            read = timeout(SYSLOG_IDLE_MAX, stream.read_buf(frames.buffer())) => read,
        };
        match read {
            Ok(Ok(bytes)) if bytes > 0 => {}
            Ok(Err(error)) => {
                debug!(%peer, %error, "syslog connection broke off");
                break;
            }
            _ => break,
        }
        loop {
            match frames.next_message() {
                Ok(Some(message)) => {
                    syslog.telemetry.count_message(transport);
                    // A sender waits where there is no room; what it has sent is heard, even at the end.
                    let Some(share) = room(syslog, message).await else {
                        return;
                    };
                    syslog.heard(Heard::new(message, peer, share));
                }
                Ok(None) => break,
                Err(error) => {
                    syslog.telemetry.count_refused("message_too_long", 1);
                    debug!(%peer, %error, "syslog connection closed");
                    return;
                }
            }
        }
    }
    if let Some(message) = frames.last() {
        syslog.telemetry.count_message(transport);
        if let Some(share) = room(syslog, message).await {
            syslog.heard(Heard::new(message, peer, share));
        }
    }
}

async fn room(syslog: &Syslog, message: &[u8]) -> Option<OwnedSemaphorePermit> {
    // The semaphore is never closed.
    Arc::clone(&syslog.room)
        .acquire_many_owned(permits(message))
        .await
        .ok()
}
