//! What can go wrong while hearing.

use std::path::PathBuf;

use model::WriteError;

use crate::exposition::ParseError;
use crate::exposition::protobuf::MessageError;
use crate::relabel::TooMuchMade;

/// An error of this room. `Display` names the subject; the source says why.
#[derive(Debug, thiserror::Error)]
pub enum IngestError {
    /// An HTTP client could not be built.
    #[error("{owner}: cannot set up its HTTP client")]
    BuildClient {
        /// Whose client it is.
        owner: String,
        /// What the client said.
        #[source]
        source: reqwest::Error,
    },
    /// A file that the configuration names could not be read.
    #[error("cannot read {}", path.display())]
    ReadFile {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// A file that the configuration names holds something else than it should.
    #[error("{}: {reason}", path.display())]
    BadFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The configuration is not valid; all that is wrong with it.
    #[error("{}", messages.join("\n"))]
    InvalidConfig {
        /// One message per fault, each naming job and key.
        messages: Vec<String>,
    },
    /// The request failed before there was an answer.
    #[error("{0}")]
    Request(String),
    /// The target took longer than the scrape timeout.
    #[error("the target did not answer within the scrape timeout of {timeout_seconds} s")]
    Timeout {
        /// The timeout.
        timeout_seconds: f64,
    },
    /// The target answered with something else than 200.
    #[error("server returned HTTP status {status}")]
    HttpStatus {
        /// Code and reason.
        status: http::StatusCode,
    },
    /// The body is larger than the job allows.
    #[error("body size limit exceeded (limit: {limit_bytes} bytes)")]
    BodyTooLarge {
        /// The limit on uncompressed bytes.
        limit_bytes: u64,
    },
    /// The body claims to be compressed and is not, or breaks off.
    #[error("cannot decompress the body: {reason}")]
    Decompress {
        /// What the decoder said.
        reason: String,
    },
    /// The body's type is not one this build reads, and the job names no fallback.
    #[error(
        "received unsupported Content-Type {content_type:?} and no fallback_scrape_protocol is set for the target; \
         set it, for example to PrometheusText0.0.4"
    )]
    UnknownContentType {
        /// The header as received.
        content_type: String,
    },
    /// The body is not what its type says.
    #[error("cannot parse the exposition: {0}")]
    Parse(#[from] ParseError),
    /// The body is not the protobuf that its type says.
    #[error("cannot parse the exposition: {0}")]
    ParseMessages(#[from] MessageError),
    /// A native histogram has more buckets than the job allows, even in its coarsest form.
    #[error("native_histogram_bucket_limit exceeded (series: {series}, limit: {limit})")]
    TooManyBuckets {
        /// The histogram.
        series: String,
        /// The job's limit.
        limit: usize,
    },
    /// More samples after relabelling than the job allows.
    #[error("sample limit exceeded (limit: {limit})")]
    TooManySamples {
        /// The job's `sample_limit`.
        limit: u64,
    },
    /// A series breaks one of the job's limits on labels.
    #[error("{limit_name} exceeded (metric: {metric:?}, got: {got}, limit: {limit})")]
    LabelLimit {
        /// The key in the configuration.
        limit_name: &'static str,
        /// The metric's name.
        metric: String,
        /// How many, or how long.
        got: usize,
        /// The limit.
        limit: usize,
    },
    /// The job's rules make too much of a series.
    #[error("{series}: {source}")]
    Relabel {
        /// The series as exposed.
        series: String,
        /// What they make.
        source: TooMuchMade,
    },
    /// Relabelling left a series without its metric name.
    #[error("missing metric name (__name__ label) after relabelling of {series}")]
    NameLost {
        /// The series as exposed.
        series: String,
    },
    /// A name that the legacy validation scheme does not allow.
    #[error("invalid metric name or label names under metric_name_validation_scheme legacy: {series}")]
    InvalidName {
        /// The series.
        series: String,
    },
    /// More targets than the job allows; none of them is scraped.
    #[error("target_limit exceeded (number of targets: {got}, limit: {limit})")]
    TooManyTargets {
        /// How many there are.
        got: usize,
        /// The job's `target_limit`.
        limit: u64,
    },
    /// The store took nothing in.
    #[error("cannot store samples: {0}")]
    Store(#[from] WriteError),
    /// An address of the configuration cannot be listened on.
    #[error("{key}: cannot listen on {address}; name another address or leave the key out")]
    Listen {
        /// The key in the configuration.
        key: &'static str,
        /// Its address.
        address: std::net::SocketAddr,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// Discovery could not tell which targets there are.
    #[error("{0}")]
    Discovery(String),
    /// The queue of remote write cannot be used.
    #[error("the queue of remote write: {0}")]
    Queue(#[from] disk::DiskError),
    /// A task of this room ended without a result.
    #[error("internal: a task of the scraper stopped unexpectedly")]
    TaskLost,
}
