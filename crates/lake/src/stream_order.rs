//! The order of streams in a segment: those of a service stand together, since they are asked together.

use std::cmp::Ordering;

use model::Labels;

/// The labels that may name a service, the best one first.
const SERVICE_LABELS: [&str; 4] = ["service_name", "service", "app", "job"];

/// A stream's labels in that order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ordered<'l>(pub(crate) &'l Labels);

impl Ordered<'_> {
    fn service(&self) -> &str {
        let named = SERVICE_LABELS.iter().find_map(|name| self.0.get(name));
        named.unwrap_or_default()
    }
}

impl Ord for Ordered<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.service()
            .cmp(other.service())
            .then_with(|| self.0.cmp(other.0))
    }
}

impl PartialOrd for Ordered<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_of_a_service_stand_together() {
        let labels = |pairs: &[(&str, &str)]| Labels::from_pairs(pairs.iter().copied());
        let all = [
            labels(&[("host", "b"), ("service", "cart")]),
            labels(&[("host", "a"), ("service", "users")]),
            labels(&[("app", "cart"), ("host", "c")]),
            labels(&[("host", "d")]),
        ];
        let mut ordered: Vec<Ordered<'_>> = all.iter().map(Ordered).collect();
        ordered.sort();
        let hosts: Vec<_> = ordered.iter().filter_map(|stream| stream.0.get("host")).collect();
        assert_eq!(hosts, ["d", "c", "b", "a"]);
    }
}
