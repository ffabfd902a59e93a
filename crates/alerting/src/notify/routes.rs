//! The route tree: which receivers an alert goes to, and in which group.

use model::{Labels, Matcher};

use crate::config::Config;
use crate::config::route::{RouteConfig, collect_matchers};
use crate::config::time_interval::Interval;
use crate::limits;

/// The route tree, ready to be asked. A leaf's options are complete: what it does not say, it inherited.
#[derive(Debug, Clone)]
pub struct Route {
    /// Names the route among all, by its place in the tree; part of what is remembered about a group.
    pub id: String,
    /// Names the route in group keys: the matchers on the way, as Alertmanager writes them.
    pub key: String,
    /// Who is told.
    pub receiver: String,
    /// Which labels make a group.
    pub group_by: GroupBy,
    /// How long a new group waits for more alerts, in milliseconds.
    pub group_wait_ms: i64,
    /// How long a group waits between two messages, in milliseconds.
    pub group_interval_ms: i64,
    /// When an unchanged group is told again, in milliseconds.
    pub repeat_interval_ms: i64,
    matchers: Vec<Matcher>,
    go_on: bool,
    routes: Vec<Route>,
    mute: Vec<Interval>,
    active: Vec<Interval>,
}

/// Which labels make a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GroupBy {
    /// All: every alert is its own group.
    All,
    /// These.
    Labels(Vec<String>),
}

impl Route {
    /// Builds the tree of a validated configuration. `fallback` is the receiver where no route is written.
    pub fn compile(config: &Config, fallback: &str) -> Self {
        let root = Self {
            id: "root".to_owned(),
            key: String::new(),
            receiver: fallback.to_owned(),
            group_by: GroupBy::Labels(Vec::new()),
            group_wait_ms: limits::GROUP_WAIT_MS,
            group_interval_ms: limits::GROUP_INTERVAL_MS,
            repeat_interval_ms: limits::REPEAT_INTERVAL_MS,
            matchers: Vec::new(),
            go_on: false,
            routes: Vec::new(),
            mute: Vec::new(),
            active: Vec::new(),
        };
        match &config.route {
            Some(written) => Self::inherit(written, &root, None, config),
            None => Self {
                // Without a route of the owner's: what gets worse is a group of its own and is told at once.
                group_by: GroupBy::Labels(["alertname", "instance", "severity"].map(str::to_owned).to_vec()),
                key: "{}".to_owned(),
                ..root
            },
        }
    }

    fn inherit(written: &RouteConfig, parent: &Self, place: Option<usize>, config: &Config) -> Self {
        let matchers = collect_matchers(
            "route",
            &written.match_equal,
            &written.match_re,
            &written.matchers,
            &mut Vec::new(),
        );
        let own_key = matchers_key(&matchers);
        let ms =
            |own: Option<stdx::HumanDuration>, inherited: i64| own.map_or(inherited, |d| d.as_millis_i64());
        let intervals = |names: &[String]| {
            config
                .intervals()
                .filter(|named| names.contains(&named.name))
                .flat_map(|named| &named.time_intervals)
                .filter_map(|interval| Interval::compile(interval).ok())
                .collect()
        };
        let mut route = Self {
            id: place.map_or_else(
                || "root".to_owned(),
                |place| format!("{}/{own_key}/{place}", parent.id),
            ),
            key: place.map_or_else(|| own_key.clone(), |_| format!("{}/{own_key}", parent.key)),
            receiver: written
                .receiver
                .clone()
                .filter(|name| !name.is_empty())
                .unwrap_or_else(|| parent.receiver.clone()),
            group_by: match &written.group_by {
                Some(names) if names.iter().any(|name| name == "...") => GroupBy::All,
                Some(names) => GroupBy::Labels(names.clone()),
                None => parent.group_by.clone(),
            },
            group_wait_ms: ms(written.group_wait, parent.group_wait_ms),
            group_interval_ms: ms(written.group_interval, parent.group_interval_ms),
            repeat_interval_ms: ms(written.repeat_interval, parent.repeat_interval_ms),
            matchers,
            go_on: written.go_on,
            routes: Vec::new(),
            mute: intervals(&written.mute_time_intervals),
            active: intervals(&written.active_time_intervals),
        };
        route.routes = written
            .routes
            .iter()
            .enumerate()
            .map(|(place, child)| Self::inherit(child, &route, Some(place), config))
            .collect();
        route
    }

    /// The routes an alert ends at, in order: depth first, later siblings only after `continue`.
    pub fn matching<'a>(&'a self, labels: &Labels) -> Vec<&'a Self> {
        if !self.matchers.iter().all(|matcher| matcher.matches_labels(labels)) {
            return Vec::new();
        }
        let mut found = Vec::new();
        for child in &self.routes {
            let below = child.matching(labels);
            let matched = !below.is_empty();
            found.extend(below);
            if matched && !child.go_on {
                break;
            }
        }
        if found.is_empty() {
            found.push(self);
        }
        found
    }

    /// The labels that name the group an alert belongs to here.
    pub fn group_labels(&self, labels: &Labels) -> Labels {
        match &self.group_by {
            GroupBy::All => labels.clone(),
            GroupBy::Labels(names) => labels.retain(|name| names.iter().any(|wanted| wanted == name)),
        }
    }

    /// The group's key, as Alertmanager writes it.
    pub fn group_key(&self, group_labels: &Labels) -> String {
        format!("{}:{group_labels}", self.key)
    }

    /// Whether nothing is sent at this moment.
    pub fn is_muted(&self, now_ms: i64) -> bool {
        let inside = |intervals: &[Interval]| intervals.iter().any(|interval| interval.contains(now_ms));
        inside(&self.mute) || (!self.active.is_empty() && !inside(&self.active))
    }

    /// The route with this id.
    pub fn find(&self, id: &str) -> Option<&Self> {
        if self.id == id {
            return Some(self);
        }
        self.routes.iter().find_map(|child| child.find(id))
    }
}

fn matchers_key(matchers: &[Matcher]) -> String {
    let texts: Vec<String> = matchers.iter().map(ToString::to_string).collect();
    format!("{{{}}}", texts.join(","))
}
