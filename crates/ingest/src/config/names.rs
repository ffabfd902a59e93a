//! Which texts may name labels and metrics.

/// Any text but the empty one, as Prometheus 3 allows by default.
pub fn is_label_name(name: &str) -> bool {
    !name.is_empty()
}

/// Letters, digits and underscores, no digit first: what every version of Prometheus allows for labels.
pub fn is_legacy_label_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes
        .next()
        .is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_')
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// The same with colons: what every version of Prometheus allows for metrics.
pub fn is_legacy_metric_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes
        .next()
        .is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_' || byte == b':')
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b':')
}
