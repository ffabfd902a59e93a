//! The process' own OpenMetrics exposition in Prometheus' text format 0.0.4, for those who do not read OpenMetrics.
//!
//! The input is what `prometheus-client` writes, never a foreign text. The formats differ in the names of counters'
//! families (0.0.4 names the sample), in kinds that 0.0.4 does not know, in units, exemplars and the end marker.

/// The two forms of `/metrics`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// OpenMetrics 1.0.
    OpenMetrics,
    /// Prometheus' text format 0.0.4.
    Text,
}

impl Format {
    /// What an `Accept` header prefers (RFC 9110 section 12.5.1); OpenMetrics only where it is named.
    pub(crate) fn negotiate(accept: &str) -> Self {
        let weight_of = |wanted: &str| {
            accept
                .split(',')
                .filter_map(|entry| {
                    let mut parts = entry.split(';').map(str::trim);
                    let kind = parts.next()?;
                    let weight = parts
                        .find_map(|part| part.strip_prefix("q="))
                        .map_or(Some(1.0), |q| q.parse().ok());
                    kind.eq_ignore_ascii_case(wanted).then_some(weight.unwrap_or(0.0))
                })
                .fold(0.0, f64::max)
        };
        let open_metrics = weight_of("application/openmetrics-text");
        if open_metrics > 0.0 && open_metrics >= weight_of("text/plain") {
            Self::OpenMetrics
        } else {
            Self::Text
        }
    }

    /// The `Content-Type` of the answer.
    pub(crate) fn content_type(self) -> &'static str {
        match self {
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Text => "text/plain; version=0.0.4; charset=utf-8",
        }
    }
}

/// Rewrites an OpenMetrics exposition of `prometheus-client`.
pub(crate) fn to_text_format(open_metrics: &str) -> String {
    let mut out = String::with_capacity(open_metrics.len());
    let mut lines = open_metrics.lines().peekable();
    while let Some(line) = lines.next() {
        if let Some(help) = line.strip_prefix("# HELP ") {
            // The kind stands on the next line, and the name depends on it.
            let kind = lines
                .peek()
                .and_then(|next| next.strip_prefix("# TYPE "))
                .and_then(|rest| rest.split(' ').nth(1));
            let (name, text) = help.split_once(' ').unwrap_or((help, ""));
            push_line(
                &mut out,
                &["# HELP ", &name_of(name, kind.unwrap_or_default()), " ", text],
            );
        } else if let Some((name, kind)) = line.strip_prefix("# TYPE ").and_then(|rest| rest.split_once(' '))
        {
            push_line(&mut out, &["# TYPE ", &name_of(name, kind), " ", kind_of(kind)]);
        } else if !line.starts_with("# ") {
            push_line(&mut out, &[without_exemplar(line)]);
        }
    }
    out
}

fn push_line(out: &mut String, parts: &[&str]) {
    out.extend(parts.iter().copied());
    out.push('\n');
}

fn name_of(family: &str, kind: &str) -> String {
    match kind {
        "counter" => format!("{family}_total"),
        "info" => format!("{family}_info"),
        _ => family.to_owned(),
    }
}

fn kind_of(kind: &str) -> &str {
    match kind {
        "counter" | "gauge" | "histogram" | "summary" => kind,
        "info" | "stateset" => "gauge",
        _ => "untyped",
    }
}

/// Cuts ` # {…} 1.0` off a sample; a `#` within a quoted label value stays.
fn without_exemplar(line: &str) -> &str {
    let mut quoted = false;
    let mut escaped = false;
    for (place, byte) in line.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'#' if !quoted => return line.get(..place).unwrap_or(line).trim_end(),
            _ => {}
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn open_metrics_only_where_it_is_preferred() {
        let check = |accept: &str, format: Format| assert_eq!(Format::negotiate(accept), format, "{accept}");
        check("", Format::Text);
        check("*/*", Format::Text);
        check("text/html,*/*;q=0.8", Format::Text);
        check(
            "application/openmetrics-text;version=1.0.0;q=0.6,text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
            Format::OpenMetrics,
        );
        check(
            "application/openmetrics-text;q=0.3,text/plain;q=0.6",
            Format::Text,
        );
        check("application/openmetrics-text;q=0", Format::Text);
        check("Application/OpenMetrics-Text; version=1.0.0", Format::OpenMetrics);
    }

    #[test]
    fn families_are_named_and_typed_as_the_older_format_does() {
        let input = "# HELP a_requests Requests.\n# TYPE a_requests counter\n\
                     a_requests_total{path=\"/#\\\"x\"} 1 # {trace=\"1\"} 1.0\n\
                     # HELP a_size_bytes Size.\n# TYPE a_size_bytes gauge\n# UNIT a_size_bytes bytes\na_size_bytes 3\n\
                     # HELP a_build About.\n# TYPE a_build info\na_build_info{version=\"1\"} 1\n\
                     # HELP a_odd What.\n# TYPE a_odd unknown\na_odd 1\n# EOF\n";
        assert_eq!(
            to_text_format(input),
            "# HELP a_requests_total Requests.\n# TYPE a_requests_total counter\n\
             a_requests_total{path=\"/#\\\"x\"} 1\n\
             # HELP a_size_bytes Size.\n# TYPE a_size_bytes gauge\na_size_bytes 3\n\
             # HELP a_build_info About.\n# TYPE a_build_info gauge\na_build_info{version=\"1\"} 1\n\
             # HELP a_odd What.\n# TYPE a_odd untyped\na_odd 1\n"
        );
    }
}
