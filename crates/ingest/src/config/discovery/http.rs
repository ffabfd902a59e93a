//! `http_sd_configs`: lists of targets that an HTTP server gives.

use stdx::HumanDuration;

use crate::config::HttpConfig;
use crate::config::http::is_address;
use crate::config::section::{Checked, http_section};

http_section! {
    /// An entry of `http_sd_configs`.
    pub struct HttpDiscovery {
        /// The address that answers with a JSON list of target groups.
        pub url: String,
        /// Time between questions.
        #[serde(default = "crate::config::discovery::minute")]
        pub refresh_interval: HumanDuration,
    }
}

impl Checked for HttpDiscovery {
    fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        if !is_address(&self.url) {
            faults.push(format!(
                "http_sd_configs: url is {:?}; write an http or https address with a host",
                self.url
            ));
        }
        super::check_refresh("http_sd_configs", self.refresh_interval, &mut faults);
        faults.extend(
            self.http
                .faults()
                .into_iter()
                .map(|fault| format!("http_sd_configs: {fault}")),
        );
        faults
    }
}
