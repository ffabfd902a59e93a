//! From what the owner writes to what can be put in force: everything that may be refused is refused here.

use std::sync::Arc;

use model::Labels;
use stdx::HumanDuration;

use crate::builtin;
use crate::channels::{self, Channel};
use crate::config::Config;
use crate::engine::Alerting;
use crate::error::Error;
use crate::limits;
use crate::notify::plan::Policy;
use crate::rules::{RuleFile, RuleGroup};

/// What the owner wants, read from the configuration.
#[derive(Debug, Default)]
pub struct Setup {
    /// The `alerting` section, validated.
    pub config: Config,
    /// The rules.
    pub rule_files: Vec<RuleFile>,
    /// The interval of groups that name none.
    pub evaluation_interval: Option<HumanDuration>,
    /// How far in the past groups that name no offset are evaluated.
    pub rule_query_offset: HumanDuration,
    /// Labels that notifications carry beyond the alert's own, and `$externalLabels` of templates.
    pub external_labels: Labels,
    /// Whether this machine's vitals are taken, so that their absence is an alert.
    pub expects_vitals: bool,
}

/// A setup that can be put in force: its channels are built.
#[derive(Debug)]
pub struct Prepared {
    pub(super) groups: Vec<RuleGroup>,
    pub(super) interval_ms: i64,
    pub(super) subquery_step_ms: i64,
    pub(super) policy: Policy,
    pub(super) channels: Vec<Arc<Outgoing>>,
    pub(super) external_labels: Labels,
}

/// A channel in force.
#[derive(Debug)]
pub(super) struct Outgoing {
    pub(super) receiver: String,
    pub(super) name: String,
    pub(super) channel: Box<dyn Channel>,
}

impl Alerting {
    /// Builds what a setup needs, channels with their certificates included; nothing changes yet. Reads files, so async
    /// callers go through a blocking task.
    ///
    /// # Errors
    /// [`Error::Config`] with every channel that cannot be built.
    pub fn prepare(&self, setup: Setup) -> Result<Prepared, Error> {
        let Setup {
            config,
            rule_files,
            evaluation_interval,
            rule_query_offset,
            external_labels,
            expects_vitals,
        } = setup;
        let mut groups: Vec<RuleGroup> = rule_files.into_iter().flat_map(|file| file.groups).collect();
        let mut inhibitions = Vec::new();
        if config.builtin_rules {
            groups.extend(builtin::groups_for(&groups, expects_vitals));
            inhibitions = builtin::inhibitions();
        }
        for group in &mut groups {
            group
                .query_offset_ms
                .get_or_insert(rule_query_offset.as_millis_i64());
        }
        let policy = Policy::compile(&config, inhibitions, &self.external_url);
        let mut channels = Vec::new();
        channels::make_all(
            &policy.receivers,
            config.global.as_ref(),
            |receiver, integration, channel| {
                channels.push(Arc::new(Outgoing {
                    receiver: receiver.to_owned(),
                    name: integration.channel(),
                    channel,
                }));
            },
        )
        .map_err(Error::Config)?;
        let interval_ms = evaluation_interval
            .map(HumanDuration::as_millis_i64)
            .filter(|ms| *ms > 0);
        Ok(Prepared {
            groups,
            interval_ms: interval_ms.unwrap_or(limits::EVALUATION_INTERVAL_MS),
            subquery_step_ms: interval_ms.unwrap_or(promql::limits::SUBQUERY_STEP_MS),
            policy,
            channels,
            external_labels,
        })
    }

    /// Takes what was prepared; it is in force as soon as [`Alerting::run`] has taken over the alerts that are known.
    /// Groups whose text did not change go on undisturbed; rules that stay keep their alerts.
    pub fn apply(&self, prepared: Prepared) {
        *self.wanted.lock() = Some(Arc::new(prepared));
        self.generation
            .send_modify(|generation| *generation = generation.wrapping_add(1));
    }
}
