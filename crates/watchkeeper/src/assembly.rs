//! The one screen where every room is built and joined, and the order in which they start and stop.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use model::{Labels, SeriesRead, SeriesWrite};
use parking_lot::Mutex;
use prometheus_client::registry::Registry;
use stdx::clock::SharedClock;
use stdx::outlet::Outlet;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::cli::{DATA_DIR_DEFAULT, ServeArgs};
use crate::config::{self, Loaded};
use crate::config_or_default;
use crate::control::{Control, ControlParts, Reloadable, Replayed};
use crate::housekeeping;
use crate::signals::{self, Signal};
use crate::statement::door::SqlDoor;
use crate::store_watch::StoreWatch;
use crate::supervisor::Supervisor;

/// Threads for work that blocks: store calls, queries, files. More work than this waits.
pub(crate) const BLOCKING_THREADS_MAX: usize = 64;

/// News that a reader may fall behind by.
const OUTLET_CAPACITY: usize = 256;

/// How long tasks may take to end after they were told to.
const STOP_PATIENCE: Duration = Duration::from_secs(15);

/// The stores.
struct Engines {
    db: tsdb::Db,
    logs: lake::Lake,
    /// The way into the store; whatever goes it is sent to other stores too, where the configuration names any.
    writer: Arc<dyn SeriesWrite>,
    /// What keeps some of the disk free.
    watch: Arc<StoreWatch>,
    forwarder: Arc<ingest::Forwarder>,
    state: state::State,
    replayed: Replayed,
}

/// The rooms that work by themselves.
struct Services {
    host: Option<Arc<collect::Host>>,
    push: Arc<ingest::Push>,
    logs: web::LogStores,
    pipeline_telemetry: ingest::PipelineTelemetry,
    pods: ingest::PodDirectories,
    statsd: Option<Arc<ingest::Statsd>>,
    syslog: Option<Arc<ingest::Syslog>>,
    gatherer: Option<Arc<collect::Gatherer>>,
    scraper: Arc<ingest::Scraper>,
    alerting: Arc<alerting::Alerting>,
}

/// News on its way sideways.
struct Outlets {
    ticks: Outlet<collect::Tick>,
    targets: Outlet<ingest::TargetNews>,
    nudges: Outlet<alerting::Nudge>,
    alerts: Outlet<alerting::AlertNews>,
    config: Outlet<web::ConfigView>,
}

/// Builds everything, runs until a signal says stop, and puts everything away.
pub(crate) async fn serve(args: &ServeArgs, clock: SharedClock) -> anyhow::Result<()> {
    let started_at_ms = clock.now_ms();
    let config_path = config_or_default(args.config.as_deref());
    let loaded = load(config_path.as_deref(), args.listen)?;
    let data_dir = data_dir(args);
    let mut signals = signals::listen()?;
    let listener = web::bind(&loaded.file.server)?;
    let (address, watches_itself) = (listener.address(), loaded.file.collect.self_);

    let mut registry = Registry::default();
    let engines = open_engines(&data_dir, &loaded, &clock, &mut registry).await?;
    let outlets = Outlets::new();
    let mut services = build_services(&loaded, &engines, &outlets, &clock, address, &mut registry)?;
    services.push.load_elections(&elections_path(&data_dir))?;
    services.statsd = listen_to_statsd(&loaded, &services.push, &clock, &mut registry).await?;
    services.syslog = listen_to_syslog(&loaded, &services.logs.intake, &clock, &mut registry).await?;
    services.gatherer = gather_logs(&loaded, &services.logs.intake, &data_dir, &clock, &mut registry);
    let web_telemetry = web::Telemetry::default();
    web_telemetry.register(&mut registry);
    let mut tasks = Supervisor::default();
    tasks.register(&mut registry);

    let about = about(&services, &loaded, &data_dir, started_at_ms);
    let sql = answer_sql(&loaded.file.server, &engines, &data_dir, &clock);
    let flags = flags(args, config_path.as_deref(), &data_dir, address);
    let mut parts = control_parts((flags, &data_dir), &engines, &services, &outlets, &clock);
    parts.standing_warnings.extend_from_slice(listener.warnings());
    let control = Box::pin(Control::new(loaded, parts)).await?;
    let registry = Arc::new(Mutex::new(registry));

    let stop = CancellationToken::new();
    start_services(&mut tasks, &services, &outlets, &stop);
    start_forwarding(&mut tasks, &engines, &stop);
    housekeeping::keep_elections(&mut tasks, &services.push, elections_path(&data_dir), &stop);
    housekeeping::maintain_series(&mut tasks, &engines.db, &clock, &stop);
    housekeeping::maintain_logs(&mut tasks, &engines.logs, &clock, &stop);
    if watches_itself {
        let writer = engines.watch.for_own(Arc::clone(&engines.writer));
        housekeeping::keep_own_metrics(&mut tasks, writer, &registry, &clock, own_labels(address), &stop);
    }
    let deps = web::Deps {
        about,
        reader: Arc::new(engines.db.clone()),
        clock: Arc::clone(&clock),
        push: Arc::clone(&services.push),
        logs: Some(services.logs.clone()),
        sql: Some(sql),
        scraper: Arc::clone(&services.scraper),
        host: services.host.clone(),
        alerting: Arc::clone(&services.alerting),
        registry,
        telemetry: web_telemetry,
        ticks: outlets.ticks.clone(),
        alert_news: outlets.alerts.clone(),
        target_news: outlets.targets.clone(),
        config_news: outlets.config.clone(),
        control: Arc::clone(&control) as Arc<dyn web::Control>,
    };
    let web_stop = CancellationToken::new();
    let serving = tokio::spawn(web::serve(listener, deps, web_stop.clone()));
    control.set_ready();
    announce(address, &data_dir)?;

    wait_for_stop(&mut signals, &control).await;
    stop.cancel();
    end_tasks(tasks).await;
    web_stop.cancel();
    serving.await.context("the HTTP server panicked")??;
    put_away(engines, &services, &data_dir).await
}

/// Keeps what the next start needs.
async fn put_away(engines: Engines, services: &Services, data_dir: &Path) -> anyhow::Result<()> {
    services
        .push
        .save_elections(&disk::LocalStorage, &elections_path(data_dir))?;
    close(engines).await?;
    info!("stopped");
    Ok(())
}

/// The folder that everything is kept in.
fn data_dir(args: &ServeArgs) -> PathBuf {
    let named = args.data_dir.clone();
    named.unwrap_or_else(|| PathBuf::from(DATA_DIR_DEFAULT))
}

/// Where it is kept which replica is heard of servers that send the same.
fn elections_path(data_dir: &Path) -> PathBuf {
    data_dir.join("ha-elections.json")
}

/// The checked configuration; the command line has the last word on where to listen.
fn load(path: Option<&Path>, listen: Option<SocketAddr>) -> anyhow::Result<Loaded> {
    let mut loaded = config::load(path).map_err(|faults| anyhow::anyhow!(config::join(&faults)))?;
    if let Some(listen) = listen {
        loaded.file.server.listen = listen;
    }
    Ok(loaded)
}

/// Opens the stores below `data_dir`; what is damaged there is said, and what can be read is kept.
async fn open_engines(
    data_dir: &Path,
    loaded: &Loaded,
    clock: &SharedClock,
    registry: &mut Registry,
) -> anyhow::Result<Engines> {
    let place = || {
        format!(
            "cannot use the data folder {}; name another one with --data-dir",
            data_dir.display()
        )
    };
    std::fs::create_dir_all(data_dir).with_context(place)?;
    let config = loaded.file.storage.series(data_dir.join("series"));
    let now_ms = clock.now_ms();
    let (db, report) = tokio::task::spawn_blocking(move || tsdb::Db::open(config, now_ms))
        .await?
        .with_context(place)?;
    for damage in &report.damage {
        warn!(damage, "damage in the data folder");
    }
    info!(
        records = report.records,
        samples = report.samples,
        series = report.series,
        "log read"
    );
    db.telemetry().register(registry);
    let state = state::State::open(data_dir.join("state.db"), Arc::clone(clock))
        .await
        .with_context(place)?;
    let catalog = lake::Catalog::new(state.clone(), tokio::runtime::Handle::current());
    let logs = open_logs(loaded, data_dir, catalog, now_ms, registry)
        .await
        .with_context(place)?;
    let free_bytes_min = loaded.file.storage.free_space_min.map(|size| size.0);
    let watch = StoreWatch::new(data_dir.to_owned(), free_bytes_min, Arc::clone(clock));
    watch.register(registry);
    let queue = loaded
        .file
        .storage
        .remote_write_queue(data_dir.join("remote-write"));
    let forwarder = open_queue(queue, clock, registry).await.with_context(place)?;
    let replayed = Replayed {
        records: report.records,
        damaged: report.damage.len() as u64,
    };
    Ok(Engines {
        writer: forwarder.tee(Arc::new(db.clone())),
        watch,
        forwarder,
        db,
        logs,
        state,
        replayed,
    })
}

/// Opens the store of log lines.
async fn open_logs(
    loaded: &Loaded,
    data_dir: &Path,
    catalog: lake::Catalog,
    now_ms: i64,
    registry: &mut Registry,
) -> anyhow::Result<lake::Lake> {
    let telemetry = lake::Telemetry::default();
    telemetry.register(registry);
    let storage = &loaded.file.storage;
    let config = storage.logs(data_dir.join("logs"));
    let parts = lake::Parts {
        objects: storage.objects()?,
        read_filter: Some(logql::line_filter),
        ..lake::Parts::new(catalog, telemetry)
    };
    let open = move || lake::Lake::open(config, parts, now_ms);
    let (logs, report) = tokio::task::spawn_blocking(open).await??;
    for damage in &report.damage {
        warn!(damage, "damage in the data folder");
    }
    info!(
        records = report.records,
        lines = report.lines,
        segments = report.segments,
        "log of lines read"
    );
    Ok(logs)
}

/// Opens the queue of remote write.
async fn open_queue(
    config: ingest::forward::Config,
    clock: &SharedClock,
    registry: &mut Registry,
) -> anyhow::Result<Arc<ingest::Forwarder>> {
    let telemetry = ingest::ForwardTelemetry::default();
    telemetry.register(registry);
    let clock = Arc::clone(clock);
    let storage = disk::LocalStorage::shared();
    let open = move || ingest::Forwarder::open(&config, storage, clock, telemetry);
    Ok(tokio::task::spawn_blocking(open).await??)
}

fn build_services(
    loaded: &Loaded,
    engines: &Engines,
    outlets: &Outlets,
    clock: &SharedClock,
    address: SocketAddr,
    registry: &mut Registry,
) -> anyhow::Result<Services> {
    let own = engines.watch.for_own(Arc::clone(&engines.writer));
    let others = engines.watch.for_others(Arc::clone(&engines.writer));
    let reader: Arc<dyn SeriesRead> = Arc::new(engines.db.clone());
    let host = loaded.file.collect.host.then(|| {
        let telemetry = collect::Telemetry::default();
        telemetry.register(registry);
        let deps = collect::HostDeps {
            writer: Arc::clone(&own),
            clock: Arc::clone(clock),
            ticks: outlets.ticks.clone(),
            telemetry,
        };
        collect::Host::new(loaded.file.collect.clone(), collect::Roots::default(), deps)
    });
    let telemetry = ingest::PushTelemetry::default();
    telemetry.register(registry);
    let push = Arc::new(ingest::Push::new(Arc::clone(&others), telemetry));
    let logs = log_stores(engines, registry);
    let (pipeline_telemetry, pods) = pipeline_parts(registry);
    let telemetry = ingest::Telemetry::default();
    telemetry.register(registry);
    let scraper = ingest::Scraper::new(ingest::ScraperDeps {
        writer: others,
        clock: Arc::clone(clock),
        news: outlets.targets.clone(),
        telemetry,
    });
    let telemetry = alerting::Telemetry::default();
    telemetry.register(registry);
    let external_url = loaded
        .file
        .server
        .external_url
        .as_ref()
        .map_or_else(|| format!("http://{address}"), ToString::to_string);
    let alerting = alerting::Alerting::new(alerting::Deps {
        reader,
        writer: own,
        state: engines.state.clone(),
        clock: Arc::clone(clock),
        nudges: outlets.nudges.clone(),
        news: outlets.alerts.clone(),
        external_url,
        telemetry,
    });
    Ok(Services {
        host: host.transpose()?,
        push,
        logs,
        pipeline_telemetry,
        pods,
        statsd: None,
        syslog: None,
        gatherer: None,
        scraper,
        alerting,
    })
}

/// What pipelines count, and what they know of pods.
fn pipeline_parts(registry: &mut Registry) -> (ingest::PipelineTelemetry, ingest::PodDirectories) {
    let telemetry = ingest::PipelineTelemetry::default();
    telemetry.register(registry);
    let of_pods = ingest::PodsTelemetry::default();
    of_pods.register(registry);
    (telemetry, ingest::PodDirectories::new(of_pods))
}

/// Where log lines go and are read.
fn log_stores(engines: &Engines, registry: &mut Registry) -> web::LogStores {
    let telemetry = ingest::LogsTelemetry::default();
    telemetry.register(registry);
    let writer = engines.watch.for_lines(Arc::new(engines.logs.clone()));
    web::LogStores {
        reader: Arc::new(engines.logs.clone()),
        intake: Arc::new(ingest::Logs::new(writer, telemetry)),
        deletions: Some(Arc::new(engines.logs.clone())),
    }
}

/// Answers statements; nothing is started before the first one.
fn answer_sql(
    config: &web::Config,
    engines: &Engines,
    data_dir: &Path,
    clock: &SharedClock,
) -> Arc<dyn web::Sql> {
    let (lines, series) = (engines.logs.clone(), engines.db.clone());
    let spill_dir = data_dir.join("sql-spill");
    Arc::new(SqlDoor::new(
        Arc::new(lines),
        Arc::new(series),
        config,
        spill_dir,
        Arc::clone(clock),
    ))
}

/// Opens the sockets of statsd, where the configuration names any.
async fn listen_to_statsd(
    loaded: &Loaded,
    push: &Arc<ingest::Push>,
    clock: &SharedClock,
    registry: &mut Registry,
) -> anyhow::Result<Option<Arc<ingest::Statsd>>> {
    let config = loaded.file.statsd.clone();
    if !config.is_on() {
        return Ok(None);
    }
    let telemetry = ingest::StatsdTelemetry::default();
    telemetry.register(registry);
    let statsd = ingest::Statsd::bind(config, Arc::clone(push), Arc::clone(clock), telemetry).await?;
    info!(udp = ?statsd.udp_address(), tcp = ?statsd.tcp_address(), "listening to statsd");
    Ok(Some(statsd))
}

/// Opens the sockets of syslog, where the configuration names any.
async fn listen_to_syslog(
    loaded: &Loaded,
    logs: &Arc<ingest::Logs>,
    clock: &SharedClock,
    registry: &mut Registry,
) -> anyhow::Result<Option<Arc<ingest::Syslog>>> {
    let config = loaded.file.syslog.clone();
    if !config.is_on() {
        return Ok(None);
    }
    let telemetry = ingest::SyslogTelemetry::default();
    telemetry.register(registry);
    let syslog = ingest::Syslog::bind(config, Arc::clone(logs), Arc::clone(clock), telemetry).await?;
    info!(udp = ?syslog.udp_address(), tcp = ?syslog.tcp_address(), tls = ?syslog.tls_address(), "listening to syslog");
    Ok(Some(syslog))
}

/// What follows the logs of this machine, where the configuration names any.
fn gather_logs(
    loaded: &Loaded,
    logs: &Arc<ingest::Logs>,
    data_dir: &Path,
    clock: &SharedClock,
    registry: &mut Registry,
) -> Option<Arc<collect::Gatherer>> {
    let config = loaded.file.gathered_logs();
    if !config.is_on() {
        return None;
    }
    let telemetry = collect::LogsTelemetry::default();
    telemetry.register(registry);
    let deps = collect::GathererDeps {
        files: logs.door("files"),
        journal: logs.door("journald"),
        folder: data_dir.join("gathered"),
        clock: Arc::clone(clock),
        telemetry,
    };
    Some(collect::Gatherer::new(config, deps))
}

/// Follows files and the journal.
fn start_gathering(tasks: &mut Supervisor, gatherer: &Arc<collect::Gatherer>, stop: &CancellationToken) {
    let (files, token) = (Arc::clone(gatherer), stop.clone());
    tasks.watch("log files", stop.clone(), move || {
        let (gatherer, token) = (Arc::clone(&files), token.clone());
        async move {
            if let Err(error) = gatherer.follow_files(token).await {
                let error: &dyn std::error::Error = &error;
                warn!(error, "log files are not followed");
            }
        }
    });
    let (journal, token) = (Arc::clone(gatherer), stop.clone());
    tasks.watch("journal", stop.clone(), move || {
        let (gatherer, token) = (Arc::clone(&journal), token.clone());
        async move {
            if let Err(error) = gatherer.follow_journal(token).await {
                let error: &dyn std::error::Error = &error;
                warn!(error, "the journal is not followed");
            }
        }
    });
}

/// What is stored goes on to the endpoints of `remote_write`.
fn start_forwarding(tasks: &mut Supervisor, engines: &Engines, stop: &CancellationToken) {
    let (forwarder, token) = (Arc::clone(&engines.forwarder), stop.clone());
    tasks.watch("remote_write", stop.clone(), move || {
        Arc::clone(&forwarder).run(token.clone())
    });
}

fn start_services(tasks: &mut Supervisor, services: &Services, outlets: &Outlets, stop: &CancellationToken) {
    if let Some(host) = &services.host {
        let (host, token) = (Arc::clone(host), stop.clone());
        tasks.watch("collect", stop.clone(), move || {
            let (host, token) = (Arc::clone(&host), token.clone());
            async move {
                if let Err(error) = host.run(token).await {
                    warn!(%error, "vitals of this machine are not taken");
                }
            }
        });
    }
    if let Some(statsd) = &services.statsd {
        let (statsd, token) = (Arc::clone(statsd), stop.clone());
        tasks.watch("statsd", stop.clone(), move || {
            Arc::clone(&statsd).run(token.clone())
        });
    }
    if let Some(syslog) = &services.syslog {
        let (syslog, token) = (Arc::clone(syslog), stop.clone());
        tasks.watch("syslog", stop.clone(), move || {
            Arc::clone(&syslog).run(token.clone())
        });
    }
    let (pods, token) = (services.pods.clone(), stop.clone());
    tasks.watch("kubernetes pods", stop.clone(), move || {
        pods.clone().run(token.clone())
    });
    if let Some(gatherer) = &services.gatherer {
        start_gathering(tasks, gatherer, stop);
    }
    let (scraper, token) = (Arc::clone(&services.scraper), stop.clone());
    tasks.watch("scrape", stop.clone(), move || {
        Arc::clone(&scraper).run(token.clone())
    });
    let (alerting, token) = (Arc::clone(&services.alerting), stop.clone());
    tasks.watch("alerting", stop.clone(), move || {
        Arc::clone(&alerting).run(token.clone())
    });
    let (targets, nudges, token) = (outlets.targets.clone(), outlets.nudges.clone(), stop.clone());
    tasks.watch("nudge", stop.clone(), move || {
        housekeeping::nudge_rules(targets.inlet(), nudges.clone(), token.clone())
    });
}

/// What the page and the API say of this process.
fn about(services: &Services, loaded: &Loaded, data_dir: &Path, started_at_ms: i64) -> web::About {
    web::About {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        revision: option_env!("WATCHKEEPER_REVISION").unwrap_or_default().to_owned(),
        host_name: services
            .host
            .as_ref()
            .map(|host| host.summary().name)
            .unwrap_or_default(),
        data_dir: std::path::absolute(data_dir).unwrap_or_else(|_| data_dir.to_owned()),
        started_at_ms,
        retention: loaded.file.storage.retention_text(),
    }
}

fn control_parts(
    (flags, data_dir): (Vec<(String, String)>, &Path),
    engines: &Engines,
    services: &Services,
    outlets: &Outlets,
    clock: &SharedClock,
) -> ControlParts {
    ControlParts {
        flags,
        standing_warnings: Vec::new(),
        rooms: Reloadable {
            scraper: Arc::clone(&services.scraper),
            push: Arc::clone(&services.push),
            logs: Arc::clone(&services.logs.intake),
            pipeline_telemetry: services.pipeline_telemetry.clone(),
            pods: services.pods.clone(),
            series: engines.db.clone(),
            forwarder: Arc::clone(&engines.forwarder),
            alerting: Arc::clone(&services.alerting),
            takes_vitals: services.host.is_some(),
        },
        series: engines.db.clone(),
        logs: engines.logs.clone(),
        data_dir: data_dir.to_owned(),
        store_watch: Arc::clone(&engines.watch),
        clock: Arc::clone(clock),
        news: outlets.config.clone(),
        samples_stored: engines.db.telemetry().samples_stored.clone(),
        replayed: engines.replayed,
    }
}

/// Waits for the tasks that were told to stop, but not for ever.
async fn end_tasks(tasks: Supervisor) {
    let unfinished = tasks.join(STOP_PATIENCE).await;
    if unfinished > 0 {
        warn!(unfinished, "tasks did not end in time");
    }
}

async fn close(engines: Engines) -> anyhow::Result<()> {
    let close = move || {
        engines.logs.close();
        engines.db.close();
    };
    tokio::task::spawn_blocking(close)
        .await
        .context("closing the stores")
}

/// Reloads on SIGHUP; returns on the first signal that says stop.
async fn wait_for_stop(signals: &mut signals::Signals, control: &Arc<Control>) {
    while signals.next().await == Signal::Reload {
        let control: Arc<dyn web::Control> = Arc::clone(control) as Arc<dyn web::Control>;
        // Refusals are said by the reload itself, in the log and on the page.
        let _ = control.reload().await;
    }
    info!("stopping");
}

/// The one line for people and scripts: where the page is, and where the data lies.
#[expect(clippy::print_stdout, reason = "the one line that a start prints")]
fn announce(address: SocketAddr, data_dir: &Path) -> anyhow::Result<()> {
    use std::io::Write;
    let data_dir = std::path::absolute(data_dir)?;
    println!(
        "Watchkeeper {} is at http://{address} and keeps its data in {}",
        env!("CARGO_PKG_VERSION"),
        data_dir.display()
    );
    Ok(std::io::stdout().flush()?)
}

/// The process as its own target.
fn own_labels(address: SocketAddr) -> Labels {
    Labels::from_pairs([
        ("job", "watchkeeper".to_owned()),
        ("instance", address.to_string()),
    ])
}

fn flags(
    args: &ServeArgs,
    config: Option<&Path>,
    data_dir: &Path,
    address: SocketAddr,
) -> Vec<(String, String)> {
    let text = |path: Option<&Path>| path.map(|path| path.display().to_string()).unwrap_or_default();
    vec![
        ("config".to_owned(), text(args.config.as_deref().or(config))),
        ("data-dir".to_owned(), text(Some(data_dir))),
        ("listen".to_owned(), address.to_string()),
    ]
}

impl Outlets {
    fn new() -> Self {
        Self {
            ticks: Outlet::new(OUTLET_CAPACITY),
            targets: Outlet::new(OUTLET_CAPACITY),
            nudges: Outlet::new(OUTLET_CAPACITY),
            alerts: Outlet::new(OUTLET_CAPACITY),
            config: Outlet::new(OUTLET_CAPACITY),
        }
    }
}
