//! What a dashboard asks: expressions of panels, annotations and variables, with the type of their data source.

use serde_json::Value;

use crate::variables::Variables;

/// A dashboard.
pub(crate) struct Dashboard<'a> {
    json: &'a Value,
    variables: Variables,
}

/// An expression and where it stands.
pub(crate) struct Found {
    pub(crate) place: String,
    pub(crate) expr: String,
    /// The type of the data source; `prometheus` where nothing is said.
    pub(crate) source: String,
}

impl<'a> Dashboard<'a> {
    /// A dashboard as it is stored, or as the HTTP API gives it.
    pub(crate) fn read(json: &'a Value) -> Self {
        let json = json.get("dashboard").unwrap_or(json);
        Self {
            variables: Variables::read(json),
            json,
        }
    }

    /// The expression as Grafana sends it.
    pub(crate) fn fill_in(&self, expr: &str) -> String {
        self.variables.fill_in(expr)
    }

    /// Everything that is asked.
    pub(crate) fn expressions(&self) -> Vec<Found> {
        let mut found = Vec::new();
        self.panels(&self.json["panels"], &mut found);
        for row in list(&self.json["rows"]) {
            self.panels(&row["panels"], &mut found);
        }
        for annotation in list(&self.json["annotations"]["list"]) {
            let name = annotation["name"].as_str().unwrap_or_default();
            for place in [annotation, &annotation["target"]] {
                if let Some(expr) = text(&place["expr"]) {
                    found.push(self.found(format!("annotation {name}"), expr, &[&annotation["datasource"]]));
                }
            }
        }
        for variable in list(&self.json["templating"]["list"]) {
            let name = variable["name"].as_str().unwrap_or_default();
            let query = text(&variable["query"]).or_else(|| text(&variable["query"]["query"]));
            if let (Some("query"), Some(expr)) =
                (variable["type"].as_str(), query.and_then(asked_by_variable))
            {
                found.push(self.found(format!("variable {name}"), expr, &[&variable["datasource"]]));
            }
        }
        found
    }

    fn panels(&self, panels: &Value, found: &mut Vec<Found>) {
        for panel in list(panels) {
            let title = panel["title"].as_str().unwrap_or_default();
            for target in list(&panel["targets"]) {
                let place = format!("{title:?} {}", target["refId"].as_str().unwrap_or_default());
                if let Some(expr) = text(&target["expr"]) {
                    found.push(self.found(place, expr, &[&target["datasource"], &panel["datasource"]]));
                }
            }
            self.panels(&panel["panels"], found);
        }
    }

    fn found(&self, place: String, expr: &str, sources: &[&Value]) -> Found {
        let source = sources.iter().find_map(|source| self.source_of(source));
        Found {
            place,
            expr: expr.to_owned(),
            source: source.unwrap_or_else(|| "prometheus".to_owned()),
        }
    }

    /// The type of a data source: as it is said, or that of the variable that picks one.
    fn source_of(&self, source: &Value) -> Option<String> {
        let uid = text(&source["uid"]).or_else(|| text(source));
        let by_variable = uid.and_then(|uid| self.variables.source_type(uid));
        by_variable.or_else(|| text(&source["type"]).map(str::to_owned))
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

fn text(value: &Value) -> Option<&str> {
    value.as_str().filter(|text| !text.trim().is_empty())
}

/// The expression in a variable's query: `query_result(EXPR)`, `label_values(SELECTOR, LABEL)`; other forms ask for names only
/// (grafana-prometheus, `metric_find_query`).
fn asked_by_variable(query: &str) -> Option<&str> {
    let inside = |function: &str| {
        let rest = query
            .trim()
            .strip_prefix(function)?
            .trim_start()
            .strip_prefix('(')?;
        rest.trim_end().strip_suffix(')')
    };
    let of_labels = || {
        let (selector, _) = inside("label_values")?.rsplit_once(',')?;
        Some(selector.trim())
    };
    inside("query_result").or_else(of_labels)
}
