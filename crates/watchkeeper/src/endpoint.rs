//! Addresses of a running server, for the commands that ask one.

use anyhow::Context as _;
use url::Url;

/// The address of `path` below the server at `base`, whose own path stays: a server may stand behind a proxy's.
pub(crate) fn endpoint(base: &Url, path: &str) -> anyhow::Result<Url> {
    let mut folder = base.clone();
    if !folder.path().ends_with('/') {
        folder.set_path(&format!("{}/", base.path()));
    }
    folder
        .join(path.trim_start_matches('/'))
        .with_context(|| format!("{base} cannot be a server's address"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_of_the_server_stays() {
        let check = |base: &str, wanted: &str| {
            let found = endpoint(&base.parse().unwrap(), "api/v1/query").unwrap();
            assert_eq!(found.as_str(), wanted);
        };
        check("http://host:9595", "http://host:9595/api/v1/query");
        check("http://host/watch", "http://host/watch/api/v1/query");
        check("http://host/watch/", "http://host/watch/api/v1/query");
        assert!(endpoint(&"mailto:somebody@host".parse().unwrap(), "x").is_err());
    }
}
