//! A file of pods and namespaces, as `kubectl get pods,namespaces -A -o json` prints them.

use std::io::Read;
use std::path::Path;

use serde_json::Value;

use crate::error::IngestError;
use crate::kubernetes::objects::{Namespace, Pod};
use crate::limits::PODS_FILE_BYTES_MAX;

/// What a file holds.
#[derive(Debug, Default)]
pub(super) struct Listed {
    pub(super) pods: Vec<Pod>,
    pub(super) namespaces: Vec<Namespace>,
}

/// Reads a file.
pub(super) fn read_file(path: &Path) -> Result<Listed, IngestError> {
    let cannot = |source| IngestError::ReadFile {
        path: path.to_owned(),
        source,
    };
    let bad = |reason: String| IngestError::BadFile {
        path: path.to_owned(),
        reason,
    };
    let file = std::fs::File::open(path).map_err(cannot)?;
    let mut bytes = Vec::new();
    file.take(PODS_FILE_BYTES_MAX + 1)
        .read_to_end(&mut bytes)
        .map_err(cannot)?;
    if bytes.len() as u64 > PODS_FILE_BYTES_MAX {
        return Err(bad(format!(
            "has more than {PODS_FILE_BYTES_MAX} bytes; name fewer namespaces"
        )));
    }
    read(&bytes).map_err(bad)
}

/// Reads a list, or a single object.
pub(super) fn read(bytes: &[u8]) -> Result<Listed, String> {
    let mend = "write it with `kubectl get pods -A -o json`";
    let whole: Value = serde_json::from_slice(bytes).map_err(|error| format!("{error}; {mend}"))?;
    let items = match whole {
        Value::Object(mut whole) => match whole.remove("items") {
            Some(Value::Array(items)) => items,
            Some(_) => return Err(format!("items is no list; {mend}")),
            None => vec![Value::Object(whole)],
        },
        _ => return Err(format!("is no object of JSON; {mend}")),
    };
    let mut listed = Listed::default();
    for (place, item) in items.into_iter().enumerate() {
        // A `PodList` does not tell the kind of each.
        let kind = item
            .get("kind")
            .and_then(Value::as_str)
            .unwrap_or("Pod")
            .to_owned();
        let bad = |error: serde_json::Error| format!("items[{place}]: {error}; {mend}");
        match kind.as_str() {
            "Pod" => listed.pods.push(serde_json::from_value(item).map_err(bad)?),
            "Namespace" => listed.namespaces.push(serde_json::from_value(item).map_err(bad)?),
            other => {
                return Err(format!(
                    "items[{place}] is a {other}; list pods and namespaces only"
                ));
            }
        }
    }
    Ok(listed)
}

#[cfg(test)]
mod tests {
    use crate::kubernetes::pods::parse_pods;

    #[test]
    fn what_kubectl_prints_is_read() {
        let pod = r#"{"apiVersion":"v1","kind":"Pod","metadata":{"name":"a","namespace":"b","uid":"u"},"spec":{},"status":{}}"#;
        let namespace = r#"{"kind":"Namespace","metadata":{"name":"b","labels":{"team":"blue"}}}"#;
        let list = format!(r#"{{"apiVersion":"v1","items":[{pod},{namespace}],"kind":"List"}}"#);
        assert_eq!(parse_pods(list.as_bytes()), Ok((1, 1)));
        assert_eq!(parse_pods(pod.as_bytes()), Ok((1, 0)));
        assert_eq!(
            parse_pods(br#"{"kind":"PodList","items":[{"metadata":{"name":"a"}}]}"#),
            Ok((1, 0))
        );
    }

    #[test]
    fn what_is_no_list_of_pods_is_refused_with_its_place() {
        let check = |text: &str, expected: &str| {
            let fault = parse_pods(text.as_bytes()).unwrap_err();
            assert!(fault.contains(expected), "{text}: {fault}");
        };
        check("", "kubectl get pods");
        check("[]", "no object");
        check(r#"{"items":7}"#, "items is no list");
        check(
            r#"{"items":[{"kind":"Pod"},{"kind":"Node"}]}"#,
            "items[1] is a Node",
        );
        check(r#"{"items":[{"kind":"Pod","metadata":7}]}"#, "items[0]: ");
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_panic_the_reader(text in "[\\PC\\x00-\\x1f]{0,80}", name in "\\PC{0,12}", key in "[a-z]{1,10}") {
            let _ = parse_pods(text.as_bytes());
            let object = serde_json::json!({"items": [{"metadata": {"name": name, key.as_str(): {key.as_str(): name}}}]});
            let _ = parse_pods(object.to_string().as_bytes());
        }
    }
}
