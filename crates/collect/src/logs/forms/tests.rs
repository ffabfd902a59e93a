//! Every form, cut at every place.

use proptest::prelude::*;

use super::*;
use crate::limits::LOG_LINE_BYTES_MAX;
use crate::logs::config::MultilineConfig;

fn multiline(text: &str) -> Form {
    let config: Vec<MultilineConfig> = stdx::yaml::read(&format!("[{text}]")).unwrap();
    Form::Multiline(Multiline::new(&config[0]).unwrap())
}

/// The entries of a file that is read in stretches of `step` bytes more each time.
fn entries(form: &Form, file: &[u8], step: usize) -> Vec<String> {
    let mut found = Vec::new();
    let (mut at, mut written, mut is_skipping) = (0, 0, false);
    loop {
        let is_last = written >= file.len();
        let end = if is_last { End::Closed } else { End::Open };
        let cut = form.cut(
            &file[at..written.min(file.len())],
            is_skipping,
            end,
            &mut |record| {
                let stream = record.stream.map_or("", container::Stream::as_str);
                let text = String::from_utf8_lossy(&record.text);
                found.push(format!(
                    "{stream}{}{text}",
                    if stream.is_empty() { "" } else { " " }
                ));
                true
            },
        );
        at += cut.consumed;
        is_skipping = cut.is_skipping;
        if is_last {
            assert_eq!(at, file.len());
            return found;
        }
        written += step;
    }
}

fn check(form: &Form, file: &str, expected: &[&str]) {
    for step in [1, 2, 7, 10_000] {
        assert_eq!(
            entries(form, file.as_bytes(), step),
            expected,
            "in steps of {step}"
        );
    }
}

#[test]
fn stretches_do_not_matter() {
    check(&Form::Plain, "one\n\ntwo\r\nthree", &["one", "two", "three"]);
    let start = multiline(r"{start: '^\d'}");
    check(
        &start,
        "lost\n1 a\n  at b\n  at c\n2 d\n3 e\nf",
        &["lost", "1 a\n  at b\n  at c", "2 d", "3 e\nf"],
    );
    let go_on = multiline(r"{continue: '^\s', max_lines: 3}");
    check(
        &go_on,
        "a\n b\n c\n d\ne\nf\n g\n",
        &["a\n b\n c", " d", "e", "f\n g"],
    );
    let cri = "2024-05-01T10:00:00.123456789Z stdout P begun \n\
               2024-05-01T10:00:00.2Z stderr F other\n\
               2024-05-01T10:00:00.3Z stdout P and \n\
               2024-05-01T10:00:00.4Z stdout F ended\n\
               not in form\n\
               2024-05-01T10:00:01+02:00 stdout F \n\
               2024-05-01T10:00:01Z stdout F:x last\n";
    check(
        &Form::Container,
        cri,
        &[
            "stderr other",
            "stdout begun and ended",
            "not in form",
            "stdout last",
        ],
    );
    let docker = r#"{"log":"begun ","stream":"stdout","time":"2024-05-01T10:00:00.123456789Z"}
{"log":"ended\n","stream":"stdout","time":"2024-05-01T10:00:00.2Z","attrs":{"tag":"x"}}
{"log":"\u00e4\r\n","stream":"stderr","time":"2024-05-01T10:00:00.3Z"}
"#;
    check(&Form::Container, docker, &["stdout begun ended", "stderr ä"]);
}

#[test]
fn long_lines_are_cut_and_say_so() {
    let long = "x".repeat(LOG_LINE_BYTES_MAX + 5);
    let check = |form: &Form, file: &str, end, expected: (usize, bool)| {
        let mut cuts = 0;
        let cut = form.cut(file.as_bytes(), false, end, &mut |record| {
            cuts += usize::from(record.is_cut);
            assert!(record.text.len() <= LOG_LINE_BYTES_MAX);
            true
        });
        assert_eq!((cut.consumed, cut.is_skipping), expected);
        assert_eq!(cuts, 1);
    };
    let file = format!("{long}\nnext\n");
    check(&Form::Plain, &file, End::Open, (file.len(), false));
    check(&Form::Plain, &long, End::Open, (long.len(), true));
    let form = multiline("{start: '^A'}");
    check(&form, &long, End::Full, (long.len(), true));
    let cri = format!("2024-05-01T10:00:00Z stdout F {long}\n");
    check(&Form::Container, &cri, End::Open, (cri.len(), false));
    // What follows is left out up to the end of the line.
    let cut = Form::Plain.cut(b"xxx", true, End::Open, &mut |_| panic!("not wanted"));
    assert_eq!((cut.consumed, cut.is_skipping), (3, true));
    let mut found = Vec::new();
    let cut = Form::Plain.cut(b"xxx\nnext\n", true, End::Open, &mut |record| {
        found.push(record.text.to_vec());
        true
    });
    assert_eq!(
        (cut.consumed, cut.is_skipping, found),
        (9, false, vec![b"next".to_vec()])
    );
}

#[test]
fn a_line_that_never_ends_does_not_hold_up_the_other_stream() {
    let mut file = "2024-05-01T10:00:00Z stdout P begun\n".to_owned();
    for _ in 0..10 {
        file.push_str("2024-05-01T10:00:00Z stderr F other\n");
    }
    let mut count = 0;
    let mut cut = |end| {
        count = 0;
        let cut = Form::Container.cut(file.as_bytes(), false, end, &mut |_| {
            count += 1;
            true
        });
        (cut.consumed, count)
    };
    assert_eq!(cut(End::Open), (0, 0));
    assert_eq!(cut(End::Full), (file.len(), 11));
    assert_eq!(cut(End::Waited), (file.len(), 11));
}

#[test]
fn who_takes_no_more_gets_the_rest_later() {
    let forms = [Form::Plain, multiline("{start: '^l'}")];
    for form in forms {
        let cut = form.cut(b"l1\nl2\nl3\n", false, End::Closed, &mut |_| false);
        assert_eq!(cut.consumed, 3, "{form:?}");
    }
    let line = "2024-05-01T10:00:00Z stdout F a\n";
    let cut = Form::Container.cut(line.repeat(3).as_bytes(), false, End::Closed, &mut |_| false);
    assert_eq!(cut.consumed, line.len());
}

proptest! {
    #[test]
    fn no_bytes_panic_a_form(file in "([ -~]|\\PC|\n| stdout P |2024-05-01T10:00:00Z|\\{\"log\":\"a\"){0,60}", step in 1_usize..9) {
        for form in [Form::Plain, multiline("{start: '^[a-f]', max_lines: 3}"), Form::Container] {
            // The same entries in whatever stretches.
            let whole = entries(&form, file.as_bytes(), usize::MAX / 2);
            prop_assert_eq!(&whole, &entries(&form, file.as_bytes(), step));
        }
    }
}
