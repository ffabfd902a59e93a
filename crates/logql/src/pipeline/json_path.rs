//! Where a field of a JSON line is: `user.id`, `tags[0]`, `headers["X-Id"]`.

use super::json_scan::{Scan, Value};
use crate::limits;

/// The way to a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct JsonPath {
    steps: Vec<Step>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Key(String),
    Place(usize),
}

impl JsonPath {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut steps = Vec::new();
        let mut rest = text.trim();
        if rest.is_empty() {
            return Err("empty".to_owned());
        }
        let mut wants_name = true;
        while let Some(c) = rest.chars().next() {
            if steps.len() >= limits::JSON_DEPTH_MAX {
                return Err(format!("more than {} steps", limits::JSON_DEPTH_MAX));
            }
            let tail = rest.get(c.len_utf8()..).unwrap_or_default();
            if c == '[' {
                let (step, behind) = bracket(tail)?;
                steps.push(step);
                rest = behind;
                wants_name = false;
            } else if c == '.' && !wants_name {
                rest = tail;
                wants_name = true;
            } else if wants_name && (c.is_alphabetic() || c == '_') {
                let length = rest
                    .find(|c: char| !(c.is_alphanumeric() || c == '_'))
                    .unwrap_or(rest.len());
                let (name, behind) = rest.split_at(length);
                steps.push(Step::Key(name.to_owned()));
                rest = behind;
                wants_name = false;
            } else {
                return Err(format!("unexpected {c:?}"));
            }
        }
        if wants_name {
            return Err("a name is missing at the end".to_owned());
        }
        Ok(Self { steps })
    }

    /// The value at the end of the way, if it is there.
    pub(super) fn find<'t>(&self, line: &'t str) -> Option<Value<'t>> {
        let mut value = Scan::new(line).value().ok();
        // A line may break off behind what is looked for.
        if value.is_none() && line.starts_with('{') {
            value = Some(Value::Object(line));
        }
        self.steps
            .iter()
            .try_fold(value?, |value, step| match (step, value) {
                (Step::Key(key), Value::Object(object)) => member(object, key),
                (Step::Place(place), Value::Array(array)) => Scan::elements(array).nth(*place),
                _ => None,
            })
    }
}

fn member<'t>(object: &'t str, wanted: &str) -> Option<Value<'t>> {
    let mut scan = Scan::new(object);
    scan.enter_object().ok()?;
    let mut is_first = true;
    while let Some(key) = scan.next_key(is_first).ok()? {
        is_first = false;
        let value = scan.value().ok()?;
        if key == wanted {
            return Some(value);
        }
    }
    None
}

/// What stands in brackets, the opening one taken, and what stands behind them.
fn bracket(text: &str) -> Result<(Step, &str), String> {
    let text = text.trim_start();
    if let Some(quoted) = text.strip_prefix('"') {
        let (name, behind) = quoted.split_once('"').ok_or("a quote is missing")?;
        let behind = behind
            .trim_start()
            .strip_prefix(']')
            .ok_or("a bracket is missing")?;
        return Ok((Step::Key(name.to_owned()), behind));
    }
    let (inner, behind) = text.split_once(']').ok_or("a bracket is missing")?;
    let place = inner
        .trim()
        .parse()
        .map_err(|_| format!("unexpected {inner:?} in brackets"))?;
    Ok((Step::Place(place), behind))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found_on_their_way() {
        let line = r#"{"a": {"b": [1, {"c": "x"}], "d.e": true}, "n": null, "s": "t"}"#;
        for (path, expected) in [
            ("a.b[0]", Some(Value::Number("1"))),
            ("a.b[1].c", Some(Value::Text("x"))),
            (r#"["a"]["d.e"]"#, Some(Value::Bool("true"))),
            (r#"a["b"][2]"#, None),
            ("n", Some(Value::Null)),
            ("s.t", None),
            ("a.b", Some(Value::Array(r#"[1, {"c": "x"}]"#))),
        ] {
            assert_eq!(JsonPath::parse(path).unwrap().find(line), expected, "{path}");
        }
        for path in ["", "a[", "a..b", "a.", "a[x]", "1a", r#"["a"#] {
            assert!(JsonPath::parse(path).is_err(), "{path}");
        }
    }
}
