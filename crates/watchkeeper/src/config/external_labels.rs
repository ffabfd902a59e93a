//! Variables in `global.external_labels`, in Prometheus' own form: `$NAME`, `${NAME}` and `$$` for one `$`.

use super::file::ConfigFile;

impl ConfigFile {
    /// Replaces variables in the values. One that is not set is empty, as in Prometheus, and a warning says so; a label
    /// that is empty then is none.
    pub(super) fn expand_external_labels(&mut self, lookup: impl Fn(&str) -> Option<String>) -> Vec<String> {
        let mut warnings = Vec::new();
        for (name, value) in &mut self.global.external_labels {
            let mut unset = |variable: &str| {
                warnings.push(format!(
                    "global.external_labels.{name}: the environment variable {variable} is not set and counts as empty"
                ));
                String::new()
            };
            *value = expand(value, |variable, default| {
                let set = lookup(variable).filter(|value| default.is_none() || !value.is_empty());
                set.or_else(|| default.map(str::to_owned))
                    .unwrap_or_else(|| unset(variable))
            });
        }
        self.global.external_labels.retain(|_, value| !value.is_empty());
        warnings
    }
}

/// Replaces what `value_of` knows by name and default. Source: Go's `os.Expand`, with `${NAME:-default}` added.
fn expand(text: &str, mut value_of: impl FnMut(&str, Option<&str>) -> String) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        out.push_str(before);
        if let Some(tail) = after.strip_prefix('$') {
            out.push('$');
            rest = tail;
        } else if let Some((content, tail)) = after.strip_prefix('{').and_then(|inner| inner.split_once('}'))
        {
            let (name, default) = content
                .split_once(":-")
                .map_or((content, None), |(name, text)| (name, Some(text)));
            out.push_str(&value_of(name, default));
            rest = tail;
        } else {
            let end = after
                .find(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
                .unwrap_or(after.len());
            let (name, tail) = after.split_at(end);
            if name.is_empty() {
                out.push('$');
            } else {
                out.push_str(&value_of(name, None));
            }
            rest = tail;
        }
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_replaced_as_prometheus_does() {
        let check = |text: &str, expected: &str| {
            let got = expand(text, |name, default| match name {
                "TEST" => "TestValue".to_owned(),
                _ => default.unwrap_or_default().to_owned(),
            });
            assert_eq!(got, expected, "{text}");
        };
        check("foo", "foo");
        check("${TEST}", "TestValue");
        check("foo${TEST}bar", "fooTestValuebar");
        check("$TEST-1", "TestValue-1");
        check("foo$${TEST}", "foo${TEST}");
        check("foo$$bar", "foo$bar");
        check("a${NONE}b ${NONE:-c}", "ab c");
        check("5 $ and ${", "5 $ and ${");
    }

    #[test]
    fn an_unset_variable_is_empty_and_said() {
        let mut file: ConfigFile =
            stdx::yaml::read("global: {external_labels: {a: '${NONE}', b: '${SET}'}}").unwrap();
        let warnings = file.expand_external_labels(|name| (name == "SET").then(|| "x".to_owned()));
        assert!(
            matches!(&warnings[..], [one] if one.contains("external_labels.a") && one.contains("NONE")),
            "{warnings:?}"
        );
        assert_eq!(file.global.external_labels.len(), 1);
    }
}
