//! Packets that the system dropped before they were read, as it tells in `/proc/net/udp` (proc(5)).

use std::net::SocketAddr;

/// Remembers the count, so that only what is new is told.
#[derive(Debug, Default)]
pub(crate) struct Drops {
    last: u64,
}

impl Drops {
    /// Packets to the socket at `address` that were dropped since the last call; none where the system does not say.
    pub(crate) fn since_last(&mut self, address: SocketAddr) -> u64 {
        let table = if address.is_ipv4() {
            "/proc/net/udp"
        } else {
            "/proc/net/udp6"
        };
        let Ok(text) = std::fs::read_to_string(table) else {
            return 0;
        };
        let total = total(&text, address.port());
        let new = total.saturating_sub(self.last);
        self.last = total;
        new
    }
}

/// The sum of the last column over the sockets of a port.
fn total(table: &str, port: u16) -> u64 {
    let port = format!(":{port:04X}");
    let dropped = |line: &str| -> Option<u64> {
        let mut columns = line.split_whitespace();
        let local = columns.nth(1)?;
        local.ends_with(&port).then(|| columns.last()?.parse().ok())?
    };
    table.lines().skip(1).filter_map(dropped).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_drops_of_a_port_are_found() {
        let table = "   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops\n\
            \x20 100: 0100007F:1FBD 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 1 2 0000000000000000 7\n\
            \x20 101: 0100007F:1FBE 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 1 2 0000000000000000 9\n";
        assert_eq!(total(table, 8125), 7);
        assert_eq!(total(table, 8127), 0);
        assert_eq!(total("", 1), 0);
    }
}
