//! Reads a rule file in Prometheus' form and names every fault in it at once.

use std::collections::{HashMap, HashSet};

use model::names::{is_label_name, is_legacy_label_name, is_legacy_metric_name};
use model::{Labels, labels::METRIC_NAME};
use stdx::HumanDuration;
use xxhash_rust::xxh3::xxh3_128;

use crate::limits;
use crate::rules::{Action, AlertRule, Rule, RuleError, RuleFile, RuleGroup};
use crate::template::Template;
use crate::yaml::{self, Node, NodeValue};

/// Which names labels, annotations and metrics may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum NameScheme {
    /// Any text, as Prometheus since 3.0.
    #[default]
    Utf8,
    /// Letters, digits and underscores (metrics: colons too), as Prometheus 2.
    Legacy,
}

const GROUP_KEYS: &[&str] = &["name", "interval", "limit", "query_offset", "labels", "rules"];
const RULE_KEYS: &[&str] = &[
    "record",
    "alert",
    "expr",
    "for",
    "keep_firing_for",
    "labels",
    "annotations",
];

/// Reads the text of a rule file; `path` is only used to name it.
pub fn parse_rule_file(path: &str, text: &str, names: NameScheme) -> Result<RuleFile, Vec<RuleError>> {
    let mut reader = Reader {
        path,
        names,
        errors: Vec::new(),
        handed_labels_left: limits::HANDED_LABELS_MAX,
        handed_bytes_left: limits::HANDED_LABEL_BYTES_MAX,
    };
    let groups = match yaml::parse(text) {
        Ok(Some(root)) => reader.file(&root),
        Ok(None) => Vec::new(),
        Err(error) => {
            reader.fault_at(error.line, "file", error.message, "correct the YAML");
            Vec::new()
        }
    };
    if reader.errors.is_empty() {
        Ok(RuleFile {
            path: path.to_owned(),
            groups,
        })
    } else {
        Err(reader.errors)
    }
}

struct Reader<'a> {
    path: &'a str,
    names: NameScheme,
    errors: Vec<RuleError>,
    handed_labels_left: usize,
    handed_bytes_left: usize,
}

/// An entry of a mapping of texts, and where it stands.
#[derive(Clone)]
struct Entry {
    name: String,
    text: String,
    line: usize,
}

impl Reader<'_> {
    fn file(&mut self, root: &Node) -> Vec<RuleGroup> {
        let fields = self.fields(root, "", &["groups"]);
        let Some(list) = find(&fields, "groups").filter(|node| !node.is_null()) else {
            return Vec::new();
        };
        let mut groups: Vec<RuleGroup> = Vec::new();
        let mut names = HashSet::new();
        for (index, node) in self.items(list, "groups").into_iter().enumerate() {
            if self.is_full() {
                break;
            }
            let place = format!("groups[{index}]");
            let group = self.group(node, &place);
            if !names.insert(group.name.clone()) {
                let message = format!("groupname: {:?} is repeated in the same file", group.name);
                self.fault(
                    node,
                    &format!("{place}.name"),
                    message,
                    "give every group its own name",
                );
            }
            groups.push(group);
        }
        groups
    }

    fn group(&mut self, node: &Node, place: &str) -> RuleGroup {
        let fields = self.fields(node, place, GROUP_KEYS);
        let name = find(&fields, "name")
            .and_then(Node::text)
            .unwrap_or_default()
            .to_owned();
        if name.is_empty() {
            let message = "Groupname must not be empty".to_owned();
            self.fault(node, &format!("{place}.name"), message, "add a name");
        }
        if name.len() > limits::GROUP_NAME_BYTES_MAX {
            let (bytes, most) = (name.len(), limits::GROUP_NAME_BYTES_MAX);
            let message = format!("Groupname has {bytes} bytes, the limit is {most}");
            self.fault(node, &format!("{place}.name"), message, "write a shorter name");
        }
        let interval_ms = self.duration(&fields, place, "interval").filter(|ms| *ms > 0);
        let query_offset_ms = self.duration(&fields, place, "query_offset");
        let limit = self.limit(&fields, place);
        let group_labels = self.label_map(&fields, place, "labels");
        let mut rules = match find(&fields, "rules").filter(|list| !list.is_null()) {
            Some(list) => self.rules(list, node, place, &group_labels),
            None => Vec::new(),
        };
        self.name_rules(&name, &mut rules);
        let digest = xxh3_128(format!("{:?}{node_text}", self.path, node_text = canonical(node)).as_bytes());
        RuleGroup {
            file: self.path.to_owned(),
            name,
            interval_ms,
            limit,
            query_offset_ms,
            rules,
            digest,
        }
    }

    fn rules(&mut self, list: &Node, group: &Node, place: &str, group_labels: &[Entry]) -> Vec<Rule> {
        let nodes = self.items(list, &format!("{place}.rules"));
        let bytes: usize = group_labels
            .iter()
            .map(|label| label.name.len() + label.text.len())
            .sum();
        let left = (
            self.handed_labels_left
                .checked_sub(group_labels.len() * nodes.len()),
            self.handed_bytes_left.checked_sub(bytes * nodes.len()),
        );
        let (Some(labels_left), Some(bytes_left)) = left else {
            let message = format!(
                "the labels of groups, counted for each of their rules, are more than {} or have more than {} bytes",
                limits::HANDED_LABELS_MAX,
                limits::HANDED_LABEL_BYTES_MAX
            );
            let mend = "give the group fewer labels, or split the file";
            self.fault(group, &format!("{place}.labels"), message, mend);
            return Vec::new();
        };
        (self.handed_labels_left, self.handed_bytes_left) = (labels_left, bytes_left);
        let mut rules = Vec::new();
        for (index, node) in nodes.into_iter().enumerate() {
            if self.is_full() {
                break;
            }
            let place = format!("{place}.rules[{index}]");
            rules.extend(self.rule(node, &place, group_labels));
        }
        rules
    }

    /// Gives every rule a key that outlives edits of its expression and of other rules.
    fn name_rules(&self, group: &str, rules: &mut [Rule]) {
        let mut named: HashMap<String, usize> = HashMap::new();
        for rule in rules {
            let before = named.entry(rule.name().to_owned()).or_default();
            rule.key = format!("{};{group};{};{before}", self.path, rule.name());
            *before += 1;
        }
    }

    fn rule(&mut self, node: &Node, place: &str, group_labels: &[Entry]) -> Option<Rule> {
        let before = self.errors.len();
        let fields = self.fields(node, place, RULE_KEYS);
        let text_of = |key: &str| {
            find(&fields, key)
                .and_then(Node::text)
                .unwrap_or_default()
                .to_owned()
        };
        let (record, alert) = (text_of("record"), text_of("alert"));
        match (record.is_empty(), alert.is_empty()) {
            (false, false) => {
                let message = "only one of 'record' and 'alert' must be set".to_owned();
                self.fault(node, place, message, "remove one of them");
            }
            (true, true) => {
                let message = "one of 'record' or 'alert' must be set".to_owned();
                self.fault(node, place, message, "add record: or alert:");
            }
            _ => {}
        }
        let expr = self.expr(&fields, node, place);
        let own_labels = self.label_map(&fields, place, "labels");
        let labels = joined(group_labels, own_labels);
        let action = if alert.is_empty() {
            self.record_action(&fields, node, place, record)
        } else {
            self.alert_action(&fields, place, alert, &labels)
        };
        if self.errors.len() > before {
            return None;
        }
        Some(Rule {
            key: String::new(),
            action,
            text: text_of("expr").trim().to_owned(),
            expr: expr?,
            labels: pairs_of(labels),
            line: node.line,
        })
    }

    fn expr(&mut self, fields: &[(&Node, &Node)], rule: &Node, place: &str) -> Option<promql::Expr> {
        let place = format!("{place}.expr");
        let Some((node, text)) = find(fields, "expr").and_then(|node| Some((node, node.text()?))) else {
            let message = "field 'expr' must be set in rule".to_owned();
            self.fault(rule, &place, message, "add expr: with a PromQL expression");
            return None;
        };
        if text.trim().is_empty() {
            let message = "field 'expr' must be set in rule".to_owned();
            self.fault(node, &place, message, "write a PromQL expression");
            return None;
        }
        match promql::parse(text) {
            Ok(expr) => Some(expr),
            Err(error) => {
                let message = format!("could not parse expression: {error}");
                self.fault(
                    node,
                    &place,
                    message,
                    "correct the PromQL at that line and column of the expression",
                );
                None
            }
        }
    }

    fn record_action(
        &mut self,
        fields: &[(&Node, &Node)],
        rule: &Node,
        place: &str,
        metric: String,
    ) -> Action {
        for key in ["annotations", "for", "keep_firing_for"] {
            if let Some(node) = find(fields, key).filter(|node| !node.is_null()) {
                let message = format!("invalid field '{key}' in recording rule");
                self.fault(
                    node,
                    &format!("{place}.{key}"),
                    message,
                    "remove it, or use alert: instead of record:",
                );
            }
        }
        let valid = match self.names {
            NameScheme::Utf8 => !metric.contains(['{', '}']),
            NameScheme::Legacy => is_legacy_metric_name(&metric),
        };
        if !valid {
            let message = format!("invalid recording rule name: {metric}");
            self.fault(
                rule,
                &format!("{place}.record"),
                message,
                "write only the metric's name; put labels under labels:",
            );
        }
        Action::Record { metric }
    }

    fn alert_action(
        &mut self,
        fields: &[(&Node, &Node)],
        place: &str,
        name: String,
        labels: &[Entry],
    ) -> Action {
        let annotations = self.annotation_map(fields, place);
        let label_templates = self.templates(&format!("{place}.labels"), labels);
        let annotation_templates = self.templates(&format!("{place}.annotations"), &annotations);
        Action::Alert(Box::new(AlertRule {
            name,
            for_ms: self.duration(fields, place, "for").unwrap_or_default(),
            keep_firing_for_ms: self
                .duration(fields, place, "keep_firing_for")
                .unwrap_or_default(),
            annotations: pairs_of(annotations),
            label_templates,
            annotation_templates,
        }))
    }

    fn templates(&mut self, place: &str, texts: &[Entry]) -> Vec<(String, Template)> {
        let mut templates = Vec::with_capacity(texts.len());
        for Entry { name, text, line } in texts {
            match Template::parse(text) {
                Ok(template) => templates.push((name.clone(), template)),
                Err(error) => {
                    let message = format!("bad template: {error}");
                    self.fault_at(
                        *line,
                        &format!("{place}.{name}"),
                        message,
                        "correct the text between {{ and }}",
                    );
                }
            }
        }
        templates
    }

    fn duration(&mut self, fields: &[(&Node, &Node)], place: &str, key: &str) -> Option<i64> {
        let node = find(fields, key).filter(|node| !node.is_null())?;
        match HumanDuration::parse(node.text().unwrap_or_default()) {
            Ok(duration) => Some(duration.as_millis_i64()),
            Err(error) => {
                self.fault(
                    node,
                    &format!("{place}.{key}"),
                    error.to_string(),
                    "write for example 30s or 5m",
                );
                None
            }
        }
    }

    fn limit(&mut self, fields: &[(&Node, &Node)], place: &str) -> usize {
        let Some(node) = find(fields, "limit").filter(|node| !node.is_null()) else {
            return 0;
        };
        match node.text().unwrap_or_default().parse() {
            Ok(limit) => limit,
            Err(_) => {
                let message = "the limit is not a whole number".to_owned();
                self.fault(
                    node,
                    &format!("{place}.limit"),
                    message,
                    "write for example 100, or 0 for none",
                );
                0
            }
        }
    }

    fn label_map(&mut self, fields: &[(&Node, &Node)], place: &str, key: &str) -> Vec<Entry> {
        let entries = self.text_map(fields, place, key);
        for Entry { name, line, .. } in &entries {
            if !self.is_name(name) || name == METRIC_NAME {
                let message = format!("invalid label name: {name}");
                self.fault_at(
                    *line,
                    &format!("{place}.{key}.{name}"),
                    message,
                    "choose another name",
                );
            }
        }
        entries
    }

    fn annotation_map(&mut self, fields: &[(&Node, &Node)], place: &str) -> Vec<Entry> {
        let entries = self.text_map(fields, place, "annotations");
        for Entry { name, line, .. } in &entries {
            if !self.is_name(name) {
                let message = format!("invalid annotation name: {name}");
                self.fault_at(
                    *line,
                    &format!("{place}.annotations.{name}"),
                    message,
                    "use letters, digits and _",
                );
            }
        }
        entries
    }

    /// Whether a label or an annotation may have that name.
    fn is_name(&self, name: &str) -> bool {
        match self.names {
            NameScheme::Utf8 => is_label_name(name),
            NameScheme::Legacy => is_legacy_label_name(name),
        }
    }

    fn text_map(&mut self, fields: &[(&Node, &Node)], place: &str, key: &str) -> Vec<Entry> {
        let Some(node) = find(fields, key).filter(|node| !node.is_null()) else {
            return Vec::new();
        };
        let NodeValue::Mapping(pairs) = &node.value else {
            let message = format!("expected a mapping, found {}", node.shape());
            self.fault(
                node,
                &format!("{place}.{key}"),
                message,
                "write name: value lines under it",
            );
            return Vec::new();
        };
        let mut entries = Vec::with_capacity(pairs.len());
        for (name, value) in pairs {
            let line = name.line;
            let name = name.text().unwrap_or_default().to_owned();
            match &value.value {
                NodeValue::Scalar { .. } => {
                    let text = value.text().unwrap_or_default().to_owned();
                    entries.push(Entry { name, text, line });
                }
                _ => {
                    let message = format!("expected a text, found {}", value.shape());
                    self.fault(value, &format!("{place}.{key}.{name}"), message, "write a text");
                }
            }
        }
        entries
    }

    /// The entries of a mapping; unknown keys become faults that name the nearest known one.
    fn fields<'n>(&mut self, node: &'n Node, place: &str, known: &[&str]) -> Vec<(&'n Node, &'n Node)> {
        let NodeValue::Mapping(pairs) = &node.value else {
            let message = format!("expected a mapping, found {}", node.shape());
            let place = if place.is_empty() { "file" } else { place };
            self.fault(
                node,
                place,
                message,
                &format!("write the keys {}", known.join(", ")),
            );
            return Vec::new();
        };
        for (key, _) in pairs {
            if self.is_full() {
                break;
            }
            let name = key.text().unwrap_or_default();
            if !known.contains(&name) {
                let dot = if place.is_empty() { "" } else { "." };
                let mend = crate::config::nearest(name, known);
                self.fault(
                    key,
                    &format!("{place}{dot}{name}"),
                    format!("unknown key {name:?}"),
                    &mend,
                );
            }
        }
        pairs.iter().map(|(key, value)| (key, value)).collect()
    }

    fn items<'n>(&mut self, node: &'n Node, place: &str) -> Vec<&'n Node> {
        if let NodeValue::Sequence(items) = &node.value {
            return items.iter().collect();
        }
        let message = format!("expected a list, found {}", node.shape());
        self.fault(
            node,
            place,
            message,
            "write its entries as lines that start with a dash",
        );
        Vec::new()
    }

    fn fault(&mut self, node: &Node, key: &str, message: String, mend: &str) {
        self.fault_at(node.line, key, message, mend);
    }

    fn fault_at(&mut self, line: usize, key: &str, message: String, mend: &str) {
        if self.is_full() {
            return;
        }
        self.errors.push(RuleError {
            file: self.path.to_owned(),
            line,
            key: key.to_owned(),
            message,
            mend: mend.to_owned(),
        });
    }

    /// Whether no further fault is told, and so nothing more needs to be read.
    fn is_full(&self) -> bool {
        self.errors.len() >= limits::RULE_FAULTS_TOLD_MAX
    }
}

/// The labels of a group with those of one of its rules, which take their places.
fn joined(group: &[Entry], own: Vec<Entry>) -> Vec<Entry> {
    let names: HashSet<&str> = own.iter().map(|label| label.name.as_str()).collect();
    let yielding = group.iter().filter(|label| !names.contains(label.name.as_str()));
    let mut labels: Vec<Entry> = yielding.cloned().collect();
    labels.extend(own);
    labels
}

fn pairs_of(entries: Vec<Entry>) -> Labels {
    Labels::from_pairs(entries.into_iter().map(|entry| (entry.name, entry.text)))
}

fn find<'n>(fields: &[(&'n Node, &'n Node)], key: &str) -> Option<&'n Node> {
    fields
        .iter()
        .find(|(name, _)| name.text() == Some(key))
        .map(|(_, value)| *value)
}

/// The node's content without its place, so that moving a group within its file changes nothing.
fn canonical(node: &Node) -> String {
    match &node.value {
        NodeValue::Scalar { text, plain } => format!("{}{text:?}", u8::from(*plain)),
        NodeValue::Sequence(items) => {
            let items: Vec<String> = items.iter().map(canonical).collect();
            format!("[{}]", items.join(","))
        }
        NodeValue::Mapping(pairs) => {
            let pairs: Vec<String> = pairs
                .iter()
                .map(|(key, value)| format!("{}:{}", canonical(key), canonical(value)))
                .collect();
            format!("{{{}}}", pairs.join(","))
        }
    }
}

#[cfg(test)]
mod tests;
