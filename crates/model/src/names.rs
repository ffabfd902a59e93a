//! Which texts may name labels and metrics, under Prometheus' two schemes: UTF-8 and legacy.

/// Any text but the empty one, as Prometheus 3 and Alertmanager allow by default.
pub fn is_label_name(name: &str) -> bool {
    !name.is_empty()
}

/// Letters, digits and underscores, no digit first: what every version of Prometheus allows for labels.
pub fn is_legacy_label_name(name: &str) -> bool {
    is_legacy(name, |byte| byte == b'_')
}

/// The same with colons: what every version of Prometheus allows for metrics.
pub fn is_legacy_metric_name(name: &str) -> bool {
    is_legacy(name, |byte| byte == b'_' || byte == b':')
}

fn is_legacy(name: &str, sign: impl Fn(u8) -> bool) -> bool {
    let starts = |byte: u8| byte.is_ascii_alphabetic() || sign(byte);
    let mut bytes = name.bytes();
    bytes.next().is_some_and(starts) && bytes.all(|byte| starts(byte) || byte.is_ascii_digit())
}

/// The text as a legacy label name: every character that may not stand in one becomes an underscore (Prometheus'
/// `strutil.SanitizeLabelName`). A digit in front stays, because such names follow a prefix.
pub fn sanitize_label_name(name: &str) -> String {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '_';
    name.chars().map(|c| if fits(c) { c } else { '_' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_judged_by_their_scheme() {
        let check = |name: &str, any: bool, label: bool, metric: bool| {
            let got = (
                is_label_name(name),
                is_legacy_label_name(name),
                is_legacy_metric_name(name),
            );
            assert_eq!(got, (any, label, metric), "{name:?}");
        };
        check("", false, false, false);
        check("job", true, true, true);
        check("_9", true, true, true);
        check("9a", true, false, false);
        check("job:up:sum", true, false, true);
        check(":", true, false, true);
        check("service.name", true, false, false);
        check("größe", true, false, false);
    }

    #[test]
    fn foreign_characters_become_underscores() {
        assert_eq!(
            sanitize_label_name("app.kubernetes.io/name"),
            "app_kubernetes_io_name"
        );
        assert_eq!(sanitize_label_name("größe-1"), "gr__e_1");
    }
}
