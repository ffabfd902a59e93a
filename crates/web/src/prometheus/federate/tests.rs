//! What is written, and that the readers of targets read it back.

use ingest::exposition::protobuf::families;
use model::{Histogram, MetricKind};

use super::*;

#[test]
fn forms_are_chosen_as_they_are_asked_for() {
    let check = |accept: &str, form: Form| assert_eq!(Form::negotiate(accept), form, "{accept}");
    check("", Form::Text { utf8: false });
    check("*/*", Form::Text { utf8: false });
    check("text/html", Form::Text { utf8: false });
    check(
        "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,text/plain;version=0.0.4;q=0.2,*/*;q=0.1",
        Form::OpenMetrics { utf8: true },
    );
    check(
        "application/openmetrics-text;version=0.0.1;q=0.4",
        Form::OpenMetrics { utf8: false },
    );
    check(
        "text/plain; version=1.0.0; escaping=allow-utf-8",
        Form::Text { utf8: true },
    );
    check(
        "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.6,text/plain;q=0.5",
        Form::Protobuf { utf8: false },
    );
    check(
        "application/vnd.google.protobuf;encoding=text",
        Form::Text { utf8: false },
    );
}

fn body(form: Form) -> Vec<u8> {
    let float = |value, at_ms| Measured::Float(Sample { at_ms, value });
    let native = Histogram {
        schema: 2,
        count: 3.5,
        sum: 7.0,
        positive: model::Buckets::from_sorted([(1, 1.5), (9, 2.0)]),
        ..Histogram::default()
    };
    let sample = HistogramSample::new(1_500, Arc::new(native));
    let mut found = BTreeMap::new();
    let mut add = |pairs: &[(&str, &str)], measured| {
        let labels = Labels::from_pairs(pairs.iter().copied());
        found.insert((labels.metric_name().to_owned(), labels), measured);
    };
    add(&[("__name__", "b"), ("x", "1\n\"\\")], float(1.5, 1_000));
    add(
        &[("__name__", "b"), ("site", "own")],
        float(f64::INFINITY, -1_250),
    );
    add(&[("__name__", "a.ü"), ("x.y", "z")], float(2.0, 0));
    add(&[("__name__", "h")], Measured::Histogram(sample));
    let external = [
        ("instance".to_owned(), String::new()),
        ("site".to_owned(), "here".to_owned()),
    ];
    write(&found, form, &external)
}

#[test]
fn samples_are_written_in_every_form() {
    let text = |form| String::from_utf8(body(form)).unwrap();
    assert_eq!(
        text(Form::Text { utf8: false }),
        "# TYPE a__ untyped\na__{x_y=\"z\",instance=\"\",site=\"here\"} 2 0\n\
         # TYPE b untyped\nb{site=\"own\",instance=\"\"} +Inf -1250\nb{x=\"1\\n\\\"\\\\\",instance=\"\",site=\"here\"} 1.5 1000\n"
    );
    assert_eq!(
        text(Form::OpenMetrics { utf8: true }),
        "# TYPE \"a.ü\" unknown\n{\"a.ü\",\"x.y\"=\"z\",instance=\"\",site=\"here\"} 2 0\n\
         # TYPE b unknown\nb{site=\"own\",instance=\"\"} +Inf -1.250\n\
         b{x=\"1\\n\\\"\\\\\",instance=\"\",site=\"here\"} 1.5 1\n# EOF\n"
    );
}

#[test]
fn protobuf_holds_native_histograms_and_reads_back() {
    let body = body(Form::Protobuf { utf8: true });
    let read: Vec<_> = families(&body).map(Result::unwrap).collect();
    let names: Vec<(&str, MetricKind, usize)> = read
        .iter()
        .map(|family| {
            (
                family.head.name.as_str(),
                family.head.kind(),
                family.metrics().count(),
            )
        })
        .collect();
    assert_eq!(
        names,
        [
            ("a.ü", MetricKind::Unknown, 1),
            ("b", MetricKind::Unknown, 2),
            ("h", MetricKind::Histogram, 1),
        ]
    );
    let metric = read[2].metrics().next().unwrap().unwrap();
    let histogram = metric.histogram.as_ref().unwrap();
    assert!(histogram.is_native());
    let native = histogram.native(MetricKind::Histogram).unwrap();
    assert_eq!((native.count, native.sum, native.schema), (3.5, 7.0, 2));
    let filled: Vec<(i32, f64)> = native.positive.iter().filter(|(_, count)| *count > 0.0).collect();
    assert_eq!(filled, [(1, 1.5), (9, 2.0)]);
}

#[test]
fn the_newest_is_told_unless_the_series_ended() {
    let columns = |samples: &[(i64, f64)]| {
        let mut columns = SampleColumns::default();
        for (at_ms, value) in samples {
            columns.push(*at_ms, *value);
        }
        columns
    };
    let told = newest(&columns(&[(1, 1.0), (2, 2.0)]), &[]);
    assert_eq!(told, Some(Measured::Float(Sample { at_ms: 2, value: 2.0 })));
    assert_eq!(newest(&columns(&[(1, 1.0), (2, model::STALE_NAN)]), &[]), None);
    assert_eq!(newest(&columns(&[]), &[]), None);
    let histogram = |at_ms, sum| {
        HistogramSample::new(
            at_ms,
            Arc::new(Histogram {
                sum,
                ..Histogram::default()
            }),
        )
    };
    let floats = columns(&[(1, 1.0)]);
    assert!(matches!(
        newest(&floats, &[histogram(2, 1.0)]),
        Some(Measured::Histogram(_))
    ));
    assert_eq!(newest(&floats, &[histogram(2, model::STALE_NAN)]), None);
}
