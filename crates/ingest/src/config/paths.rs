//! Relative paths in a job are relative to the folder of the file that names them, as Prometheus has it.

use std::path::Path;

use super::ScrapeConfig;

impl ScrapeConfig {
    /// Makes every relative path of the job one below `base`, the folder of the configuration file.
    pub fn resolve_paths(&mut self, base: &Path) {
        let tls = &mut self.tls_config;
        let mut single = vec![
            &mut self.bearer_token_file,
            &mut tls.ca_file,
            &mut tls.cert_file,
            &mut tls.key_file,
        ];
        if let Some(auth) = &mut self.basic_auth {
            single.extend([&mut auth.username_file, &mut auth.password_file]);
        }
        if let Some(auth) = &mut self.authorization {
            single.push(&mut auth.credentials_file);
        }
        let headers = self
            .http_headers
            .values_mut()
            .flat_map(|header| &mut header.files);
        let targets = self.file_sd_configs.iter_mut().flat_map(|files| &mut files.files);
        for path in single.into_iter().flatten().chain(headers).chain(targets) {
            if !path.is_empty() && Path::new(path).is_relative() {
                *path = base.join(&*path).to_string_lossy().into_owned();
            }
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
        assert_eq!(text(&config.basic_auth.unwrap().password_file), "/etc/watch/pw");
        assert_eq!(text(&config.tls_config.ca_file), "/abs/ca.pem");
        assert_eq!(text(&config.tls_config.cert_file), "/etc/watch/tls/c.pem");
        assert_eq!(text(&config.tls_config.key_file), "/etc/watch/tls/k.pem");
        assert_eq!(config.http_headers["X-Key"].files, ["/etc/watch/one", "/abs/two"]);
        assert_eq!(config.file_sd_configs[0].files, ["/etc/watch/targets/*.json"]);
    }
}
