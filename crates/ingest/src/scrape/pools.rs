//! Which targets there are: jobs and their targets as configured now, and the change from one set to the next.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tracing::warn;

use super::discovery::file::{self, FileGroups};
use super::discovery::{self, Findings, Group, News, Search};
use super::entry::{Entry, Pool};
use super::status::{DroppedTarget, TargetStatus, Targets, global_url};
use super::target::{Discovered, TargetSpec, discover, meta_label};
use crate::client::{HttpClient, Setup};
use crate::config::{GlobalConfig, Job, ScrapeConfig};
use crate::error::IngestError;
use crate::series_cache::SeriesCache;
use crate::telemetry::Telemetry;

/// How often files of targets are looked at; more often than Prometheus' `refresh_interval` asks, in place of
/// being told by the system.
pub(super) const FILES_LOOK_EVERY: Duration = Duration::from_secs(5);

/// All jobs by name.
#[derive(Debug, Default)]
pub(super) struct Pools {
    jobs: BTreeMap<String, JobPool>,
    /// Targets that were removed and whose series are not ended yet; they are taken over if they come back.
    leaving: Vec<Arc<Entry>>,
    news: News,
}

#[derive(Debug)]
struct JobPool {
    pool: Arc<Pool>,
    entries: HashMap<u64, Arc<Entry>>,
    dropped: Vec<DroppedTarget>,
    dropped_count: usize,
    faults: Vec<String>,
    file_groups: FileGroups,
    searches: Searches,
}

/// What looks for the targets of one job, by kind.
type Searches = BTreeMap<&'static str, Vec<Arc<Search>>>;

impl Pools {
    pub(super) fn new(news: News) -> Self {
        Self {
            news,
            ..Self::default()
        }
    }

    pub(super) fn apply(
        &mut self,
        global: &GlobalConfig,
        configs: Vec<ScrapeConfig>,
        telemetry: &Telemetry,
    ) -> Result<(), IngestError> {
        let jobs = configs.into_iter().map(|config| Job::resolve(global, config));
        // All clients are built before anything changes, so that a missing certificate changes nothing.
        let pools = jobs
            .map(|job| Ok((self.searches_for(&job.config)?, self.pool_for(job)?)))
            .collect::<Result<Vec<_>, IngestError>>()?;
        let mut before = std::mem::take(&mut self.jobs);
        for (searches, pool) in pools {
            let name = pool.job.config.job_name.clone();
            let old = before.remove(&name);
            let (old_entries, file_groups) = match old {
                Some(old) => {
                    end_others(&old.searches, &searches);
                    (old.entries, old.file_groups)
                }
                None => Default::default(),
            };
            let mut new = JobPool {
                pool,
                entries: HashMap::new(),
                dropped: Vec::new(),
                dropped_count: 0,
                faults: Vec::new(),
                file_groups,
                searches,
            };
            new.read_files(telemetry);
            new.fill(old_entries, &mut self.leaving);
            self.jobs.insert(name, new);
        }
        for gone in before.into_values() {
            end_others(&gone.searches, &Searches::new());
            for entry in gone.entries.into_values() {
                retire(entry, &mut self.leaving);
            }
        }
        self.count_active(telemetry);
        Ok(())
    }

    /// The pool that runs by the same job already, or a new one.
    fn pool_for(&self, job: Job) -> Result<Arc<Pool>, IngestError> {
        if let Some(known) = self.jobs.get(&job.config.job_name)
            && known.pool.job == job
        {
            return Ok(Arc::clone(&known.pool));
        }
        let setup = Setup {
            owner: format!("job {:?}", job.config.job_name),
            gzip: job.config.enable_compression.unwrap_or(true),
            idle: job.interval.0.saturating_mul(2),
            unix_socket: None,
        };
        Ok(Arc::new(Pool {
            client: HttpClient::new(&job.config.http, &setup)?,
            job,
            target_count: AtomicUsize::new(0),
        }))
    }

    /// The searches that look in the same places already, and new ones for places that nobody looks at.
    fn searches_for(&self, config: &ScrapeConfig) -> Result<Searches, IngestError> {
        let known = self.jobs.get(&config.job_name);
        let mut searches = Searches::new();
        for kind in discovery::all() {
            let same = known.filter(|known| (kind.same)(&known.pool.job.config, config));
            let same = same.and_then(|known| known.searches.get(kind.name));
            let of_kind = match same {
                Some(same) => same.clone(),
                None => (kind.sources)(config)?
                    .into_iter()
                    .map(|source| {
                        let findings = Findings::new(&config.job_name, kind.name, self.news.clone());
                        Search::new(source, findings)
                    })
                    .collect(),
            };
            searches.insert(kind.name, of_kind);
        }
        Ok(searches)
    }

    /// Reads files of targets again, and takes in what changed.
    pub(super) fn look_at_files(&mut self, telemetry: &Telemetry) {
        self.leaving.retain(|entry| Arc::strong_count(entry) > 1);
        for job in self.jobs.values_mut() {
            if job.read_files(telemetry) {
                job.fill_again(&mut self.leaving);
            }
        }
        self.count_active(telemetry);
    }

    /// Takes in what searches have found since this was last asked.
    pub(super) fn take_in_findings(&mut self, telemetry: &Telemetry) {
        for job in self.jobs.values_mut() {
            // All are asked, so that none is taken in twice.
            let changed = job.all_searches().filter(|search| search.findings.take_changed());
            if changed.count() > 0 {
                job.fill_again(&mut self.leaving);
            }
        }
        self.count_active(telemetry);
    }

    fn count_active(&self, telemetry: &Telemetry) {
        let active: usize = self.jobs.values().map(|job| job.entries.len()).sum();
        telemetry
            .targets_active
            .set(i64::try_from(active).unwrap_or(i64::MAX));
        let faulty: usize = self.jobs.values().map(|job| job.faults.len()).sum();
        telemetry
            .targets_faulty
            .set(i64::try_from(faulty).unwrap_or(i64::MAX));
    }

    /// Targets that have no loop yet.
    pub(super) fn unstarted(&self) -> Vec<Arc<Entry>> {
        let entries = self.jobs.values().flat_map(|job| job.entries.values());
        entries
            .filter(|entry| !entry.started.load(Ordering::SeqCst))
            .cloned()
            .collect()
    }

    /// Searches that have no task yet.
    pub(super) fn unstarted_searches(&self) -> Vec<Arc<Search>> {
        let searches = self.jobs.values().flat_map(JobPool::all_searches);
        searches.filter(|search| !search.is_started()).cloned().collect()
    }

    /// Forgets which targets and searches have tasks: none has.
    pub(super) fn all_unstarted(&self) {
        for search in self.jobs.values().flat_map(JobPool::all_searches) {
            search.started.store(false, Ordering::SeqCst);
        }
        for entry in self.jobs.values().flat_map(|job| job.entries.values()) {
            entry.started.store(false, Ordering::SeqCst);
        }
    }

    pub(super) fn targets(&self) -> Targets {
        let mut targets = Targets::default();
        for (name, job) in &self.jobs {
            let mut active: Vec<TargetStatus> =
                job.entries.values().map(|entry| status_of(name, entry)).collect();
            active.sort_by(|one, other| {
                (&one.scrape_url, &one.labels).cmp(&(&other.scrape_url, &other.labels))
            });
            targets.active.append(&mut active);
            targets.dropped.extend(job.dropped.iter().cloned());
            targets.dropped_counts.insert(name.clone(), job.dropped_count);
            let searches = job.all_searches().map(|search| search.findings.status());
            targets.discovery.extend(searches);
        }
        targets
    }
}

impl JobPool {
    fn all_searches(&self) -> impl Iterator<Item = &Arc<Search>> {
        self.searches.values().flatten()
    }

    /// Makes the targets anew out of what is known of them now.
    fn fill_again(&mut self, leaving: &mut Vec<Arc<Entry>>) {
        let old = std::mem::take(&mut self.entries);
        self.fill(old, leaving);
    }

    /// Reads the job's files of targets; tells whether anything changed.
    fn read_files(&mut self, telemetry: &Telemetry) -> bool {
        let configs = &self.pool.job.config.file_sd_configs;
        if configs.is_empty() {
            let had_some = !self.file_groups.is_empty();
            self.file_groups.clear();
            return had_some;
        }
        let (groups, faults) = file::read(configs, &self.file_groups);
        telemetry.target_files_failed.inc_by(faults.len() as u64);
        for error in faults {
            let job = &self.pool.job.config.job_name;
            warn!(job, %error, "a file of targets cannot be used, its targets stay as they were");
        }
        let changed = groups != self.file_groups;
        self.file_groups = groups;
        changed
    }

    /// Makes the targets as the configuration and the files say now, out of the old ones where they are the same.
    fn fill(&mut self, mut old: HashMap<u64, Arc<Entry>>, leaving: &mut Vec<Arc<Entry>>) {
        let mut new = Vec::new();
        for spec in self.discover() {
            let hash = spec.hash();
            let unchanged = old
                .get(&hash)
                .is_some_and(|entry| entry.spec == spec && Arc::ptr_eq(&entry.pool, &self.pool));
            if unchanged {
                self.entries.extend(old.remove_entry(&hash));
            } else if !self.entries.contains_key(&hash) {
                new.push((hash, spec));
            }
        }
        for entry in old.into_values() {
            retire(entry, leaving);
        }
        for (hash, spec) in new {
            let memory = take_over(&spec, &self.pool, leaving);
            let entry = Entry::new(Arc::clone(&self.pool), spec, memory);
            self.entries.entry(hash).or_insert_with(|| Arc::new(entry));
        }
        self.pool
            .target_count
            .store(self.entries.len(), Ordering::Relaxed);
    }

    fn discover(&mut self) -> Vec<TargetSpec> {
        let job = &self.pool.job;
        let filepath = meta_label("filepath");
        let mut discovered: Vec<Discovered> = Vec::new();
        for group in &job.config.static_configs {
            discovered.extend(discover(job, &Group::of(group, &[])));
        }
        for (path, groups) in &self.file_groups {
            let path = path.to_string_lossy();
            for group in groups {
                discovered.extend(discover(job, &Group::of(group, &[(&filepath, &path)])));
            }
        }
        for search in self.searches.values().flatten() {
            for group in search.findings.groups() {
                discovered.extend(discover(job, &group));
            }
        }
        let mut specs = Vec::new();
        let mut faults = Vec::new();
        self.dropped.clear();
        self.dropped_count = 0;
        for one in discovered {
            match one {
                Discovered::Target(spec) => specs.push(*spec),
                Discovered::Dropped(discovered_labels) => {
                    self.dropped_count += 1;
                    if self.dropped.len() < job.dropped_listed_max {
                        self.dropped.push(DroppedTarget {
                            discovered_labels,
                            scrape_pool: job.config.job_name.clone(),
                        });
                    }
                }
                Discovered::Faulty(fault) => faults.push(fault),
            }
        }
        if faults != self.faults {
            for fault in &faults {
                warn!(job = job.config.job_name, fault, "a target cannot be scraped");
            }
            self.faults = faults;
        }
        specs
    }
}

/// Ends the searches that nobody asks for any more.
fn end_others(old: &Searches, new: &Searches) {
    for search in old.values().flatten() {
        let goes_on = new.values().flatten().any(|kept| Arc::ptr_eq(kept, search));
        if !goes_on {
            search.stop.cancel();
        }
    }
}

fn retire(entry: Arc<Entry>, leaving: &mut Vec<Arc<Entry>>) {
    entry.stop.cancel();
    leaving.push(entry);
}

/// The memory of a target that left and carries the same labels, so that its series go on, or a new one.
fn take_over(spec: &TargetSpec, pool: &Pool, leaving: &mut Vec<Arc<Entry>>) -> Arc<Mutex<SeriesCache>> {
    let same = |entry: &Arc<Entry>| {
        entry.spec.labels == spec.labels && entry.pool.job.config.job_name == pool.job.config.job_name
    };
    let Some(place) = leaving.iter().position(same) else {
        return Arc::default();
    };
    let old = leaving.swap_remove(place);
    old.taken_over.store(true, Ordering::SeqCst);
    let memory = Arc::clone(&old.memory);
    memory.lock().forget_meanings();
    memory
}

fn status_of(pool_name: &str, entry: &Entry) -> TargetStatus {
    let status = entry.status.lock().clone();
    let spec = &entry.spec;
    TargetStatus {
        job: spec.labels.get("job").unwrap_or_default().to_owned(),
        scrape_pool: pool_name.to_owned(),
        scrape_url: spec.url.to_string(),
        global_url: global_url(&spec.url),
        discovered_labels: spec.discovered_labels.clone(),
        labels: spec.labels.clone(),
        health: status.health,
        last_error: status.last_error,
        last_scrape_ms: status.last_scrape_ms,
        last_duration: status.last_duration,
        series_refused: status.series_refused,
        interval: spec.interval,
        timeout: spec.timeout,
    }
}
