//! Texts and links (prometheus/template).

use gotemplate::{Value, escape_html, query_escape};
use url::Url;

use crate::template::functions::{Function, text};

pub(super) const ALL: &[(&str, usize, usize, Function)] = &[
    ("toUpper", 1, 1, |a, _| {
        Ok(Value::text(text(a, 0)?.to_uppercase()))
    }),
    ("toLower", 1, 1, |a, _| {
        Ok(Value::text(text(a, 0)?.to_lowercase()))
    }),
    ("title", 1, 1, |a, _| Ok(Value::text(title(text(a, 0)?)))),
    ("match", 2, 2, |a, expansion| {
        let regex = expansion.regexes.get(text(a, 0)?)?;
        Ok(Value::Bool(regex.is_match(text(a, 1)?)))
    }),
    ("reReplaceAll", 3, 3, |a, expansion| {
        let room = expansion.room;
        let regex = expansion.regexes.get(text(a, 0)?)?;
        let (text, by) = (text(a, 2)?, text(a, 1)?);
        let found = || regex.find_iter(text).count();
        room.check_expanded(text, by, found)?;
        Ok(Value::text(regex.replace_all(text, by)))
    }),
    ("stripPort", 1, 1, |a, _| Ok(Value::text(strip_port(text(a, 0)?)))),
    ("stripDomain", 1, 1, |a, _| {
        Ok(Value::text(strip_domain(text(a, 0)?)))
    }),
    ("safeHtml", 1, 1, |a, _| Ok(Value::text(text(a, 0)?))),
    ("urlQueryEscape", 1, 1, |a, _| {
        Ok(Value::text(query_escape(text(a, 0)?)))
    }),
    ("js", 1, 1, |a, _| Ok(Value::text(escape_html(text(a, 0)?)))),
    ("graphLink", 1, 1, |a, _| Ok(Value::text(link(text(a, 0)?, 0)))),
    ("tableLink", 1, 1, |a, _| Ok(Value::text(link(text(a, 0)?, 1)))),
    ("externalURL", 0, 0, |_, expansion| {
        Ok(Value::text(expansion.context.external_url))
    }),
    ("pathPrefix", 0, 0, |_, expansion| {
        let path =
            Url::parse(expansion.context.external_url).map(|url| url.path().trim_end_matches('/').to_owned());
        Ok(Value::text(path.unwrap_or_default()))
    }),
];

/// prometheus/util/strutil `GraphLinkForExpression`, `TableLinkForExpression`.
fn link(expression: &str, tab: u8) -> String {
    format!("/graph?g0.expr={}&g0.tab={tab}", query_escape(expression))
}

fn title(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut at_start = true;
    for c in text.chars() {
        if at_start {
            out.extend(c.to_uppercase());
        } else {
            out.push(c);
        }
        at_start = !(c.is_alphanumeric() || matches!(c, '_' | '\''));
    }
    out
}

fn strip_port(host: &str) -> String {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) && !name.contains(':') => {
            name.to_owned()
        }
        Some((name, _)) if name.starts_with('[') && name.ends_with(']') => {
            name.trim_start_matches('[').trim_end_matches(']').to_owned()
        }
        _ => host.to_owned(),
    }
}

fn strip_domain(host_port: &str) -> String {
    let host = strip_port(host_port);
    let port = host_port.strip_prefix(&host).unwrap_or_default();
    if host.parse::<std::net::IpAddr>().is_ok() || host_port.starts_with('[') {
        return host_port.to_owned();
    }
    let name = host.split('.').next().unwrap_or_default();
    format!("{name}{port}")
}
