//! The sockets: packets one by one, connections line by line, both within bounds.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::AsyncReadExt as _;
use tokio::net::{TcpStream, UdpSocket};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use super::Statsd;
use crate::limits::{
    STATSD_CONNECTIONS_MAX, STATSD_IDLE_MAX, STATSD_LINE_BYTES_MAX, STATSD_RECEIVE_BUFFER_BYTES,
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
    if let Err(error) = rustix::net::sockopt::set_socket_recv_buffer_size(socket, STATSD_RECEIVE_BUFFER_BYTES)
    {
        debug!(%error, "the receive buffer stays as it is");
    }
}

pub(super) async fn hear_packets(statsd: Arc<Statsd>, stop: CancellationToken) {
    let Some(socket) = &statsd.udp else { return };
    let mut packet = vec![0; PACKET_BYTES_MAX];
    loop {
        let received = tokio::select! {
            biased;
            () = stop.cancelled() => {
                hear_last(&statsd, socket, &mut packet).await;
                return;
            }
            received = socket.recv(&mut packet) => received,
        };
        match received {
            Ok(length) => hear_packet(&statsd, packet.get(..length).unwrap_or_default()),
            Err(error) => {
                warn!(%error, "no statsd packet could be received");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

/// Hears what waits already, which was sent before the end; a sender that never pauses is not waited for.
async fn hear_last(statsd: &Statsd, socket: &UdpSocket, packet: &mut [u8]) {
    let waiting = async {
        while let Ok(Ok(length)) = tokio::time::timeout(LAST_PAUSE, socket.recv(packet)).await {
            hear_packet(statsd, packet.get(..length).unwrap_or_default());
        }
    };
    let _ = tokio::time::timeout(LAST_MAX, waiting).await;
}

fn hear_packet(statsd: &Statsd, packet: &[u8]) {
    statsd.telemetry.packets.inc();
    hear(statsd, packet);
}

fn hear(statsd: &Statsd, bytes: &[u8]) {
    statsd.hear(&String::from_utf8_lossy(bytes));
}

pub(super) async fn hear_connections(statsd: Arc<Statsd>, stop: CancellationToken) {
    let Some(listener) = &statsd.tcp else { return };
    let room = Arc::new(Semaphore::new(STATSD_CONNECTIONS_MAX));
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            biased;
            () = stop.cancelled() => break,
            Some(_) = connections.join_next() => continue,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => match Arc::clone(&room).try_acquire_owned() {
                Ok(place) => {
                    let (statsd, stop) = (Arc::clone(&statsd), stop.clone());
                    connections.spawn(async move {
                        statsd.telemetry.connections.inc();
                        hear_connection(&statsd, stream, peer, &stop).await;
                        statsd.telemetry.connections.dec();
                        drop(place);
                    });
                }
                Err(_) => statsd.telemetry.count_refused("too_many_connections"),
            },
            Err(error) => {
                warn!(%error, "no statsd connection could be accepted");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
    while connections.join_next().await.is_some() {}
}

async fn hear_connection(statsd: &Statsd, mut stream: TcpStream, peer: SocketAddr, stop: &CancellationToken) {
    let mut buffer = Vec::new();
    loop {
        let read = tokio::select! {
            biased;
            () = stop.cancelled() => break,
            read = tokio::time::timeout(STATSD_IDLE_MAX, stream.read_buf(&mut buffer)) => read,
        };
        match read {
            Ok(Ok(bytes)) if bytes > 0 => {}
            Ok(Err(error)) => {
                debug!(%peer, %error, "statsd connection broke off");
                break;
            }
            _ => break,
        }
        if let Some(end) = memchr::memrchr(b'\n', &buffer) {
            hear(statsd, buffer.get(..end).unwrap_or_default());
            buffer.drain(..=end);
        }
        if buffer.len() > STATSD_LINE_BYTES_MAX {
            statsd.telemetry.count_refused("line_too_long");
            return;
        }
    }
    // A last line without an end is a line.
    hear(statsd, &buffer);
}
