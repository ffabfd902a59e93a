//! What can keep the server from starting or from running.

use std::net::SocketAddr;

/// Why the server cannot start, or had to end.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A key of the `server:` section is wrong.
    #[error("server.{key}: {problem}")]
    Config {
        /// The key.
        key: &'static str,
        /// What is wrong with it, and the mend.
        problem: String,
    },
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {reason}; {mend}")]
    Bind {
        /// The address as configured.
        address: SocketAddr,
        /// What the system says, in short.
        reason: String,
        /// What to do about it.
        mend: String,
        /// What the system says.
        source: std::io::Error,
    },
    /// The socket that listens cannot be used by the runtime.
    #[error("cannot accept connections on {address}")]
    Accept {
        /// The address that is bound.
        address: SocketAddr,
        /// What the system says.
        source: std::io::Error,
    },
    /// The page that is built into the program is incomplete.
    #[error("the embedded page is damaged: {reason}; build the program again from a clean checkout")]
    Page {
        /// What is missing.
        reason: String,
    },
}
