//! Relative paths in the section are relative to the folder of the file that names them, as Alertmanager has it.

use std::path::Path;

use serde_json::Value;
use stdx::paths::resolve;

use crate::config::{Config, Settings};

impl Config {
    /// Makes every relative path of the section one below `base`, the folder of the configuration file.
    pub fn resolve_paths(&mut self, base: &Path) {
        for pattern in &mut self.templates {
            resolve(pattern, base);
        }
        if let Some(global) = &mut self.global {
            resolve_settings(global.settings_mut(), base);
        }
        let receivers = self.receivers.iter_mut();
        for integration in receivers.flat_map(|receiver| &mut receiver.integrations) {
            resolve_settings(&mut integration.settings, base);
        }
    }
}

/// Resolves the keys that name files. Other mappings of a channel hold what its owner likes, and are left alone.
fn resolve_settings(settings: &mut Settings, base: &Path) {
    for (name, value) in settings.iter_mut() {
        match value {
            Value::String(text) if names_a_file(name) => resolve(text, base),
            Value::Object(_) if matches!(name.as_str(), "http_config" | "tls_config") => {
                resolve_below(value, base);
            }
            _ => {}
        }
    }
}

fn resolve_below(value: &mut Value, base: &Path) {
    for (name, value) in value.as_object_mut().into_iter().flatten() {
        match value {
            Value::String(text) if names_a_file(name) => resolve(text, base),
            // The files of a header in `http_headers`.
            Value::Array(files) if name == "files" => {
                for file in files {
                    if let Value::String(text) = file {
                        resolve(text, base);
                    }
                }
            }
            Value::Object(_) => resolve_below(value, base),
            _ => {}
        }
    }
}

fn names_a_file(key: &str) -> bool {
    key.ends_with("_file")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_looked_for_beside_the_configuration() {
        let mut config: Config = serde_saphyr::from_str(
            "global: {slack_api_url_file: secret, http_config: {tls_config: {ca_file: ca.pem}}}\n\
             templates: ['t/*.tmpl', /abs/*.tmpl]\n\
             receivers:\n\
             - name: a\n  webhook_configs:\n  - url_file: hooks/a\n    http_config:\n      basic_auth: {username: file, password_file: /abs/pw}\n      http_headers: {X-Files: {files: [one, /abs/two], values: [as_file]}}\n\
             - name: b\n  pagerduty_configs: [{routing_key_file: key, details: {log_file: stays}}]\n",
        )
        .unwrap();
        config.resolve_paths(Path::new("/etc/watch"));
        assert_eq!(config.templates, ["/etc/watch/t/*.tmpl", "/abs/*.tmpl"]);
        let global = config.global.unwrap();
        assert_eq!(
            global.settings().text("slack_api_url_file"),
            Some("/etc/watch/secret")
        );
        let http = global.settings().get("http_config").unwrap();
        assert_eq!(http["tls_config"]["ca_file"], "/etc/watch/ca.pem");
        let webhook = &config.receivers[0].integrations[0].settings;
        assert_eq!(webhook.text("url_file"), Some("/etc/watch/hooks/a"));
        let http = webhook.get("http_config").unwrap();
        assert_eq!(http["basic_auth"]["password_file"], "/abs/pw");
        assert_eq!(http["http_headers"]["X-Files"]["files"][0], "/etc/watch/one");
        assert_eq!(http["http_headers"]["X-Files"]["files"][1], "/abs/two");
        assert_eq!(http["http_headers"]["X-Files"]["values"][0], "as_file");
        let pager = &config.receivers[1].integrations[0].settings;
        assert_eq!(pager.text("routing_key_file"), Some("/etc/watch/key"));
        assert_eq!(pager.get("details").unwrap()["log_file"], "stays");
    }
}
