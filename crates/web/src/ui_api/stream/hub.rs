//! The ring of recent events and the clients that follow it.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use serde::Serialize;
use stdx::outlet::{Inlet, News, Outlet};

use super::rate::Rate;
use crate::limits::{STREAM_CLIENTS_MAX, STREAM_EVENTS_HELD};
use crate::telemetry::Telemetry;

/// What an event is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Topic {
    /// A second's vitals are stored.
    Tick,
    /// The number of alerts changed.
    Alerts,
    /// The number of targets that are up changed.
    Targets,
    /// A reload succeeded or was refused.
    Config,
}

/// One event.
#[derive(Debug)]
pub(crate) struct Event {
    pub(crate) id: u64,
    pub(crate) topic: Topic,
    /// One line of JSON.
    pub(crate) data: String,
}

/// What a client gets next.
#[derive(Debug)]
pub(crate) enum Delivery {
    /// An event it asked for.
    Event(Arc<Event>),
    /// So many events were lost; the next has an id above `id`.
    Gap {
        /// Events that are gone.
        dropped: u64,
        /// The last of them.
        id: u64,
    },
}

/// Numbers, holds and hands out events.
#[derive(Debug)]
pub(crate) struct Hub {
    ring: Mutex<Ring>,
    outlet: Outlet<Arc<Event>>,
    clients: Arc<AtomicUsize>,
    samples: Mutex<Rate>,
    telemetry: Telemetry,
}

#[derive(Debug)]
struct Ring {
    next_id: u64,
    events: VecDeque<Arc<Event>>,
}

/// One follower of the stream; gives its place back when dropped.
#[derive(Debug)]
pub(crate) struct Client {
    topics: Vec<Topic>,
    /// Delivered before anything new, oldest first.
    backlog: VecDeque<Delivery>,
    last_id: u64,
    inlet: Inlet<Arc<Event>>,
    clients: Arc<AtomicUsize>,
    telemetry: Telemetry,
}

// === impl Topic ===

impl Topic {
    /// Every topic.
    pub(crate) const ALL: [Self; 4] = [Self::Tick, Self::Alerts, Self::Targets, Self::Config];

    /// The name on the wire.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Tick => "tick",
            Self::Alerts => "alerts",
            Self::Targets => "targets",
            Self::Config => "config",
        }
    }

    /// Reads the name.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|topic| topic.as_str() == text)
    }
}

// === impl Hub ===

impl Hub {
    /// A hub whose ids start at the time of its birth: at fewer than a thousand events a second they stay above all
    /// ids of the process before, so that a client that comes back after a restart sees its gap.
    pub(crate) fn new(now_ms: i64, telemetry: Telemetry) -> Self {
        Self {
            ring: Mutex::new(Ring {
                next_id: u64::try_from(now_ms).unwrap_or_default() + 1,
                events: VecDeque::with_capacity(STREAM_EVENTS_HELD),
            }),
            outlet: Outlet::new(STREAM_EVENTS_HELD),
            clients: Arc::default(),
            samples: Mutex::default(),
            telemetry,
        }
    }

    /// Numbers an event, holds it and offers it to every client.
    pub(crate) fn publish(&self, topic: Topic, body: &impl Serialize) {
        let Ok(data) = serde_json::to_string(body) else {
            return;
        };
        let mut ring = self.ring.lock();
        let event = Arc::new(Event {
            id: ring.next_id,
            topic,
            data,
        });
        ring.next_id += 1;
        if ring.events.len() >= STREAM_EVENTS_HELD {
            ring.events.pop_front();
        }
        ring.events.push_back(Arc::clone(&event));
        // Offered under the lock: a client that joins sees each event in the ring or in its inlet.
        self.outlet.offer(event);
    }

    /// A new client, or none where there are too many. With the id of the last event it saw it first gets what it
    /// missed, or is told that this is gone.
    pub(crate) fn join(&self, topics: Vec<Topic>, last_id: Option<u64>) -> Option<Client> {
        self.clients
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |count| {
                (count < STREAM_CLIENTS_MAX).then_some(count + 1)
            })
            .ok()?;
        self.telemetry.stream_clients.inc();
        let ring = self.ring.lock();
        let inlet = self.outlet.inlet();
        let newest = ring.next_id - 1;
        let backlog = last_id
            .map(|last_id| ring.after(last_id, &topics))
            .unwrap_or_default();
        Some(Client {
            topics,
            backlog,
            last_id: newest,
            inlet,
            clients: Arc::clone(&self.clients),
            telemetry: self.telemetry.clone(),
        })
    }

    /// Takes a reading of the samples stored since the start.
    pub(crate) fn count_samples(&self, now: Duration, total: u64) {
        self.samples.lock().add(now, total);
    }

    /// Samples stored per second lately; none before there are two readings.
    pub(crate) fn samples_per_second(&self) -> Option<f64> {
        self.samples.lock().per_second()
    }
}

impl Ring {
    /// Everything after `last_id`, with a gap first where some of it is gone.
    fn after(&self, last_id: u64, topics: &[Topic]) -> VecDeque<Delivery> {
        let newest = self.next_id - 1;
        let oldest = self.events.front().map_or(self.next_id, |event| event.id);
        let mut backlog = VecDeque::new();
        if last_id > newest {
            // An id from elsewhere: nothing says what the client has seen.
            backlog.push_back(Delivery::Gap {
                dropped: self.events.len() as u64,
                id: newest,
            });
            return backlog;
        }
        if last_id + 1 < oldest {
            backlog.push_back(Delivery::Gap {
                dropped: oldest - last_id - 1,
                id: oldest - 1,
            });
        }
        let missed = self
            .events
            .iter()
            .filter(|event| event.id > last_id && topics.contains(&event.topic));
        backlog.extend(missed.map(|event| Delivery::Event(Arc::clone(event))));
        backlog
    }
}

// === impl Client ===

impl Client {
    /// Waits for what comes next; none once the hub is gone. Safe to cancel.
    pub(crate) async fn next(&mut self) -> Option<Delivery> {
        if let Some(delivery) = self.backlog.pop_front() {
            return Some(delivery);
        }
        loop {
            match self.inlet.next().await? {
                News::Item(event) => {
                    self.last_id = event.id;
                    if self.topics.contains(&event.topic) {
                        return Some(Delivery::Event(event));
                    }
                }
                News::Gap(dropped) => {
                    self.telemetry.stream_events_dropped.inc_by(dropped);
                    self.last_id += dropped;
                    return Some(Delivery::Gap {
                        dropped,
                        id: self.last_id,
                    });
                }
            }
        }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.clients.fetch_sub(1, Ordering::AcqRel);
        self.telemetry.stream_clients.dec();
    }
}
