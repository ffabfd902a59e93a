//! `scrape_config_files`: jobs in files of their own, read as if they stood in the main file.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use ingest::ScrapeConfig;
use serde::Deserialize;

use super::file::ConfigFile;
use super::patterns;
use super::problem::Problem;
use super::text::{read_text, replaced};

/// The one section of such a file.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct ScrapeConfigFile {
    scrape_configs: Option<Vec<ScrapeConfig>>,
}

impl ConfigFile {
    /// Adds the jobs of the files that `scrape_config_files` names; every fault is told with its own file.
    pub(super) fn take_in_scrape_files(&mut self, path: &Path, base: &Path) -> Vec<Problem> {
        let mut owners: HashMap<String, PathBuf> = HashMap::new();
        for config in &self.scrape_configs {
            owners.insert(config.job_name.clone(), path.to_owned());
        }
        let mut problems = Vec::new();
        let mut taken = HashSet::new();
        for pattern in &self.scrape_config_files {
            let line = Some(pattern.referenced.line());
            match patterns::files(&pattern.value, base) {
                Ok(files) => {
                    for file in files.into_iter().filter(|file| taken.insert(file.clone())) {
                        match self.jobs_of(&file, &mut owners) {
                            Ok(jobs) => self.scrape_configs.extend(jobs),
                            Err(faults) => problems.extend(faults),
                        }
                    }
                }
                Err(fault) => {
                    problems.push(Problem::at(path, line, format!("scrape_config_files: {fault}")));
                }
            }
        }
        problems
    }

    fn jobs_of(
        &self,
        file: &Path,
        owners: &mut HashMap<String, PathBuf>,
    ) -> Result<Vec<ScrapeConfig>, Vec<Problem>> {
        let text = replaced(&read_text(file)?, file)?;
        let with_place = |fault: stdx::yaml::Fault| Problem::at(file, fault.line, fault.message);
        let read: ScrapeConfigFile = stdx::yaml::read(&text)
            .map_err(|faults| faults.into_iter().map(with_place).collect::<Vec<_>>())?;
        let mut jobs = read.scrape_configs.unwrap_or_default();
        let base = file.parent().unwrap_or(Path::new("."));
        for job in &mut jobs {
            job.resolve_paths(base);
        }
        let mut messages = ingest::config::validate_jobs(&self.global, &jobs);
        for job in &jobs {
            if let Some(owner) = owners.insert(job.job_name.clone(), file.to_owned())
                && owner != file
            {
                messages.push(format!(
                    "job {:?}: job_name is used in {} too; give each job its own name",
                    job.job_name,
                    owner.display()
                ));
            }
        }
        if messages.is_empty() {
            return Ok(jobs);
        }
        Err(messages
            .into_iter()
            .map(|message| Problem::at(file, None, message))
            .collect())
    }
}
