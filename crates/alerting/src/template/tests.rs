//! What templates print, as Go's text/template with Prometheus' functions prints it.

use super::*;

#[derive(Debug)]
struct Answers(Vec<(Labels, f64)>);

impl Query for Answers {
    fn query(&self, text: &str) -> Result<Vec<(Labels, f64)>, String> {
        if text == "bad" {
            Err("cannot ask".to_owned())
        } else {
            Ok(self.0.clone())
        }
    }
}

fn expand(text: &str) -> Result<String, TemplateError> {
    let labels = Labels::from_pairs([
        ("instance", "web-1.example.org:9100"),
        ("job", "node"),
        ("n", "42"),
    ]);
    let external = Labels::from_pairs([("region", "eu")]);
    let answers = Answers(vec![
        (
            Labels::from_pairs([("__name__", "m"), ("instance", "b"), ("device", "sda")]),
            11.0,
        ),
        (
            Labels::from_pairs([("__name__", "m"), ("instance", "a"), ("device", "sdb")]),
            21.0,
        ),
    ]);
    let context = Context {
        labels: &labels,
        value: 0.912_345,
        external_labels: &external,
        external_url: "http://mon.example.org/wk",
        query: &answers,
        now_ms: 1_500_000_000_000,
    };
    Template::parse(text)?.expand(&context)
}

fn check(text: &str, expected: &str) {
    match expand(text) {
        Ok(found) => assert_eq!(found, expected, "{text}"),
        Err(error) => panic!("{text}: {error}"),
    }
}

#[test]
fn labels_and_values() {
    check("plain", "plain");
    check(
        "{{ $labels.instance }} of {{$labels.job}}",
        "web-1.example.org:9100 of node",
    );
    check("{{ $.Labels.job }}{{ .Labels.job }}", "nodenode");
    check("{{ $labels.absent }}|", "|");
    check("{{ $value }}", "0.912345");
    check("{{ .Value | printf \"%.1f\" }}", "0.9");
    check(
        "{{ $externalLabels.region }} {{ $externalURL }} {{ externalURL }}",
        "eu http://mon.example.org/wk http://mon.example.org/wk",
    );
    check("{{ pathPrefix }}", "/wk");
}

#[test]
fn control_and_trimming() {
    check(
        "{{ if gt $value 0.5 }}high{{ else if gt $value 0.1 }}mid{{ else }}low{{ end }}",
        "high",
    );
    check("a {{- if true }} b {{ end -}} c", "a b c");
    check("{{/* nothing */}}x{{- /* trimmed */ -}} y", "xy");
    check("{{ with $labels.absent }}yes{{ else }}no{{ end }}", "no");
    check("{{ with query \"m\" }}{{ . | first | value }}{{ end }}", "11");
    check(
        "{{ range query \"m\" | sortByLabel \"instance\" }}{{ .Labels.instance }}={{ .Value }};{{ end }}",
        "a=21;b=11;",
    );
    check(
        "{{ range $i, $s := query \"m\" }}{{ $i }}:{{ $s.Value }} {{ end }}",
        "0:11 1:21 ",
    );
    check(
        "{{ range $k, $v := $labels }}{{ $k }} {{ end }}",
        "instance job n ",
    );
    check("{{ $x := 1 }}{{ if true }}{{ $x = 2 }}{{ end }}{{ $x }}", "2");
    check(
        "{{ define \"t\" }}[{{ . }}]{{ end }}{{ template \"t\" $labels.job }}",
        "[node]",
    );
    check(
        "{{ range query \"m\" }}{{ if eq .Value 21.0 }}{{ break }}{{ end }}{{ .Value }}{{ end }}",
        "11",
    );
    check("{{ (query \"m\" | first).Labels.device }}", "sda");
    check("{{ label \"device\" (query \"m\" | first) }}", "sda");
    check(
        "{{ define \"a\" }}{{ .arg0 }}-{{ .arg1 }}{{ end }}{{ template \"a\" (args 1 \"x\") }}",
        "1-x",
    );
}

#[test]
fn functions_of_prometheus() {
    check("{{ humanize 1234567.0 }}", "1.235M");
    check("{{ 0.0012 | humanize }}", "1.2m");
    check("{{ humanize 0.0 }} {{ humanize \"1e3\" }}", "0 1k");
    check("{{ humanize1024 1048576.0 }} {{ humanize1024 0.0 }}", "1Mi 0");
    check(
        "{{ humanizeDuration 899.99 }} {{ humanizeDuration 3600.0 }} {{ humanizeDuration 86400.0 }}",
        "14m 59s 1h 0m 0s 1d 0h 0m 0s",
    );
    check(
        "{{ humanizeDuration 0.1 }} {{ humanizeDuration 0.0 }} {{ humanizeDuration -1.0 }}",
        "100ms 0s -1s",
    );
    check(
        "{{ humanizePercentage 0.1234567 }} {{ humanizePercentage 0.0 }}",
        "12.35% 0%",
    );
    check(
        "{{ humanizeTimestamp 1435065584.128 }}",
        "2015-06-23 13:19:44.128 +0000 UTC",
    );
    check(
        "{{ toUpper \"a\" }}{{ toLower \"B\" }}{{ title \"aa bB\" }}",
        "AbAa BB",
    );
    check(
        "{{ match \"a+\" \"baab\" }} {{ reReplaceAll \"(a)b\" \"x$1\" \"ab\" }}",
        "true xa",
    );
    check(
        "{{ match \"^\\\\w+$\" \"é\" }} {{ match \"[a[b]{\" \"[{\" }}",
        "false true",
    );
    check(
        "{{ stripPort $labels.instance }} {{ stripDomain $labels.instance }}",
        "web-1.example.org web-1:9100",
    );
    check(
        "{{ stripPort \"[::1]:80\" }} {{ stripDomain \"10.0.0.1:80\" }}",
        "::1 10.0.0.1:80",
    );
    check("{{ parseDuration \"1h2m10ms\" }}", "3720.01");
    check(
        "{{ tableLink \"up == 0\" }}",
        "/graph?g0.expr=up+%3D%3D+0&g0.tab=1",
    );
    check("{{ (1435065584.128 | toTime).Year }}", "2015");
    check("{{ urlQueryEscape \"a b&c~*\" }}", "a+b%26c~%2A");
}

#[test]
fn functions_of_go() {
    check(
        "{{ eq $labels.job \"x\" \"node\" }} {{ ne 1 2 }} {{ and true $labels.job }} {{ or \"\" \"z\" }} {{ not true }}",
        "true true node z false",
    );
    check(
        "{{ len $labels }} {{ index $labels \"job\" }} {{ len \"abc\" }} {{ slice \"abcd\" 1 3 }}",
        "3 node 3 bc",
    );
    check(
        "{{ printf \"%5.2f|%-6s|%06d|%q|%v|%%|%x\" 3.14159 \"ab\" 42 \"q\" true 255 }}",
        " 3.14|ab    |000042|\"q\"|true|%|ff",
    );
    check(
        "{{ printf \"%d\" 1.5 }} {{ printf \"%s\" }}",
        "%!d(float64=1.5) %!s(MISSING)",
    );
    check(
        "{{ print 1 2 \"a\" 3 }} {{ 1e21 }} {{ 0.00001 }}",
        "1 2a3 1e+21 1e-05",
    );
    check(
        "{{ $labels }}",
        "map[instance:web-1.example.org:9100 job:node n:42]",
    );
    check("{{ html \"<a>\" }} {{ urlquery \"a b\" }}", "&lt;a&gt; a+b");
}

#[test]
fn faults_are_found_when_the_file_is_read() {
    for text in [
        "{{ .Labels",
        "{{ if true }}",
        "{{ nofunction 1 }}",
        "{{ $undefined }}",
        "{{ end }}",
        "{{ range }}{{ end }}",
        "{{ 1 | 2 }}",
        "{{ \"open }}",
        "{{ break }}",
        "{{ (1 }}",
        "{{}}",
        "{{ if true }}a{{ else }}b{{ else }}c{{ end }}",
    ] {
        assert!(Template::parse(text).is_err(), "{text}");
    }
}

#[test]
fn faults_of_an_expansion_are_errors() {
    for text in [
        "{{ query \"bad\" }}",
        "{{ .NoSuchField }}",
        "{{ lt 1 \"a\" }}",
        "{{ template \"nowhere\" }}",
        "{{ index (query \"m\") 7 }}",
        "{{ humanize \"abc\" }}",
    ] {
        assert!(expand(text).is_err(), "{text}");
    }
}

#[test]
fn every_expansion_ends_within_its_limits() {
    let nested = "{{ define \"t\" }}{{ template \"t\" . }}{{ end }}{{ template \"t\" 1 }}";
    assert!(expand(nested).unwrap_err().0.contains("depth"));
    let doubled = "{{ $x := \"a\" }}{{ range 17 }}{{ $x = print $x $x }}{{ end }}";
    let gigabytes = format!("{doubled}{{{{ reReplaceAll \"a\" $x $x }}}}");
    assert!(expand(&gigabytes).unwrap_err().0.contains("bytes of text"));
    let long = "{{ range 100000 }}{{ range 100000 }}xxxxxxxxxxxxxxxx{{ end }}{{ end }}";
    assert!(expand(long).is_err());
    assert!(Template::parse(&format!("{{{{ {}1 }}}}", "(".repeat(10_000))).is_err());
    let blocks = "{{ if true }}".repeat(2_000);
    assert!(Template::parse(&blocks).is_err());
}

#[test]
fn args_within_args_end_somewhere() {
    let nested = |times: usize, call: &str| {
        expand(&format!(
            "{{{{ $x := 1 }}}}{{{{ range {times} }}}}{{{{ $x = {call} }}}}{{{{ end }}}}{{{{ len $x }}}}"
        ))
    };
    assert_eq!(nested(15, "args $x").unwrap(), "1");
    assert_eq!(nested(8, "args $x $labels $x").unwrap(), "3");
    for (times, call) in [(90_000, "args $x"), (15, "args $x $x")] {
        let error = nested(times, call).unwrap_err().0;
        assert!(error.contains("args() lie within each other"), "{error}");
    }
}

#[test]
fn values_are_printed_no_further_than_there_is_room() {
    let many = " $x".repeat(64);
    let text = format!(
        "{{{{ $x := \"{}\" }}}}{{{{ $x = print $x $x $x $x $x $x $x $x }}}}{{{{ range 2 }}}}{{{{ $x = args{many} }}}}{{{{ end }}}}{{{{ $x }}}}",
        "a".repeat(60_000)
    );
    // All of it has 2 GB.
    for _ in 0..20 {
        assert_eq!(expand(&text).unwrap_err().0, "the text exceeds 65536 bytes");
    }
    for call in ["print $x", "printf \"%v\" $x", "printf \"%9d\" $x"] {
        for _ in 0..20 {
            let error = expand(&text.replace("{{ $x }}", &format!("{{{{ {call} }}}}"))).unwrap_err();
            assert!(
                error.0.contains("functions made more than 1048576 bytes"),
                "{error}"
            );
        }
    }
}

mod properties {
    use proptest::prelude::*;

    use super::expand;

    proptest! {
        #[test]
        fn no_text_breaks_the_engine(text in "[{}a-z$.|\"()= 0-9:,-]{0,80}") {
            let _ = expand(&text);
            let _ = expand(&format!("{{{{ {text} }}}}"));
        }
    }
}
