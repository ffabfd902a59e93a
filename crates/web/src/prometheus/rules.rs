//! Rules and alerts as they stand.

use std::sync::Arc;

use alerting::{AlertView, GroupView, RuleKind, RuleView};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use model::{AlertPhase, Labels, Matcher};
use serde::{Serialize, Serializer};

use crate::app::App;
use crate::json::LabelsJson;
use crate::params::Params;
use crate::prometheus::answer::{ApiError, Success};
use crate::prometheus::selectors::selectors;
use crate::prometheus::times::{rfc3339, scientific};

/// `/api/v1/rules`, with `type`, `rule_name[]`, `rule_group[]`, `file[]`, `match[]`, `exclude_alerts`, `group_limit` and
/// `group_next_token`.
pub(crate) async fn rules(State(app): State<Arc<App>>, params: Params) -> Result<Response, ApiError> {
    let filter = Filter::read(&params)?;
    let mut groups = app.deps.alerting.groups();
    groups.sort_by(|a, b| (&a.file, &a.name).cmp(&(&b.file, &b.name)));
    let start = match &filter.page {
        Some(page) => page.start(&groups)?,
        None => 0,
    };
    let mut shown: Vec<GroupJson<'_>> = Vec::new();
    let mut next_token = None;
    for group in groups.iter().skip(start) {
        if filter.page.as_ref().is_some_and(|page| shown.len() >= page.limit) {
            next_token = Some(token_of(group));
            break;
        }
        let json = GroupJson::new(group, &filter);
        if !json.rules.is_empty() || !filter.leaves_out_rules() && filter.wants_group(group) {
            shown.push(json);
        }
    }
    Ok(Success::of(GroupsJson {
        groups: shown,
        group_next_token: next_token,
    })
    .into_response())
}

/// `/api/v1/alerts`
pub(crate) async fn alerts(State(app): State<Arc<App>>) -> Response {
    let groups = app.deps.alerting.groups();
    let alerts = groups
        .iter()
        .flat_map(|group| &group.rules)
        .flat_map(|rule| &rule.alerts);
    Success::of(AlertsJson {
        alerts: alerts
            .filter(|alert| is_active(alert))
            .map(AlertJson::new)
            .collect(),
    })
    .into_response()
}

/// `/api/v1/alertmanagers`: notifications go out from here, so that there are none.
pub(crate) async fn alertmanagers() -> Response {
    Success::of(AlertmanagersJson::default()).into_response()
}

/// What a request wants to see.
#[derive(Debug)]
struct Filter {
    kind: Option<RuleKind>,
    names: Vec<String>,
    groups: Vec<String>,
    files: Vec<String>,
    any_of: Vec<Vec<Matcher>>,
    without_alerts: bool,
    page: Option<Page>,
}

/// Which groups of a long list.
#[derive(Debug)]
struct Page {
    limit: usize,
    token: String,
}

impl Filter {
    fn read(params: &Params) -> Result<Self, ApiError> {
        let kind = match &*params.get("type").to_ascii_lowercase() {
            "" => None,
            "alert" => Some(RuleKind::Alerting),
            "record" => Some(RuleKind::Recording),
            other => {
                return Err(ApiError::bad_parameter(
                    "type",
                    format!("not supported value {other:?}"),
                ));
            }
        };
        let all = |name: &str| params.all(name).map(str::to_owned).collect();
        Ok(Self {
            kind,
            names: all("rule_name[]"),
            groups: all("rule_group[]"),
            files: all("file[]"),
            any_of: selectors(params, "match[]")?,
            without_alerts: boolean(params, "exclude_alerts")?,
            page: Page::read(params)?,
        })
    }

    fn leaves_out_rules(&self) -> bool {
        self.kind.is_some() || !self.names.is_empty() || !self.any_of.is_empty()
    }

    fn wants_group(&self, group: &GroupView) -> bool {
        (self.groups.is_empty() || self.groups.contains(&group.name))
            && (self.files.is_empty() || self.files.contains(&group.file))
    }

    fn wants_rule(&self, rule: &RuleView) -> bool {
        self.kind.is_none_or(|kind| kind == rule.kind)
            && (self.names.is_empty() || self.names.contains(&rule.name))
            && (self.any_of.is_empty()
                || self
                    .any_of
                    .iter()
                    .any(|all| all.iter().all(|matcher| matcher.matches_labels(&rule.labels))))
    }
}

impl Page {
    fn read(params: &Params) -> Result<Option<Self>, ApiError> {
        let (limit, token) = (params.get("group_limit"), params.get("group_next_token"));
        if limit.is_empty() {
            return if token.is_empty() {
                Ok(None)
            } else {
                Err(ApiError::bad_parameter(
                    "group_limit",
                    "group_limit needs to be set in order to paginate over the groups",
                ))
            };
        }
        let limit = limit.parse().ok().filter(|limit| *limit > 0).ok_or_else(|| {
            ApiError::bad_parameter("group_limit", "group_limit needs to be greater than 0")
        })?;
        Ok(Some(Self {
            limit,
            token: token.to_owned(),
        }))
    }

    fn start(&self, groups: &[GroupView]) -> Result<usize, ApiError> {
        if self.token.is_empty() {
            return Ok(0);
        }
        groups
            .iter()
            .position(|group| token_of(group) == self.token)
            .ok_or_else(|| {
                ApiError::bad_parameter("group_next_token", "invalid group_next_token: no group has it")
            })
    }
}

/// Names the group at which the next page starts.
fn token_of(group: &GroupView) -> String {
    let labels = Labels::from_pairs([("file", &*group.file), ("name", &*group.name)]);
    model::alert::format_fingerprint(model::alert::fingerprint(&labels))
}

fn boolean(params: &Params, name: &str) -> Result<bool, ApiError> {
    match params.get(name) {
        "" | "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
        other => Err(ApiError::bad_parameter(
            name,
            format!("cannot parse {other:?} to a boolean"),
        )),
    }
}

fn is_active(alert: &AlertView) -> bool {
    matches!(alert.state, AlertPhase::Pending | AlertPhase::Firing)
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct GroupsJson<'a> {
    groups: Vec<GroupJson<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    group_next_token: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct GroupJson<'a> {
    name: &'a str,
    file: &'a str,
    rules: Vec<RuleJson<'a>>,
    interval: f64,
    limit: u64,
    evaluation_time: f64,
    last_evaluation: String,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum RuleJson<'a> {
    Alerting(AlertingRule<'a>),
    Recording(RecordingRule<'a>),
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct AlertingRule<'a> {
    state: &'static str,
    name: &'a str,
    query: &'a str,
    duration: f64,
    keep_firing_for: f64,
    #[serde(serialize_with = "labels")]
    labels: &'a Labels,
    #[serde(serialize_with = "labels")]
    annotations: &'a Labels,
    alerts: Vec<AlertJson<'a>>,
    health: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_error: Option<&'a str>,
    evaluation_time: f64,
    last_evaluation: String,
    r#type: &'static str,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct RecordingRule<'a> {
    name: &'a str,
    query: &'a str,
    #[serde(serialize_with = "labels", skip_serializing_if = "has_none")]
    labels: &'a Labels,
    health: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_error: Option<&'a str>,
    evaluation_time: f64,
    last_evaluation: String,
    r#type: &'static str,
}

#[derive(Debug, Serialize)]
struct AlertsJson<'a> {
    alerts: Vec<AlertJson<'a>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct AlertJson<'a> {
    #[serde(serialize_with = "labels")]
    labels: &'a Labels,
    #[serde(serialize_with = "labels")]
    annotations: &'a Labels,
    state: &'static str,
    active_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    keep_firing_since: Option<String>,
    value: String,
}

#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct AlertmanagersJson {
    active_alertmanagers: [(); 0],
    dropped_alertmanagers: [(); 0],
}

impl<'a> GroupJson<'a> {
    fn new(group: &'a GroupView, filter: &Filter) -> Self {
        let wanted = |rule: &&RuleView| filter.wants_group(group) && filter.wants_rule(rule);
        let rules = group
            .rules
            .iter()
            .filter(wanted)
            .map(|rule| RuleJson::new(rule, filter.without_alerts));
        Self {
            name: &group.name,
            file: &group.file,
            rules: rules.collect(),
            interval: seconds(group.interval_ms),
            limit: group.limit,
            evaluation_time: group.evaluation_seconds,
            last_evaluation: rfc3339(group.last_evaluation_ms),
        }
    }
}

impl<'a> RuleJson<'a> {
    fn new(rule: &'a RuleView, without_alerts: bool) -> Self {
        match rule.kind {
            RuleKind::Recording => Self::Recording(RecordingRule {
                name: &rule.name,
                query: &rule.query,
                labels: &rule.labels,
                health: rule.health.as_str(),
                last_error: rule.last_error.as_deref(),
                evaluation_time: rule.evaluation_seconds,
                last_evaluation: rfc3339(rule.last_evaluation_ms),
                r#type: "recording",
            }),
            RuleKind::Alerting => {
                let active = rule
                    .alerts
                    .iter()
                    .filter(|alert| !without_alerts && is_active(alert));
                Self::Alerting(AlertingRule {
                    state: rule.state.as_str(),
                    name: &rule.name,
                    query: &rule.query,
                    duration: seconds(rule.for_ms),
                    keep_firing_for: seconds(rule.keep_firing_for_ms),
                    labels: &rule.labels,
                    annotations: &rule.annotations,
                    alerts: active.map(AlertJson::new).collect(),
                    health: rule.health.as_str(),
                    last_error: rule.last_error.as_deref(),
                    evaluation_time: rule.evaluation_seconds,
                    last_evaluation: rfc3339(rule.last_evaluation_ms),
                    r#type: "alerting",
                })
            }
        }
    }
}

impl<'a> AlertJson<'a> {
    fn new(alert: &'a AlertView) -> Self {
        Self {
            labels: &alert.labels,
            annotations: &alert.annotations,
            state: alert.state.as_str(),
            active_at: rfc3339(Some(alert.active_at_ms)),
            keep_firing_since: alert.keep_firing_since_ms.map(|at_ms| rfc3339(Some(at_ms))),
            value: scientific(alert.value.unwrap_or(f64::NAN)),
        }
    }
}

fn seconds(millis: i64) -> f64 {
    millis as f64 / 1000.0
}

fn labels<S: Serializer>(labels: &&Labels, serializer: S) -> Result<S::Ok, S::Error> {
    LabelsJson(labels).serialize(serializer)
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "the signature that serde asks for"
)]
fn has_none(labels: &&Labels) -> bool {
    labels.is_empty()
}
