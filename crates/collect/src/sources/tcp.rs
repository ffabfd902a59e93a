//! TCP sockets by state.

use std::time::Duration;

use crate::error::Error;
use crate::kernel_file::KernelFile;
use crate::metric::Metric;
use crate::slate::{Slate, SlotId};
use crate::sources::{Facts, Moment, Opening, Seen, Source, SourceKind};
use crate::text;

const CONNECTIONS: Metric = Metric::gauge(
    "system_network_connections",
    &["protocol", "state"],
    "",
    "TCP sockets by state, IPv4 and IPv6 together (protocol tcp); taken less often where there are very many",
);

pub(super) const KIND: SourceKind = SourceKind {
    name: "tcp",
    metrics: &[CONNECTIONS],
    open,
    every: Duration::ZERO,
    slows_down: true,
    parse: |text| text::lines(text).map(state_of).for_each(|_| ()),
};

/// The states in the order of their numbers, which count from 1 (include/net/tcp_states.h).
const STATES: [&str; 12] = [
    "established",
    "syn_sent",
    "syn_recv",
    "fin_wait_1",
    "fin_wait_2",
    "time_wait",
    "close",
    "close_wait",
    "last_ack",
    "listen",
    "closing",
    // A request socket that has not become a connection yet is `syn_recv` to everybody else.
    "syn_recv",
];

/// The place in [`STATES`] of the socket that a line of `/proc/net/tcp` tells of; `None` for the heading.
pub(super) fn state_of(line: &[u8]) -> Option<usize> {
    let field = text::fields(line).nth(3)?;
    let number = usize::from_str_radix(std::str::from_utf8(field).ok()?, 16).ok()?;
    let place = number.checked_sub(1)?;
    (place < STATES.len()).then_some(place)
}

struct Tcp {
    files: [KernelFile; 2],
    slots: [SlotId; STATES.len() - 1],
}

fn open(opening: &Opening<'_>, slate: &mut Slate) -> Box<dyn Source> {
    let file = |name: &str| KernelFile::new(opening.roots.proc.join("net").join(name));
    Box::new(Tcp {
        files: [file("tcp"), file("tcp6")],
        slots: std::array::from_fn(|place| slate.slot(&CONNECTIONS, &["tcp", STATES[place]])),
    })
}

impl Source for Tcp {
    fn observe(&mut self, _: Moment, slate: &mut Slate, _: &mut Facts) -> Result<Seen, Error> {
        let mut counts = [0u64; STATES.len()];
        let mut seen = Seen::Absent;
        for file in &mut self.files {
            let offered = file.for_each_line_if_offered(|line| {
                if let Some(count) = state_of(line).and_then(|place| counts.get_mut(place)) {
                    *count += 1;
                }
            })?;
            if offered {
                seen = Seen::Fresh;
            }
        }
        let [.., requests] = counts;
        for ((slot, state), count) in self.slots.iter().zip(STATES).zip(counts) {
            let extra = if state == "syn_recv" { requests } else { 0 };
            slate.set(*slot, (count + extra) as f64);
        }
        Ok(seen)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_state_is_the_fourth_field_in_hexadecimal() {
        let line = b"   0: 0100007F:2553 00000000:0000 0A 00000000:00000000 00:00000000 00000000  0 0 24 1";
        assert_eq!(state_of(line).map(|place| STATES[place]), Some("listen"));
        assert_eq!(state_of(b"  sl  local_address rem_address   st tx_queue"), None);
        assert_eq!(state_of(b" 1: a b 00"), None);
        assert_eq!(state_of(b" 1: a b FF"), None);
        assert_eq!(state_of(b""), None);
    }
}
