//! The pure decider of notifications: given what is known and what happened, which messages are due.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use model::Labels;
use state::{NewOutboxRow, NotificationLogRow};
use xxhash_rust::xxh3::xxh3_128;

use crate::config::{Config, Integration, ReceiverConfig};
use crate::limits;
use crate::notify::Notice;
use crate::notify::inhibit::Inhibition;
use crate::notify::message::{Envelope, compose};
use crate::notify::routes::Route;

/// What the owner has decided about notifications, ready to be asked.
#[derive(Debug, Clone)]
pub struct Policy {
    /// The route tree.
    pub route: Route,
    /// Who can be told.
    pub receivers: Vec<ReceiverConfig>,
    /// Which alerts silence which.
    pub inhibitions: Vec<Inhibition>,
    /// Where this program can be reached.
    pub external_url: String,
}

/// Names a group: the route's id and the group's labels.
pub type GroupId = (String, Labels);

/// Everything that is known about alerts and groups.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Book {
    /// Alerts that fire, and resolved ones that some group has not been told of yet.
    pub alerts: BTreeMap<u64, Notice>,
    /// The groups.
    pub groups: BTreeMap<GroupId, Group>,
    /// What receivers were last told, by lane.
    pub log: BTreeMap<String, NotificationLogRow>,
}

/// Alerts that are told of together.
#[derive(Debug, Clone, PartialEq)]
pub struct Group {
    /// Its alerts.
    pub notices: BTreeMap<u64, Notice>,
    /// When it is looked at next, milliseconds since the Unix epoch.
    pub next_flush_ms: i64,
}

/// A book made anew, and what of the log of notifications changed by that.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Rebuilt {
    /// The book.
    pub book: Book,
    /// Rows that lost alerts nobody knows any more.
    pub notified: Vec<NotificationLogRow>,
    /// Lanes that no group has any more.
    pub forgotten: Vec<String>,
}

/// What happened.
#[derive(Debug, Clone)]
pub enum Input<'a> {
    /// Alerts began to fire, changed, or were resolved.
    Alerts(&'a [Notice]),
    /// Time went by.
    Tick,
}

/// What follows from an input. Nothing of it has happened until it is durable and applied with [`Book::apply`].
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Decision {
    /// Alerts as they are now; `None` is gone.
    pub alerts: BTreeMap<u64, Option<Notice>>,
    /// Groups as they are now; `None` is gone.
    pub groups: BTreeMap<GroupId, Option<Group>>,
    /// What receivers have now been told of.
    pub notified: Vec<NotificationLogRow>,
    /// Lanes that need no memory any more.
    pub forgotten: Vec<String>,
    /// The messages.
    pub messages: Vec<NewOutboxRow>,
    /// Alerts left out of messages because they were inhibited or muted.
    pub suppressed: u64,
    /// Alerts not grouped because there are too many groups.
    pub refused: u64,
}

impl Policy {
    /// Builds the policy of a validated configuration; `extra` are inhibitions that come with the program.
    pub fn compile(config: &Config, extra: Vec<Inhibition>, external_url: &str) -> Self {
        let mut receivers = config.receivers.clone();
        if config.route.is_none() {
            receivers.push(crate::channels::log::default_receiver());
        }
        let mut inhibitions: Vec<Inhibition> = config.inhibit_rules.iter().map(Inhibition::compile).collect();
        inhibitions.extend(extra);
        Self {
            route: Route::compile(config, crate::channels::log::DEFAULT_RECEIVER),
            receivers,
            inhibitions,
            external_url: external_url.to_owned(),
        }
    }

    fn integrations(&self, receiver: &str) -> impl Iterator<Item = &Integration> {
        self.receivers
            .iter()
            .filter(move |known| known.name == receiver)
            .flat_map(|known| &known.integrations)
            .filter(|integration| integration.is_delivered())
    }

    /// The lanes of a group: one for each channel of its route's receiver.
    fn lanes(&self, route: &Route, labels: &Labels) -> impl Iterator<Item = String> {
        self.integrations(&route.receiver)
            .map(move |integration| lane(route, integration, labels))
    }
}

impl Book {
    /// Takes in what was decided and made durable.
    pub fn apply(&mut self, decision: &Decision) {
        for (fingerprint, notice) in &decision.alerts {
            put(&mut self.alerts, fingerprint, notice.as_ref());
        }
        for (id, group) in &decision.groups {
            put(&mut self.groups, id, group.as_ref());
        }
        for row in &decision.notified {
            self.log.insert(row.lane.clone(), row.clone());
        }
        for lane in &decision.forgotten {
            self.log.remove(lane);
        }
    }

    /// When the next group is due, milliseconds since the Unix epoch.
    pub fn next_due_ms(&self) -> Option<i64> {
        self.groups.values().map(|group| group.next_flush_ms).min()
    }

    /// Whether an alert fires, or is over and some group has not been told of it yet.
    pub fn holds(&self, fingerprint: u64) -> bool {
        self.alerts.contains_key(&fingerprint)
    }

    /// Takes back that a lane was told: its message was given up. Its group is looked at again at the earliest after
    /// its own interval and [`limits::TELL_AGAIN_MS`].
    pub fn untold(&mut self, lane_id: &str, policy: &Policy, now_ms: i64) {
        self.log.remove(lane_id);
        for ((route, labels), group) in &mut self.groups {
            let Some(route) = policy.route.find(route) else {
                continue;
            };
            if policy.lanes(route, labels).any(|known| known == lane_id) {
                let wait_ms = route.group_interval_ms.max(limits::TELL_AGAIN_MS);
                group.next_flush_ms = now_ms.saturating_add(wait_ms);
                return;
            }
        }
    }

    /// The book of a fresh start or of a new configuration: groups made anew from alerts and from what was told.
    pub fn rebuild(
        alerts: BTreeMap<u64, Notice>,
        log: BTreeMap<String, NotificationLogRow>,
        policy: &Policy,
        now_ms: i64,
    ) -> Rebuilt {
        let mut groups: BTreeMap<GroupId, Group> = BTreeMap::new();
        let mut lanes: BTreeSet<String> = BTreeSet::new();
        for notice in alerts.values() {
            for route in policy.route.matching(&notice.labels) {
                let labels = route.group_labels(&notice.labels);
                let of_group: Vec<String> = policy.lanes(route, &labels).collect();
                let told = of_group.iter().filter_map(|lane| log.get(lane));
                let next_flush_ms = told.map(|row| row.notified_ms).max().map_or_else(
                    || now_ms.max(notice.starts_at_ms.saturating_add(route.group_wait_ms)),
                    |told_ms| told_ms.saturating_add(route.group_interval_ms),
                );
                lanes.extend(of_group);
                let group = groups.entry((route.id.clone(), labels)).or_insert_with(|| Group {
                    notices: BTreeMap::new(),
                    next_flush_ms,
                });
                group.next_flush_ms = group.next_flush_ms.min(next_flush_ms);
                group.notices.insert(notice.fingerprint, notice.clone());
            }
        }
        let mut rebuilt = Rebuilt::default();
        for (lane, mut row) in log {
            if !lanes.contains(&lane) {
                rebuilt.forgotten.push(lane);
                continue;
            }
            let known = row.firing.len();
            row.firing.retain(|fingerprint| alerts.contains_key(fingerprint));
            if row.firing.len() < known {
                rebuilt.notified.push(row.clone());
            }
            rebuilt.book.log.insert(lane, row);
        }
        rebuilt.book.alerts = alerts;
        rebuilt.book.groups = groups;
        rebuilt
    }
}

/// Decides what follows from `input`. Pure: equal arguments give equal decisions.
pub fn step(book: &Book, policy: &Policy, input: &Input<'_>, now_ms: i64) -> Decision {
    let mut decision = Decision::default();
    if let Input::Alerts(notices) = input {
        for notice in *notices {
            take_in(book, policy, notice, now_ms, &mut decision);
        }
    }
    let due = due_groups(book, &decision, now_ms);
    if due.is_empty() {
        return decision;
    }
    let firing = firing_alerts(book, &decision);
    for (id, mut group) in due {
        let keep = flush(book, policy, &id, &mut group, &firing, now_ms, &mut decision);
        decision.groups.insert(id, keep.then_some(group));
    }
    forget_told(book, &mut decision);
    decision
}

fn put<K: Ord + Clone, V: Clone>(map: &mut BTreeMap<K, V>, key: &K, value: Option<&V>) {
    match value {
        Some(value) => map.insert(key.clone(), value.clone()),
        None => map.remove(key),
    };
}

fn take_in(book: &Book, policy: &Policy, notice: &Notice, now_ms: i64, decision: &mut Decision) {
    decision.alerts.insert(notice.fingerprint, Some(notice.clone()));
    for route in policy.route.matching(&notice.labels) {
        let labels = route.group_labels(&notice.labels);
        let id = (route.id.clone(), labels);
        // A group that several of the alerts concern is copied from the book once.
        let decided = match decision.groups.entry(id) {
            Entry::Occupied(decided) => decided.into_mut(),
            Entry::Vacant(new) => match book.groups.get(new.key()) {
                Some(known) => new.insert(Some(known.clone())),
                // Nobody was told that it fired, so nobody needs to be told that it is over.
                None if notice.is_resolved()
                    && !was_told(book, policy, route, &new.key().1, notice.fingerprint) =>
                {
                    continue;
                }
                None if book.groups.len() >= limits::ALERT_GROUPS_MAX => {
                    decision.refused += 1;
                    continue;
                }
                None => new.insert(None),
            },
        };
        let group = decided.get_or_insert_with(|| Group {
            notices: BTreeMap::new(),
            next_flush_ms: now_ms.max(notice.starts_at_ms.saturating_add(route.group_wait_ms)),
        });
        group.notices.insert(notice.fingerprint, notice.clone());
    }
}

fn was_told(book: &Book, policy: &Policy, route: &Route, labels: &Labels, fingerprint: u64) -> bool {
    policy
        .lanes(route, labels)
        .filter_map(|lane| book.log.get(&lane))
        .any(|row| row.firing.contains(&fingerprint))
}

fn due_groups(book: &Book, decision: &Decision, now_ms: i64) -> Vec<(GroupId, Group)> {
    let unchanged = book
        .groups
        .iter()
        .filter(|(id, _)| !decision.groups.contains_key(*id));
    let changed = decision
        .groups
        .iter()
        .filter_map(|(id, group)| group.as_ref().map(|group| (id, group)));
    unchanged
        .chain(changed)
        .filter(|(_, group)| group.next_flush_ms <= now_ms)
        .map(|(id, group)| (id.clone(), group.clone()))
        .collect()
}

fn firing_alerts<'a>(book: &'a Book, decision: &'a Decision) -> Vec<Notice> {
    let mut all: BTreeMap<u64, &Notice> = book.alerts.iter().map(|(fp, notice)| (*fp, notice)).collect();
    for (fingerprint, notice) in &decision.alerts {
        match notice {
            Some(notice) => all.insert(*fingerprint, notice),
            None => all.remove(fingerprint),
        };
    }
    all.into_values()
        .filter(|notice| !notice.is_resolved())
        .cloned()
        .collect()
}

/// Looks at one group that is due; says whether it is still needed.
fn flush(
    book: &Book,
    policy: &Policy,
    id: &GroupId,
    group: &mut Group,
    firing: &[Notice],
    now_ms: i64,
    decision: &mut Decision,
) -> bool {
    let Some(route) = policy.route.find(&id.0) else {
        return false;
    };
    let muted = route.is_muted(now_ms);
    let told: Vec<&Notice> = group
        .notices
        .values()
        .filter(|notice| {
            !muted
                && !policy
                    .inhibitions
                    .iter()
                    .any(|inhibition| inhibition.inhibits(&notice.labels, firing.iter()))
        })
        .collect();
    decision.suppressed += (group.notices.len() - told.len()) as u64;
    let mut lanes = Vec::new();
    for integration in policy.integrations(&route.receiver) {
        let lane = lane(route, integration, &id.1);
        if !muted {
            tell(
                book,
                policy,
                route,
                integration,
                &id.1,
                &lane,
                &told,
                now_ms,
                decision,
            );
        }
        lanes.push(lane);
    }
    if !muted {
        group.notices.retain(|_, notice| !notice.is_resolved());
    }
    group.next_flush_ms = now_ms.saturating_add(route.group_interval_ms.max(1));
    if group.notices.is_empty() {
        decision.notified.retain(|row| !lanes.contains(&row.lane));
        decision.forgotten.extend(lanes);
        return false;
    }
    true
}

/// Decides whether one channel must hear of the group now (alertmanager/notify `DedupStage.needsUpdate`).
#[expect(
    clippy::too_many_arguments,
    reason = "one call site; a struct of references would only rename them"
)]
fn tell(
    book: &Book,
    policy: &Policy,
    route: &Route,
    integration: &Integration,
    group_labels: &Labels,
    lane: &str,
    notices: &[&Notice],
    now_ms: i64,
    decision: &mut Decision,
) {
    let of = |resolved: bool| -> Vec<u64> {
        let matching = notices.iter().filter(|notice| notice.is_resolved() == resolved);
        matching.map(|notice| notice.fingerprint).collect()
    };
    let (firing, resolved) = (of(false), of(true));
    let last = book.log.get(lane);
    if !needs_update(
        last,
        &firing,
        &resolved,
        integration.sends_resolved(),
        route.repeat_interval_ms,
        now_ms,
    ) {
        return;
    }
    decision.notified.push(NotificationLogRow {
        lane: lane.to_owned(),
        firing: firing.clone(),
        resolved: resolved.clone(),
        notified_ms: now_ms,
    });
    let sent: Vec<&Notice> = notices
        .iter()
        .copied()
        .filter(|notice| integration.sends_resolved() || !notice.is_resolved())
        .collect();
    if sent.is_empty() {
        return;
    }
    let group_key = route.group_key(group_labels);
    let envelope = Envelope {
        receiver: &route.receiver,
        group_labels,
        group_key: &group_key,
        external_url: &policy.external_url,
        alerts_max: integration.settings.number("max_alerts").unwrap_or_default() as usize,
    };
    let payload = serde_json::to_string(&compose(envelope, &sent)).unwrap_or_default();
    let key = xxh3_128(format!("{lane}\u{0}{now_ms}\u{0}{payload}").as_bytes());
    decision.messages.push(NewOutboxRow {
        idempotency_key: format!("{key:032x}"),
        receiver: route.receiver.clone(),
        channel: integration.channel(),
        lane: lane.to_owned(),
        fingerprints: sent.iter().map(|notice| notice.fingerprint).collect(),
        payload,
    });
}

fn needs_update(
    last: Option<&NotificationLogRow>,
    firing: &[u64],
    resolved: &[u64],
    sends_resolved: bool,
    repeat_interval_ms: i64,
    now_ms: i64,
) -> bool {
    let Some(last) = last else {
        return !firing.is_empty();
    };
    if firing.iter().any(|one| !last.firing.contains(one)) {
        return true;
    }
    if firing.is_empty() {
        return !last.firing.is_empty() && !resolved.is_empty();
    }
    if sends_resolved && resolved.iter().any(|one| !last.resolved.contains(one)) {
        return true;
    }
    now_ms.saturating_sub(last.notified_ms) >= repeat_interval_ms
}

/// Resolved alerts that no group waits for any more are dropped.
fn forget_told(book: &Book, decision: &mut Decision) {
    let mut waiting: BTreeSet<u64> = BTreeSet::new();
    let unchanged = book
        .groups
        .iter()
        .filter(|(id, _)| !decision.groups.contains_key(*id));
    let changed = decision
        .groups
        .iter()
        .filter_map(|(id, group)| Some((id, group.as_ref()?)));
    for (_, group) in unchanged.chain(changed) {
        waiting.extend(
            group
                .notices
                .values()
                .filter(|n| n.is_resolved())
                .map(|n| n.fingerprint),
        );
    }
    let resolved: Vec<u64> = book
        .alerts
        .values()
        .filter(|notice| !decision.alerts.contains_key(&notice.fingerprint))
        .chain(decision.alerts.values().flatten())
        .filter(|notice| notice.is_resolved() && !waiting.contains(&notice.fingerprint))
        .map(|notice| notice.fingerprint)
        .collect();
    for fingerprint in resolved {
        decision.alerts.insert(fingerprint, None);
    }
}

/// Names what one channel hears about one group, in the log and in the outbox.
fn lane(route: &Route, integration: &Integration, labels: &Labels) -> String {
    format!(
        "{}/{}:{}:{labels}",
        route.receiver,
        integration.channel(),
        route.id
    )
}

#[cfg(test)]
mod tests;
