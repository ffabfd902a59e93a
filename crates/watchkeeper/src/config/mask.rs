//! A configuration file as it may be shown: everything secret is masked.

/// What stands where a secret stood.
const MASK: &str = "<secret>";

/// Keys whose value is a secret wherever they stand.
const SECRET_KEYS: [&str; 19] = [
    "password",
    "secret",
    "secrets",
    "key",
    "token",
    "bearer_token",
    "credentials",
    "client_secret",
    "proxy_connect_header",
    "api_key",
    "api_url",
    "service_key",
    "routing_key",
    "user_key",
    "bot_token",
    "webhook_url",
    "auth_password",
    "hash_key",
    "secret_access_key",
];

/// Masks the values of secret keys in a YAML text, block values and flow style included, and passwords in addresses.
/// Below `receivers:` every `url` is one: whoever knows a webhook's address can post to it.
pub(crate) fn mask(yaml: &str) -> String {
    let mut masked = String::with_capacity(yaml.len());
    let mut hidden_below: Option<usize> = None;
    let mut receivers_at: Option<usize> = None;
    for line in yaml.lines() {
        let content = line.trim_start().trim_start_matches("- ").trim_start();
        let indent = line.len() - content.len();
        if hidden_below.is_some_and(|key_indent| content.is_empty() || indent > key_indent) {
            continue;
        }
        hidden_below = None;
        if receivers_at.is_some_and(|at| !content.is_empty() && indent < at) {
            receivers_at = None;
        }
        if content.starts_with("receivers:") {
            receivers_at = Some(indent);
        }
        let (line, block) = mask_line(line, receivers_at.is_some());
        if block {
            hidden_below = Some(indent);
        }
        masked.push_str(&line);
        masked.push('\n');
    }
    masked
}

/// Masks one line; also says whether the secret goes on in the lines below it.
fn mask_line(line: &str, urls_too: bool) -> (String, bool) {
    let mut out = String::with_capacity(line.len());
    let mut rest = line;
    let mut block = false;
    while let Some(colon) = rest
        .find(": ")
        .or_else(|| rest.ends_with(':').then(|| rest.len() - 1))
    {
        let (before, after) = rest.split_at(colon + 1);
        let key_start = before.rfind([' ', '{', ',']).map_or(0, |place| place + 1);
        let key = before
            .get(key_start..colon)
            .unwrap_or_default()
            .trim_matches(['"', '\'']);
        out.push_str(before);
        rest = after;
        if !(SECRET_KEYS.contains(&key) || urls_too && key == "url") {
            continue;
        }
        let value = after.trim_start();
        let end = end_of_value(value);
        let (hidden, tail) = value.split_at(end);
        block |= hidden.is_empty() || hidden.starts_with(['|', '>', '&']);
        out.push(' ');
        out.push_str(MASK);
        rest = tail;
    }
    out.push_str(rest);
    (without_user_info(&out), block)
}

/// Where a scalar ends: at its closing quote, or where flow style goes on.
fn end_of_value(value: &str) -> usize {
    match value.chars().next() {
        Some(quote @ ('"' | '\'')) => value
            .get(1..)
            .and_then(|rest| rest.find(quote))
            .map_or(value.len(), |at| at + 2),
        Some('[') => value.find(']').map_or(value.len(), |at| at + 1),
        _ => value.find([',', '}']).unwrap_or(value.len()),
    }
}

/// `scheme://user:password@host` without the password.
fn without_user_info(line: &str) -> String {
    let Some((scheme, rest)) = line.split_once("://") else {
        return line.to_owned();
    };
    let authority_end = rest
        .find(['/', ' ', '"', '\'', '?', '}', ','])
        .unwrap_or(rest.len());
    let (authority, tail) = rest.split_at(authority_end);
    match authority.rsplit_once('@') {
        Some((user, host)) if user.contains(':') => {
            let name = user.split(':').next().unwrap_or_default();
            format!("{scheme}://{name}:{MASK}@{host}{}", without_user_info(tail))
        }
        _ => format!("{scheme}://{authority}{}", without_user_info(tail)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(yaml: &str, expected: &str) {
        assert_eq!(mask(yaml), expected);
    }

    #[test]
    fn secrets_are_masked_in_every_style() {
        check(
            "basic_auth:\n  username: a\n  password: hunter2\n",
            "basic_auth:\n  username: a\n  password: <secret>\n",
        );
        check(
            "a: {username: u, password: 'p, q', x: 1}\n",
            "a: {username: u, password: <secret>, x: 1}\n",
        );
        check(
            "- credentials: \"abc\"\n  type: Bearer\n",
            "- credentials: <secret>\n  type: Bearer\n",
        );
        check(
            "password: |\n  line one\n  line two\nnext: 1\n",
            "password: <secret>\nnext: 1\n",
        );
        check("password:\n  hunter2\nnext: 1\n", "password: <secret>\nnext: 1\n");
        check("h: {secrets: [a, b], x: 1}\n", "h: {secrets: <secret>, x: 1}\n");
        check("secrets:\n- a\n- b\nnext: 1\n", "secrets: <secret>\nnext: 1\n");
        check(
            "key: |\n  PEM\nkey_file: k.pem\n",
            "key: <secret>\nkey_file: k.pem\n",
        );
    }

    #[test]
    fn addresses_lose_their_password_and_receivers_their_address() {
        check(
            "proxy_url: http://me:pw@proxy:3128/x\n",
            "proxy_url: http://me:<secret>@proxy:3128/x\n",
        );
        check(
            "alerting:\n  receivers:\n  - name: a\n    webhook_configs: [{url: 'http://h/x'}]\nurl: http://shown\n",
            "alerting:\n  receivers:\n  - name: a\n    webhook_configs: [{url: <secret>}]\nurl: http://shown\n",
        );
        check(
            "password_file: /run/secrets/pw\n",
            "password_file: /run/secrets/pw\n",
        );
    }
}
