//! What can be wrong with the alerting section, and what can go wrong while alerting runs.

/// A fault in the alerting section: where, what, and the mend.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{key}: {message}; {mend}")]
pub struct ConfigError {
    /// The path of the key below `alerting`, for example `receivers[0].webhook_configs[1].url`.
    pub key: String,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub mend: String,
}

impl ConfigError {
    pub(crate) fn new(key: impl Into<String>, message: impl Into<String>, mend: impl Into<String>) -> Self {
        Self {
            key: key.into(),
            message: message.into(),
            mend: mend.into(),
        }
    }
}

/// Why alerting could not go on.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The configuration was refused; the one before is still in force.
    #[error("the alerting section was refused: {}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Config(Vec<ConfigError>),
    /// The state behind alerting failed.
    #[error("cannot {operation}")]
    State {
        /// What was tried.
        operation: &'static str,
        /// What the state said.
        #[source]
        source: state::Error,
    },
}
