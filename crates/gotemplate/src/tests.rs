//! What templates print, as Go's text/template prints it.

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;

use super::*;

struct Labels(BTreeMap<String, Value>);

impl Host for Labels {
    fn field(&self, name: &str) -> Option<Value> {
        Some(self.0.get(name).cloned().unwrap_or_else(|| Value::text("")))
    }

    fn data(&self) -> Value {
        Value::Map(Arc::new(self.0.clone()))
    }

    fn call(&mut self, name: &str, arguments: &[Value], _: Room) -> Result<Value, String> {
        match (name, arguments) {
            ("upper", [Value::Text(text)]) => Ok(Value::text(text.to_uppercase())),
            _ => Err("not so".to_owned()),
        }
    }
}

const FUNCTIONS: &[Signature] = &[("upper", 1, 1)];

fn expand(text: &str) -> Result<String, TemplateError> {
    let labels = [("job", "node"), ("n", "42")].map(|(name, value)| (name.to_owned(), Value::text(value)));
    let mut host = Labels(BTreeMap::from(labels));
    let mut out = String::new();
    Template::parse(text, FUNCTIONS)?.expand(&mut host, &mut out)?;
    Ok(out)
}

#[test]
fn fields_functions_and_control() {
    for (text, expected) in [
        ("plain", "plain"),
        ("{{.job}}{{ .absent }}|{{ $.n }}", "node|42"),
        ("{{ .job | upper | printf \"%s!%5d\" }}", "NODE!%!d(MISSING)"),
        ("{{ if eq .job \"node\" }}a{{ else }}b{{ end }}", "a"),
        ("a {{- if .absent }} b {{ end -}} c", "ac"),
        (
            "{{ range $k, $v := . }}{{ $k }}={{ $v }} {{ end }}",
            "job=node n=42 ",
        ),
        ("{{ with .job }}{{ . }}{{ end }}", "node"),
        ("{{ . }}", "map[job:node n:42]"),
        (
            "{{ printf \"%s|%v|%20v|%-20v|%18v|%d\" . . . . . . }}",
            "map[job:node n:42]|map[job:node n:42]|  map[job:node n:42]|map[job:node n:42]  |map[job:node n:42]|%!d(map[string]string=map[job:node n:42])",
        ),
        ("{{ and .job (not .absent) }}", "true"),
        (
            "{{ define \"x\" }}<{{ . }}>{{ end }}{{ template \"x\" .n }}",
            "<42>",
        ),
    ] {
        match expand(text) {
            Ok(found) => assert_eq!(found, expected, "{text}"),
            Err(error) => panic!("{text}: {error}"),
        }
    }
}

#[test]
fn faults_are_found_when_a_template_is_read() {
    for (text, expected) in [
        ("{{ nosuch }}", "function \"nosuch\" not defined"),
        ("{{", "unclosed action"),
        ("{{ if .a }}", "unexpected EOF"),
        ("{{ $a }}", "undefined variable"),
    ] {
        let error = Template::parse(text, FUNCTIONS).unwrap_err();
        assert!(error.to_string().contains(expected), "{text}: {error}");
    }
}

#[test]
fn fields_that_are_named_are_known() {
    let fields = |text: &str| {
        let template = Template::parse(text, FUNCTIONS).unwrap();
        template
            .fields()
            .map(|fields| fields.into_iter().map(str::to_owned).collect::<Vec<_>>())
    };
    assert_eq!(
        fields("x{{.a}}{{ if .b }}{{ .c | upper }}{{ end }}").unwrap(),
        ["a", "b", "c"]
    );
    assert_eq!(fields("{{ range . }}{{ end }}"), None);
}

/// Data with one field, which gives a moment before 1970.
struct Moment;

impl Host for Moment {
    fn field(&self, name: &str) -> Option<Value> {
        let at = jiff::Timestamp::from_millisecond(-1_500).unwrap();
        (name == "at").then_some(Value::TimePointer(at))
    }

    fn data(&self) -> Value {
        Value::Struct(Arc::default())
    }

    fn call(&mut self, _: &str, _: &[Value], _: Room) -> Result<Value, String> {
        Err("not so".to_owned())
    }

    fn output_bytes_max(&self) -> usize {
        12
    }
}

#[test]
fn a_preamble_declares_variables_and_hosts_set_limits() {
    let expand = |text: &str| {
        let mut out = "before".to_owned();
        let template = Template::parse_after("{{$at := .at}}", text, &[])?;
        assert_eq!(template.text(), text);
        template.expand(&mut Moment, &mut out).map(|()| out)
    };
    for (text, expected) in [
        ("{{ $at.Unix }} {{ $at.UnixMilli }}", "before-2 -1500"),
        ("{{ $at.Nanosecond }}", "before500000000"),
        ("{{ printf \"%T\" $at }}", "before*time.Time"),
        ("$at", "before$at"),
        ("exactly so 12", "the text exceeds 12 bytes"),
        ("{{ $at.Foo }}", "can't evaluate field Foo in type *time.Time"),
        ("{{ .no }}", "can't evaluate field no in type *template.sample"),
    ] {
        let found = expand(text).unwrap_or_else(|error| error.to_string());
        assert_eq!(found, expected, "{text}");
    }
}

proptest! {
    #[test]
    fn any_text_ends(parts in proptest::collection::vec(prop::sample::select(vec![
        "{{", "}}", "-", ".job", ".", "$x", ":=", "|", "if", "range", "end", "else", "with", "(", ")", "\"a\"", "1", "upper",
        "printf", "define", "template", " ", "x", "and", "5",
    ]), 0..24)) {
        let _ = expand(&parts.join(" "));
        let _ = expand(&parts.concat());
    }
}

#[test]
fn chains_of_conditions_end_somewhere() {
    let chain = |links: usize| {
        format!(
            "{{{{if 0}}}}{}{{{{else}}}}x{{{{end}}}}",
            "{{else if 0}}".repeat(links)
        )
    };
    assert_eq!(expand(&chain(256)).unwrap(), "x");
    assert!(expand(&chain(257)).unwrap_err().to_string().contains("in a row"));
    assert_eq!(expand(&chain(200).repeat(3)).unwrap(), "xxx");
}

#[test]
fn texts_that_double_end_somewhere() {
    let doubled = |times: usize| {
        format!("{{{{$x := \"a\"}}}}{{{{range {times}}}}}{{{{$x = print $x $x}}}}{{{{end}}}}{{{{len $x}}}}")
    };
    assert_eq!(expand(&doubled(20)).unwrap(), (1 << 20).to_string());
    let error = expand(&doubled(40)).unwrap_err().to_string();
    assert!(error.contains("16777216 bytes"), "{error}");
}

#[test]
fn loops_that_end_early_cost_their_turns_alone() {
    let billions = "{{ range 4000000000 }}{{ break }}{{ end }}";
    let text = format!("{{{{ range 9000 }}}}{billions}{{{{ end }}}}done");
    assert_eq!(expand(&text).unwrap(), "done");
    let error = expand("{{ range 4000000000 }}{{ end }}").unwrap_err();
    assert_eq!(error.to_string(), "more than 100000 steps");
    assert_eq!(expand("{{ range -1 }}a{{ else }}b{{ end }}").unwrap(), "b");
}

#[test]
fn one_call_makes_no_more_than_all() {
    // A million bytes, all of which stand for more in one call.
    let doubled = |seed: &str, call: &str| {
        format!(
            "{{{{ $x := \"{seed}\" }}}}{{{{ range 20 }}}}{{{{ $x = print $x $x }}}}{{{{ end }}}}{{{{ {call} }}}}"
        )
    };
    let many = " $x".repeat(60);
    for (seed, call) in [
        ("a", format!("print{many}")),
        ("a", format!("println{many}")),
        ("a", format!("printf \"x\"{many}")),
        ("a", format!("printf \"{}\"{many}", "%s".repeat(60))),
        ("a", format!("html{many}")),
    ] {
        let error = expand(&doubled(seed, &call)).unwrap_err().to_string();
        assert!(error.contains("more than 16777216 bytes"), "{call}: {error}");
    }
}

#[test]
fn texts_are_not_made_where_there_is_no_room_for_them() {
    let room = Room::new(100);
    assert!(room.check(100).is_ok() && room.check(101).is_err());
    assert!(room.check_replaced("aaaa", 20, || 4).is_ok());
    assert!(room.check_replaced("abbb", 40, || 1).is_ok());
    assert!(room.check_replaced("aaaa", 40, || 4).is_err());
    let mut pieces = 0;
    let endless = room.write(|out| {
        loop {
            pieces += 1;
            fmt::Write::write_str(out, "0123456789")?;
        }
    });
    assert_eq!(
        endless,
        Err("functions made more than 100 bytes of text".to_owned())
    );
    assert_eq!(pieces, 11);
}
