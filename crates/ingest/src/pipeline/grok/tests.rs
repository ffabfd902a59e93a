//! The library compiles and fits; captures become fields; faults are told.

use super::*;

fn fits(pattern: &str, line: &str) -> Option<Vec<String>> {
    let expression = compile(pattern, &BTreeMap::new()).unwrap().0;
    let captures = expression.captures(line)?;
    let names = expression.capture_names().flatten();
    Some(
        names
            .filter_map(|name| Some(format!("{name}={}", captures.name(name)?.as_str())))
            .collect(),
    )
}

#[test]
fn every_pattern_of_the_library_compiles() {
    for (name, _) in PATTERNS {
        let pattern = format!("^%{{{name}:whole}}$");
        compile(&pattern, &BTreeMap::new()).unwrap_or_else(|fault| panic!("{name}: {fault}"));
    }
}

#[test]
fn patterns_of_the_library_fit_what_they_are_named_for() {
    for (name, texts, others) in [
        ("INT", &["-5", "+12"][..], &["x", ""][..]),
        ("NUMBER", &["1", "-1.5", "+.5"], &["1.x", "one"]),
        ("BASE16NUM", &["0xff", "ab12"], &["xyz"]),
        ("WORD", &["ab_1"], &["a b"]),
        (
            "IP",
            &["10.0.0.255", "::1", "2607:f140:6000:8::1", "::ffff:1.2.3.4"],
            &["10.0.0.256", "1.2.3"],
        ),
        ("IPORHOST", &["db-1.example.org", "10.0.0.1"], &["a b"]),
        ("HOSTPORT", &["db.example.org:5432"], &["db"]),
        ("MAC", &["5c:50:15:4c:18:1c", "5c50.154c.181c"], &["5c:50"]),
        ("UUID", &["4bf92f35-77b3-4da6-a3ce-929d0e0e4736"], &["4bf92f35"]),
        ("PATH", &["/var/log/x.log", r"C:\x\y"], &["x"]),
        ("URI", &["https://u@example.org:8443/a/b?c=d#e"], &["example"]),
        ("EMAILADDRESS", &["a.b+c@example.org"], &["a@"]),
        (
            "TIMESTAMP_ISO8601",
            &["2026-01-01T00:00:00.123Z", "2026-01-01 00:00:00,5"],
            &["2026-13-01T00:00:00Z"],
        ),
        ("SYSLOGTIMESTAMP", &["Jan  1 00:00:00"], &["01 Jan"]),
        ("HTTPDATE", &["10/Oct/2000:13:55:36 -0700"], &["10-Oct-2000"]),
        ("LOGLEVEL", &["INFO", "warning", "Error"], &["loud"]),
        ("QUOTEDSTRING", &[r#""a \" b""#, "'x'"], &["a"]),
        ("JAVACLASS", &["org.example.Shop$Cart"], &["1x"]),
        ("GREEDYDATA", &["", "anything"], &[]),
    ] {
        let pattern = format!("^%{{{name}}}$");
        for text in texts {
            assert!(fits(&pattern, text).is_some(), "{name} {text}");
        }
        for text in others {
            assert!(fits(&pattern, text).is_none(), "{name} {text}");
        }
    }
}

#[test]
fn fields_are_captured() {
    assert_eq!(
        fits(
            "%{IPORHOST:client.ip} %{WORD:method} %{URIPATHPARAM:request} %{NUMBER:bytes:int} %{NUMBER:bytes}",
            "55.3.244.1 GET /index.html?a=b 15824 1"
        )
        .unwrap(),
        ["client_ip=55.3.244.1", "method=GET", "request=/index.html?a=b", "bytes=15824"]
    );
    let apache =
        r#"1.2.3.4 - frank [10/Oct/2000:13:55:36 -0700] "GET /a HTTP/1.0" 200 2326 "http://x/" "curl/8""#;
    let found = fits("%{COMBINEDAPACHELOG}", apache).unwrap();
    assert!(
        found.contains(&"response=200".to_owned()) && found.contains(&"agent=\"curl/8\"".to_owned()),
        "{found:?}"
    );
    let found = fits(
        "%{SYSLOGLINE}",
        "Mar 16 00:01:25 evita postfix/smtpd[1713]: connect from x",
    )
    .unwrap();
    assert!(
        found.contains(&"program=postfix/smtpd".to_owned()) && found.contains(&"pid=1713".to_owned()),
        "{found:?}"
    );
}

#[test]
fn faults_are_told() {
    let own = BTreeMap::from([("A".to_owned(), "x%{A}".to_owned())]);
    assert!(compile("%{A}", &own).unwrap_err().contains("holds itself"));
    assert!(
        compile("%{NOPE}", &own)
            .unwrap_err()
            .contains("no grok pattern \"NOPE\"")
    );
    assert!(compile("%{WORD", &own).unwrap_err().contains("nothing closes"));
    assert!(compile("(?=x)", &own).unwrap_err().contains("lookaround"));
}
