//! The `pipelines` section: which lines go through which stages.

use serde::Deserialize;

use super::fields::Selector;
use super::stages::StageConfig;
use crate::limits::{PIPELINE_STAGES_MAX, PIPELINES_MAX};

/// One entry of `pipelines`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PipelineConfig {
    /// What it is called, in counters and messages; unique.
    pub name: String,
    /// The streams whose lines go through, by the labels they come with; all where absent.
    pub selector: Option<Selector>,
    /// What is done, in this order.
    pub stages: Vec<StageConfig>,
}

impl PipelineConfig {
    /// What is wrong with the section; an empty list says that it is valid.
    pub fn validate(pipelines: &[Self]) -> Vec<String> {
        let mut faults = Vec::new();
        if pipelines.len() > PIPELINES_MAX {
            faults.push(format!(
                "pipelines has {} entries, at most {PIPELINES_MAX} are run",
                pipelines.len()
            ));
        }
        for (place, pipeline) in pipelines.iter().enumerate() {
            let name = &pipeline.name;
            let before = pipelines.get(..place).unwrap_or_default();
            if name.is_empty() || before.iter().any(|other| other.name == *name) {
                faults.push(format!(
                    "pipelines: entry {} needs a name of its own, {name:?} is not",
                    place + 1
                ));
            }
            if pipeline.stages.is_empty() || pipeline.stages.len() > PIPELINE_STAGES_MAX {
                let got = pipeline.stages.len();
                faults.push(format!(
                    "pipelines: {name} has {got} stages; give it 1 to {PIPELINE_STAGES_MAX}"
                ));
            }
            let of_stages = pipeline.stages.iter().enumerate();
            faults.extend(of_stages.filter_map(|(stage, config)| {
                let fault = config.fault()?;
                Some(format!("pipelines: {name}, stage {}: {fault}", stage + 1))
            }));
        }
        faults
    }

    /// Makes relative paths relative to `base`, the file's folder.
    pub fn resolve_paths(&mut self, base: &std::path::Path) {
        for stage in &mut self.stages {
            match stage {
                StageConfig::Geo(geo) => {
                    geo.database = base.join(&geo.database).to_string_lossy().into_owned();
                }
                StageConfig::Kubernetes(kubernetes) => kubernetes.cluster.resolve_paths(base),
                _ => {}
            }
        }
    }
}
