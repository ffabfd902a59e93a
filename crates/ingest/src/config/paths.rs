//! Relative paths in a job are relative to the folder of the file that names them, as Prometheus has it.

use std::path::Path;

use stdx::paths::resolve;

use super::{GlobalConfig, ScrapeConfig};

impl GlobalConfig {
    /// Makes every relative path of the section one below `base`, the folder of the file that holds it.
    pub fn resolve_paths(&mut self, base: &Path) {
        for path in [&mut self.query_log_file, &mut self.scrape_failure_log_file]
            .into_iter()
            .flatten()
        {
            resolve(path, base);
        }
    }
}

impl ScrapeConfig {
    /// Makes every relative path of the job one below `base`, the folder of the file that holds it.
    pub fn resolve_paths(&mut self, base: &Path) {
        self.http.resolve_paths(base);
        if let Some(path) = &mut self.scrape_failure_log_file {
            resolve(path, base);
        }
        for discovery in &mut self.http_sd_configs {
            discovery.http.resolve_paths(base);
        }
        for discovery in &mut self.docker_sd_configs {
            discovery.http.resolve_paths(base);
        }
        for discovery in &mut self.kubernetes_sd_configs {
            discovery.http.resolve_paths(base);
            if let Some(path) = &mut discovery.kubeconfig_file {
                resolve(path, base);
            }
        }
        for path in self.file_sd_configs.iter_mut().flat_map(|files| &mut files.files) {
            resolve(path, base);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_looked_for_beside_the_configuration() {
        let mut config: ScrapeConfig = serde_saphyr::from_str(
            "job_name: a\n\
             basic_auth: {username: u, password_file: pw}\n\
             tls_config: {ca_file: /abs/ca.pem, cert_file: tls/c.pem, key_file: tls/k.pem}\n\
             http_headers: {X-Key: {files: [one, /abs/two]}}\n\
             file_sd_configs: [{files: ['targets/*.json']}]\n",
        )
        .unwrap();
        config.resolve_paths(Path::new("/etc/watch"));
        let text = |path: &Option<String>| path.clone().unwrap_or_default();
        assert_eq!(
            text(&config.http.basic_auth.unwrap().password_file),
            "/etc/watch/pw"
        );
        assert_eq!(text(&config.http.tls_config.ca_file), "/abs/ca.pem");
        assert_eq!(text(&config.http.tls_config.cert_file), "/etc/watch/tls/c.pem");
        assert_eq!(text(&config.http.tls_config.key_file), "/etc/watch/tls/k.pem");
        assert_eq!(
            config.http.http_headers["X-Key"].files,
            ["/etc/watch/one", "/abs/two"]
        );
        assert_eq!(config.file_sd_configs[0].files, ["/etc/watch/targets/*.json"]);
    }
}
