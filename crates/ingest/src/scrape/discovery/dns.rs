//! `dns_sd_configs`: records of names, asked of the servers that the machine asks (`/etc/resolv.conf`).

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;

use hickory_resolver::config::{ResolveHosts, ResolverConfig, ResolverOpts};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::{Name, RData, RecordType};
use hickory_resolver::{TokioResolver, system_conf};

use super::{ADDRESS, Findings, Group, LabelSet, Source, Sources, host_port, refresh};
use crate::config::{DnsDiscovery, DnsRecord, ScrapeConfig};
use crate::error::IngestError;

const NAME: &str = "__meta_dns_name";
const SRV_TARGET: &str = "__meta_dns_srv_record_target";
const SRV_PORT: &str = "__meta_dns_srv_record_port";
const MX_TARGET: &str = "__meta_dns_mx_record_target";
const NS_TARGET: &str = "__meta_dns_ns_record_target";

/// Which servers are asked, read anew for every round, so that a change of the machine's is seen.
type Servers = fn() -> Result<(ResolverConfig, ResolverOpts), NetError>;

#[derive(Debug)]
struct DnsSource {
    config: DnsDiscovery,
    servers: Servers,
}

#[expect(clippy::unnecessary_wraps, reason = "the other kinds of the table can fail")]
pub(super) fn sources(job: &ScrapeConfig) -> Sources {
    let source = |config: &DnsDiscovery| {
        Arc::new(DnsSource {
            config: config.clone(),
            servers: system_conf::read_system_conf,
        }) as Arc<dyn Source>
    };
    Ok(job.dns_sd_configs.iter().map(source).collect())
}

impl Source for DnsSource {
    fn look(self: Arc<Self>, findings: Arc<Findings>) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(async move {
            // A name that cannot be asked for keeps what it had, whatever becomes of the others.
            refresh::every(self.config.refresh_interval.0, &findings, || self.ask(&findings)).await;
        })
    }
}

impl DnsSource {
    async fn ask(&self, findings: &Findings) -> Result<BTreeMap<String, Group>, IngestError> {
        let (config, mut options) = (self.servers)()
            .map_err(|error| IngestError::Discovery(format!("cannot read /etc/resolv.conf: {error}")))?;
        // Every round asks: what is kept for a while would hide what changed.
        options.cache_size = 0;
        options.use_hosts_file = ResolveHosts::Never;
        let resolver = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default())
            .with_options(options)
            .build()
            .map_err(|error| IngestError::Discovery(format!("cannot set up the resolver: {error}")))?;
        let mut groups: BTreeMap<String, Group> = BTreeMap::new();
        let mut fault = None;
        for name in &self.config.names {
            match self.ask_for(&resolver, name).await {
                Ok(group) => {
                    groups.insert(name.clone(), group);
                }
                Err(error) => fault = Some(error),
            }
        }
        let Some(fault) = fault else { return Ok(groups) };
        for (name, group) in groups {
            findings.set(&name, Some(group));
        }
        Err(fault)
    }

    /// A name that does not exist, and one without such records, has no targets; a server that does not answer leaves it
    /// open.
    async fn ask_for(&self, resolver: &TokioResolver, name: &str) -> Result<Group, IngestError> {
        let records = match resolver.lookup(name, self.record_type()).await {
            Ok(records) => records,
            Err(NetError::Dns(DnsError::NoRecordsFound(none)))
                if matches!(none.response_code, ResponseCode::NXDomain | ResponseCode::NoError) =>
            {
                return Ok(Group::default());
            }
            Err(error) => {
                return Err(IngestError::Discovery(format!("{name}: {error}")));
            }
        };
        let targets = records.answers().iter();
        let targets = targets.filter_map(|record| self.target(&record.data)).collect();
        Ok(Group {
            targets,
            labels: LabelSet::from([(NAME.to_owned(), name.to_owned())]),
        })
    }

    fn record_type(&self) -> RecordType {
        match self.config.record {
            DnsRecord::Srv => RecordType::SRV,
            DnsRecord::A => RecordType::A,
            DnsRecord::Aaaa => RecordType::AAAA,
            DnsRecord::Mx => RecordType::MX,
            DnsRecord::Ns => RecordType::NS,
        }
    }

    /// The target that a record names; an alias on the way names none.
    fn target(&self, data: &RData) -> Option<LabelSet> {
        let port = self.config.port.unwrap_or_default();
        let without_dot = |name: &Name| name.to_ascii().trim_end_matches('.').to_owned();
        let mut labels = LabelSet::new();
        let mut set = |name: &str, value: String| labels.insert(name.to_owned(), value);
        match (self.config.record, data) {
            (DnsRecord::Srv, RData::SRV(record)) => {
                set(ADDRESS, host_port(&without_dot(&record.target), record.port));
                set(SRV_TARGET, record.target.to_ascii());
                set(SRV_PORT, record.port.to_string());
            }
            (DnsRecord::A, RData::A(record)) => {
                set(ADDRESS, host_port(&record.0.to_string(), port));
            }
            (DnsRecord::Aaaa, RData::AAAA(record)) => {
                set(ADDRESS, host_port(&record.0.to_string(), port));
            }
            (DnsRecord::Mx, RData::MX(record)) => {
                set(ADDRESS, host_port(&without_dot(&record.exchange), port));
                set(MX_TARGET, record.exchange.to_ascii());
            }
            (DnsRecord::Ns, RData::NS(record)) => {
                set(ADDRESS, host_port(&without_dot(&record.0), port));
                set(NS_TARGET, record.0.to_ascii());
            }
            _ => return None,
        }
        Some(labels)
    }
}

#[cfg(test)]
mod tests;
