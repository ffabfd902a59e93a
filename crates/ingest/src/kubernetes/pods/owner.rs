//! What a pod belongs to, by OpenTelemetry's names (semantic conventions, "Kubernetes attributes").

use crate::kubernetes::objects::Meta;

/// The label by which a Deployment tells its `ReplicaSets` apart, each of which is named by it.
const TEMPLATE_HASH: &str = "pod-template-hash";

/// Digits of the time in the name of a Job that a `CronJob` made: minutes, in older clusters seconds, since the Unix epoch.
const CRON_TIME_DIGITS: std::ops::RangeInclusive<usize> = 8..=10;

/// What a pod belongs to; what people deal with first: the Deployment before its `ReplicaSet`.
pub(super) fn names(pod: &Meta) -> Vec<(&'static str, String)> {
    let owners = || pod.owner_references.iter().flatten();
    let Some(owner) = owners().find(|owner| owner.controller) else {
        return Vec::new();
    };
    let name = owner.name.clone();
    match owner.kind.as_str() {
        "ReplicaSet" => {
            let deployment = deployment_of(&name, pod).map(|of| ("k8s_deployment_name", of));
            let set = Some(("k8s_replicaset_name", name));
            deployment.into_iter().chain(set).collect()
        }
        "Job" => {
            let cron = cron_job_of(&name).map(|of| ("k8s_cronjob_name", of));
            let job = Some(("k8s_job_name", name));
            cron.into_iter().chain(job).collect()
        }
        "StatefulSet" => vec![("k8s_statefulset_name", name)],
        "DaemonSet" => vec![("k8s_daemonset_name", name)],
        "ReplicationController" => vec![("k8s_replicationcontroller_name", name)],
        // A pod that the kubelet was given by a file belongs to nothing.
        "Node" => Vec::new(),
        kind => vec![("k8s_owner_name", name), ("k8s_owner_kind", kind.to_owned())],
    }
}

/// `web` of `web-5d9c7b`, where the pods have the label `pod-template-hash: 5d9c7b`. A `ReplicaSet` without one is nobody's.
fn deployment_of(set: &str, pod: &Meta) -> Option<String> {
    let hash = pod.labels.as_ref()?.get(TEMPLATE_HASH)?;
    let name = set.strip_suffix(hash.as_str())?.strip_suffix('-')?;
    (!hash.is_empty() && !name.is_empty()).then(|| name.to_owned())
}

/// `backup` of `backup-29430720`.
fn cron_job_of(job: &str) -> Option<String> {
    let (name, time) = job.rsplit_once('-')?;
    let is_time = CRON_TIME_DIGITS.contains(&time.len()) && time.bytes().all(|byte| byte.is_ascii_digit());
    (is_time && !name.is_empty()).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn owners_have_the_names_of_opentelemetry() {
        let check = |kind: &str, name: &str, hash: &str, expected: &str| {
            let meta: Meta = serde_json::from_value(serde_json::json!({
                "labels": {"pod-template-hash": hash},
                "ownerReferences": [{"kind": "Other", "name": "x"}, {"kind": kind, "name": name, "controller": true}]}))
            .unwrap();
            let told: Vec<String> = names(&meta)
                .iter()
                .map(|(name, value)| format!("{name}={value}"))
                .collect();
            assert_eq!(told.join(" "), expected, "{kind} {name}");
        };
        check(
            "ReplicaSet",
            "web-5d9",
            "5d9",
            "k8s_deployment_name=web k8s_replicaset_name=web-5d9",
        );
        check("ReplicaSet", "web-5d9", "", "k8s_replicaset_name=web-5d9");
        check("ReplicaSet", "web-5d9", "other", "k8s_replicaset_name=web-5d9");
        check("ReplicaSet", "-5d9", "5d9", "k8s_replicaset_name=-5d9");
        check(
            "Job",
            "backup-29430720",
            "",
            "k8s_cronjob_name=backup k8s_job_name=backup-29430720",
        );
        check("Job", "import-7", "", "k8s_job_name=import-7");
        check("StatefulSet", "db", "", "k8s_statefulset_name=db");
        check("DaemonSet", "agent", "", "k8s_daemonset_name=agent");
        check("Node", "n1", "", "");
        check("Workflow", "w", "", "k8s_owner_name=w k8s_owner_kind=Workflow");
        assert_eq!(names(&Meta::default()), []);
    }
}
