//! OTLP requests, written by OpenTelemetry's own types in both encodings, become the series that Prometheus makes of them.

#![allow(clippy::unwrap_used, reason = "a test ends at its first fault")]

use std::collections::BTreeMap;
use std::sync::Arc;

use ingest::config::otlp::{OtlpConfig, TranslationStrategy};
use ingest::config::push::PushConfig;
use ingest::config::tenants::{Limits, MultiTenancy};
use ingest::push::otlp::Format;
use ingest::push::{Encoding, Origin, Outcome};
use ingest::{Push, PushTelemetry};
use model::{SampleColumns, Selector, SeriesRead, TenantId, TimeRange};
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::metrics::v1::exemplar::Value as ExemplarValue;
use opentelemetry_proto::tonic::metrics::v1::exponential_histogram_data_point::Buckets;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value as Number;
use opentelemetry_proto::tonic::metrics::v1::summary_data_point::ValueAtQuantile;
use opentelemetry_proto::tonic::metrics::v1::{
    Exemplar, ExponentialHistogram, ExponentialHistogramDataPoint, Gauge, Histogram, HistogramDataPoint,
    Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics, Sum, Summary, SummaryDataPoint,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use prost::Message;
use testkit::MemorySeries;

const DELTA: i32 = 1;
const CUMULATIVE: i32 = 2;
const SECOND_NS: u64 = 1_000_000_000;

fn attribute(key: &str, value: Value) -> KeyValue {
    KeyValue {
        key: key.to_owned(),
        value: Some(AnyValue { value: Some(value) }),
        ..KeyValue::default()
    }
}

fn text(key: &str, value: &str) -> KeyValue {
    attribute(key, Value::StringValue(value.to_owned()))
}

fn metric(name: &str, unit: &str, data: Data) -> Metric {
    Metric {
        name: name.to_owned(),
        unit: unit.to_owned(),
        description: format!("what {name} is"),
        data: Some(data),
        ..Metric::default()
    }
}

fn number(seconds: u64, value: Number, attributes: Vec<KeyValue>) -> NumberDataPoint {
    NumberDataPoint {
        attributes,
        start_time_unix_nano: SECOND_NS,
        time_unix_nano: seconds * SECOND_NS,
        value: Some(value),
        ..NumberDataPoint::default()
    }
}

fn sum(name: &str, monotonic: bool, temporality: i32, points: Vec<NumberDataPoint>) -> Metric {
    let data = Data::Sum(Sum {
        data_points: points,
        aggregation_temporality: temporality,
        is_monotonic: monotonic,
    });
    metric(name, "", data)
}

fn histogram(seconds: u64, counts: &[u64]) -> HistogramDataPoint {
    HistogramDataPoint {
        start_time_unix_nano: SECOND_NS,
        time_unix_nano: seconds * SECOND_NS,
        count: counts.iter().sum(),
        sum: Some(2.5),
        bucket_counts: counts.to_vec(),
        explicit_bounds: vec![0.5, 1.0],
        ..HistogramDataPoint::default()
    }
}

fn exponential(seconds: u64, scale: i32, offset: i32, counts: &[u64]) -> ExponentialHistogramDataPoint {
    ExponentialHistogramDataPoint {
        start_time_unix_nano: SECOND_NS,
        time_unix_nano: seconds * SECOND_NS,
        count: counts.iter().sum::<u64>() + 2,
        sum: Some(7.0),
        scale,
        zero_count: 2,
        positive: Some(Buckets {
            offset,
            bucket_counts: counts.to_vec(),
        }),
        ..ExponentialHistogramDataPoint::default()
    }
}

fn request(resource: Vec<KeyValue>, metrics: Vec<Metric>) -> ExportMetricsServiceRequest {
    ExportMetricsServiceRequest {
        resource_metrics: vec![ResourceMetrics {
            resource: Some(Resource {
                attributes: resource,
                ..Resource::default()
            }),
            scope_metrics: vec![ScopeMetrics {
                scope: Some(InstrumentationScope {
                    name: "my.lib".to_owned(),
                    version: "1.2".to_owned(),
                    attributes: vec![text("team", "a")],
                    ..InstrumentationScope::default()
                }),
                metrics,
                schema_url: "https://schema".to_owned(),
            }],
            ..ResourceMetrics::default()
        }],
    }
}

/// A receiver with a store of its own.
struct Receiver {
    store: Arc<MemorySeries>,
    push: Push,
}

impl Receiver {
    fn new(config: &OtlpConfig) -> Self {
        let store = MemorySeries::new();
        let push = Push::new(Arc::<MemorySeries>::clone(&store), PushTelemetry::default());
        push.configure_otlp(config);
        Self { store, push }
    }

    fn send(&self, request: &ExportMetricsServiceRequest) -> Outcome {
        let body = request.encode_to_vec();
        self.push
            .otlp_metrics(&body, Encoding::Identity, Format::Protobuf, Origin::alone(0))
            .unwrap()
    }

    fn send_json(&self, request: &ExportMetricsServiceRequest) -> Outcome {
        let body = serde_json::to_vec(request).unwrap();
        self.push
            .otlp_metrics(&body, Encoding::Identity, Format::Json, Origin::alone(0))
            .unwrap()
    }

    /// Everything that is stored, one line a sample.
    fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for (labels, samples) in self.store.dump() {
            for (at_ms, value) in samples {
                let value = if model::is_stale(value) {
                    "stale".to_owned()
                } else {
                    value.to_string()
                };
                lines.push(format!("{labels} {value} @{at_ms}"));
            }
        }
        for (labels, samples) in self.store.dump_histograms() {
            for sample in samples {
                let h = &sample.value;
                let sum = if h.is_stale() {
                    "stale".to_owned()
                } else {
                    h.sum.to_string()
                };
                let buckets: Vec<(i32, f64)> = h.positive.iter().filter(|(_, count)| *count > 0.0).collect();
                lines.push(format!(
                    "{labels} count={} sum={sum} schema={} zero={} {buckets:?} @{}",
                    h.count, h.schema, h.zero_count, sample.at_ms
                ));
            }
        }
        for (labels, exemplars) in self.store.dump_exemplars() {
            for exemplar in exemplars {
                lines.push(format!(
                    "{labels} # {} {} @{}",
                    exemplar.labels, exemplar.value, exemplar.at_ms
                ));
            }
        }
        lines
    }
}

/// Both encodings of `requests` leave `expected` behind.
fn check(config: &OtlpConfig, requests: &[ExportMetricsServiceRequest], expected: &[&str]) {
    let (protobuf, json) = (Receiver::new(config), Receiver::new(config));
    for request in requests {
        assert_eq!(protobuf.send(request), json.send_json(request));
    }
    assert_eq!(protobuf.lines(), expected, "protobuf");
    assert_eq!(json.lines(), expected, "JSON");
}

fn shop() -> Vec<KeyValue> {
    vec![
        text("service.name", "cart"),
        text("service.namespace", "shop"),
        text("service.instance.id", "i-1"),
    ]
}

/// The starts of what is stored, in milliseconds, by metric.
fn starts(store: &MemorySeries) -> BTreeMap<String, Vec<i64>> {
    let selector = Selector {
        tenant: TenantId::DEFAULT,
        matchers: Vec::new(),
        range: TimeRange::ALL,
    };
    let mut found = BTreeMap::new();
    for series in store.select(&selector).unwrap() {
        let (mut samples, mut histograms) = (SampleColumns::default(), Vec::new());
        series.read(TimeRange::ALL, &mut samples).unwrap();
        series.read_histograms(TimeRange::ALL, &mut histograms).unwrap();
        let of_numbers = (0..samples.len()).map(|place| samples.starts.get(place));
        let of_all = of_numbers.chain(histograms.iter().map(|sample| sample.start_ms));
        let name = series.labels().metric_name().to_owned();
        found.insert(name, of_all.collect());
    }
    found
}

#[test]
fn what_counts_keeps_its_start_and_sums_of_deltas_have_none() {
    let point = |seconds| number(seconds, Number::AsInt(3), Vec::new());
    let gauge = Data::Gauge(Gauge {
        data_points: vec![point(60)],
    });
    let exponential = Data::ExponentialHistogram(ExponentialHistogram {
        data_points: vec![exponential(60, 3, 0, &[1, 2])],
        aggregation_temporality: CUMULATIVE,
    });
    let metrics = vec![
        metric("g", "", gauge),
        sum("up", true, CUMULATIVE, vec![point(60), point(120)]),
        sum("updown", false, CUMULATIVE, vec![point(60)]),
        sum("delta", true, DELTA, vec![point(60), point(120)]),
        metric("exp", "", exponential),
    ];
    let receiver = Receiver::new(&OtlpConfig::default());
    receiver.send(&request(Vec::new(), metrics));
    let found = starts(&receiver.store);
    let of = |name: &str| found.get(name).cloned().unwrap_or_default();
    assert_eq!(of("up_total"), [1000, 1000], "{found:?}");
    assert_eq!(of("exp"), [1000], "{found:?}");
    for name in ["g", "updown", "delta_total"] {
        assert!(
            !of(name).is_empty() && of(name).iter().all(|start_ms| *start_ms == 0),
            "{name}: {found:?}"
        );
    }
}

#[test]
fn numbers_become_gauges_and_counters() {
    let list = ArrayValue {
        values: vec![
            AnyValue {
                value: Some(Value::StringValue("a".to_owned())),
            },
            AnyValue {
                value: Some(Value::IntValue(1)),
            },
        ],
    };
    let attributes = vec![
        text("route", "/a"),
        attribute("code", Value::IntValue(200)),
        attribute("ok", Value::BoolValue(true)),
        attribute("share", Value::DoubleValue(0.5)),
        attribute("list", Value::ArrayValue(list)),
        text("empty", ""),
    ];
    let gauge = Data::Gauge(Gauge {
        data_points: vec![number(60, Number::AsDouble(-0.25), Vec::new())],
    });
    let requests = [request(
        shop(),
        vec![
            sum(
                "requests",
                true,
                CUMULATIVE,
                vec![number(60, Number::AsInt(5), attributes)],
            ),
            sum(
                "queue.size",
                false,
                CUMULATIVE,
                vec![number(60, Number::AsInt(-3), Vec::new())],
            ),
            metric("level", "1", gauge),
        ],
    )];
    check(
        &OtlpConfig::default(),
        &requests,
        &[
            r#"level_ratio{instance="i-1", job="shop/cart"} -0.25 @60000"#,
            r#"queue_size{instance="i-1", job="shop/cart"} -3 @60000"#,
            r#"requests_total{code="200", instance="i-1", job="shop/cart", list="[\"a\",1]", ok="true", route="/a", share="0.5"} 5 @60000"#,
        ],
    );
}

#[test]
fn histograms_and_summaries_become_their_parts() {
    let mut ended = histogram(120, &[]);
    (ended.flags, ended.sum, ended.count) = (1, None, 0);
    ended.explicit_bounds.clear();
    let histograms = Data::Histogram(Histogram {
        data_points: vec![histogram(60, &[1, 2, 3]), ended],
        aggregation_temporality: CUMULATIVE,
    });
    let summary = Data::Summary(Summary {
        data_points: vec![SummaryDataPoint {
            time_unix_nano: 60 * SECOND_NS,
            count: 4,
            sum: 9.5,
            quantile_values: vec![ValueAtQuantile {
                quantile: 0.99,
                value: 3.0,
            }],
            ..SummaryDataPoint::default()
        }],
    });
    let requests = [request(
        vec![text("service.name", "cart")],
        vec![metric("latency", "s", histograms), metric("size", "By", summary)],
    )];
    check(
        &OtlpConfig::default(),
        &requests,
        &[
            r#"latency_seconds_bucket{job="cart", le="+Inf"} 6 @60000"#,
            r#"latency_seconds_bucket{job="cart", le="+Inf"} stale @120000"#,
            r#"latency_seconds_bucket{job="cart", le="0.5"} 1 @60000"#,
            r#"latency_seconds_bucket{job="cart", le="1"} 3 @60000"#,
            r#"latency_seconds_count{job="cart"} 6 @60000"#,
            r#"latency_seconds_count{job="cart"} stale @120000"#,
            r#"latency_seconds_sum{job="cart"} 2.5 @60000"#,
            r#"size_bytes{job="cart", quantile="0.99"} 3 @60000"#,
            r#"size_bytes_count{job="cart"} 4 @60000"#,
            r#"size_bytes_sum{job="cart"} 9.5 @60000"#,
        ],
    );
}

#[test]
fn exponential_and_custom_histograms_become_native_ones() {
    let mut ended = exponential(120, 0, 0, &[]);
    ended.flags = 1;
    let exponentials = Data::ExponentialHistogram(ExponentialHistogram {
        data_points: vec![
            exponential(60, 3, -1, &[1, 0, 4]),
            exponential(90, 9, 0, &[1, 1, 4]),
            ended,
        ],
        aggregation_temporality: CUMULATIVE,
    });
    let histograms = Data::Histogram(Histogram {
        data_points: vec![histogram(60, &[1, 0, 3])],
        aggregation_temporality: CUMULATIVE,
    });
    let requests = [request(
        Vec::new(),
        vec![
            metric("latency", "ms", exponentials),
            metric("size", "", histograms),
        ],
    )];
    let config = OtlpConfig {
        convert_histograms_to_nhcb: true,
        ..OtlpConfig::default()
    };
    check(
        &config,
        &requests,
        &[
            "latency_milliseconds{} count=7 sum=7 schema=3 zero=2 [(0, 1.0), (2, 4.0)] @60000",
            "latency_milliseconds{} count=8 sum=7 schema=8 zero=2 [(1, 2.0), (2, 4.0)] @90000",
            "latency_milliseconds{} count=0 sum=stale schema=0 zero=0 [] @120000",
            "size{} count=4 sum=2.5 schema=-53 zero=0 [(0, 1.0), (2, 3.0)] @60000",
        ],
    );
}

#[test]
fn deltas_are_added_up() {
    let of_time = |seconds: u64, value: i64| {
        let deltas = Data::Histogram(Histogram {
            data_points: vec![histogram(seconds, &[1, 0, 1])],
            aggregation_temporality: DELTA,
        });
        let exponentials = Data::ExponentialHistogram(ExponentialHistogram {
            data_points: vec![exponential(seconds, 0, 0, &[1])],
            aggregation_temporality: DELTA,
        });
        let points = |value| vec![number(seconds, Number::AsInt(value), Vec::new())];
        request(
            Vec::new(),
            vec![
                sum("up.down", false, DELTA, points(-value)),
                sum("requests", true, DELTA, points(value)),
                metric("size", "", deltas),
                metric("expo", "", exponentials),
            ],
        )
    };
    // The second is sent twice, as a sender does that has heard no answer.
    check(
        &OtlpConfig::default(),
        &[of_time(60, 5), of_time(120, 2), of_time(120, 2)],
        &[
            "requests_total{} 5 @60000",
            "requests_total{} 7 @120000",
            r#"size_bucket{le="+Inf"} 2 @60000"#,
            r#"size_bucket{le="+Inf"} 4 @120000"#,
            r#"size_bucket{le="0.5"} 1 @60000"#,
            r#"size_bucket{le="0.5"} 2 @120000"#,
            r#"size_bucket{le="1"} 1 @60000"#,
            r#"size_bucket{le="1"} 2 @120000"#,
            "size_count{} 2 @60000",
            "size_count{} 4 @120000",
            "size_sum{} 2.5 @60000",
            "size_sum{} 5 @120000",
            "up_down{} -5 @60000",
            "up_down{} -7 @120000",
            "expo{} count=3 sum=7 schema=0 zero=2 [(1, 1.0)] @60000",
            "expo{} count=6 sum=14 schema=0 zero=4 [(1, 2.0)] @120000",
        ],
    );
}

#[test]
fn what_is_refused_adds_nothing_to_the_total() {
    let receiver = Receiver::new(&OtlpConfig::default());
    let labels_max = |max: u64| {
        let limits: Limits =
            serde_json::from_value(serde_json::json!({"default": {"labels_per_series": max}})).unwrap();
        receiver
            .push
            .configure(&PushConfig::default(), &MultiTenancy::default(), &limits);
    };
    let deltas = |seconds| {
        let attributes = vec![text("a", "b")];
        let mut points = exponential(seconds, 0, 0, &[1]);
        points.attributes.clone_from(&attributes);
        let exponentials = Data::ExponentialHistogram(ExponentialHistogram {
            data_points: vec![points],
            aggregation_temporality: DELTA,
        });
        let points = vec![number(seconds, Number::AsInt(5), attributes)];
        let all = vec![sum("s", true, DELTA, points), metric("e", "", exponentials)];
        request(Vec::new(), all)
    };
    labels_max(1);
    assert_eq!(receiver.send(&deltas(60)).invalid, 2);
    labels_max(2);
    assert_eq!(receiver.send(&deltas(120)).invalid, 0);
    assert_eq!(
        receiver.lines(),
        [
            r#"s_total{a="b"} 5 @120000"#,
            r#"e{a="b"} count=3 sum=7 schema=0 zero=2 [(1, 1.0)] @120000"#,
        ]
    );
}

#[test]
fn labels_that_many_points_share_count_for_each_of_them_even_where_they_are_refused() {
    let receiver = Receiver::new(&OtlpConfig {
        promote_all_resource_attributes: true,
        ..OtlpConfig::default()
    });
    let limits = serde_json::json!({"default": {"labels_per_series": 1}});
    let limits: Limits = serde_json::from_value(limits).unwrap();
    receiver
        .push
        .configure(&PushConfig::default(), &MultiTenancy::default(), &limits);
    let send = |points: u64| {
        let points = (0..points)
            .map(|seconds| number(60 + seconds, Number::AsInt(1), Vec::new()))
            .collect();
        let data = Data::Gauge(Gauge { data_points: points });
        let body = request(vec![text("a", &"x".repeat(1 << 20))], vec![metric("m", "", data)]);
        let origin = Origin::alone(0);
        receiver.push.otlp_metrics(
            &body.encode_to_vec(),
            Encoding::Identity,
            Format::Protobuf,
            origin,
        )
    };
    assert_eq!(send(100).unwrap().invalid, 100);
    let refused = send(300).unwrap_err().to_string();
    assert!(refused.contains("bytes of samples and labels"), "{refused}");
}

#[test]
fn a_long_name_is_told_by_its_beginning() {
    let receiver = Receiver::new(&OtlpConfig::default());
    // Written out for each point, the name would be half a terabyte.
    let points = vec![NumberDataPoint::default(); 500_000];
    let data = Data::Gauge(Gauge { data_points: points });
    let outcome = receiver.send(&request(Vec::new(), vec![metric(&"n".repeat(1 << 20), "", data)]));
    assert_eq!(outcome.invalid, 500_000);
    let told = outcome.complaint().unwrap();
    assert!(
        told.len() < 1000 && told.contains("nnn: a point without a time"),
        "{told}"
    );
}

#[test]
fn a_body_that_comes_again_is_answered_as_the_first_time() {
    let of_time = |seconds: u64| {
        let points = vec![number(seconds, Number::AsInt(5), Vec::new())];
        request(Vec::new(), vec![sum("requests", true, DELTA, points)])
    };
    let receiver = Receiver::new(&OtlpConfig::default());
    let first = receiver.send(&of_time(60));
    assert_eq!(receiver.send(&of_time(60)), first);
    assert_eq!((first.invalid, first.accepted.stored), (0, 1));
    // The same points in another body are out of order.
    assert_eq!(receiver.send_json(&of_time(60)).invalid, 1);
    receiver.send(&of_time(120));
    assert_eq!(
        receiver.lines(),
        ["requests_total{} 5 @60000", "requests_total{} 10 @120000"]
    );
}

#[test]
fn resources_and_scopes_become_labels_as_configured() {
    let mut resource = shop();
    resource.extend([text("host.name", "web-1"), text("k8s.pod", "p")]);
    let gauge = |seconds| {
        Data::Gauge(Gauge {
            data_points: vec![number(seconds, Number::AsInt(1), vec![text("host_name", "own")])],
        })
    };
    let requests = [request(
        resource,
        vec![metric("a.b", "", gauge(60)), metric("c", "", gauge(400))],
    )];
    check(
        &OtlpConfig {
            promote_resource_attributes: vec!["k8s.pod".to_owned(), " host.name ".to_owned()],
            promote_scope_metadata: true,
            ..OtlpConfig::default()
        },
        &requests,
        &[
            r#"a_b{host_name="own", instance="i-1", job="shop/cart", k8s_pod="p", otel_scope_name="my.lib", otel_scope_schema_url="https://schema", otel_scope_team="a", otel_scope_version="1.2"} 1 @60000"#,
            r#"c{host_name="own", instance="i-1", job="shop/cart", k8s_pod="p", otel_scope_name="my.lib", otel_scope_schema_url="https://schema", otel_scope_team="a", otel_scope_version="1.2"} 1 @400000"#,
            r#"target_info{host_name="web-1", instance="i-1", job="shop/cart", k8s_pod="p"} 1 @60000"#,
            r#"target_info{host_name="web-1", instance="i-1", job="shop/cart", k8s_pod="p"} 1 @210000"#,
            r#"target_info{host_name="web-1", instance="i-1", job="shop/cart", k8s_pod="p"} 1 @360000"#,
            r#"target_info{host_name="web-1", instance="i-1", job="shop/cart", k8s_pod="p"} 1 @400000"#,
        ],
    );
    let requests = [request(
        vec![text("service.name", "cart"), text("host.name", "web-1")],
        vec![metric("a.b", "s", gauge(60))],
    )];
    check(
        &OtlpConfig {
            promote_all_resource_attributes: true,
            ignore_resource_attributes: vec!["service.name".to_owned()],
            keep_identifying_resource_attributes: true,
            translation_strategy: TranslationStrategy::NoTranslation,
            ..OtlpConfig::default()
        },
        &requests,
        &[
            r#"{"a.b", "host.name"="web-1", host_name="own", job="cart"} 1 @60000"#,
            r#"target_info{"host.name"="web-1", job="cart", "service.name"="cart"} 1 @60000"#,
        ],
    );
}

#[test]
fn exemplars_go_to_the_bucket_that_holds_them() {
    let exemplar = |value: f64, attributes: Vec<KeyValue>| Exemplar {
        filtered_attributes: attributes,
        time_unix_nano: 59 * SECOND_NS,
        value: Some(ExemplarValue::AsDouble(value)),
        span_id: vec![0, 1, 2, 3, 4, 5, 6, 7],
        trace_id: vec![0xab; 16],
    };
    let mut point = histogram(60, &[1, 1, 1]);
    point.exemplars = vec![
        exemplar(0.5, vec![text("user", "u")]),
        exemplar(0.7, vec![text("long", &"x".repeat(128))]),
        exemplar(9.0, Vec::new()),
    ];
    let data = Data::Histogram(Histogram {
        data_points: vec![point],
        aggregation_temporality: CUMULATIVE,
    });
    let receiver = Receiver::new(&OtlpConfig::default());
    let both = request(Vec::new(), vec![metric("size", "", data)]);
    receiver.send(&both);
    let ids = r#"span_id="0001020304050607", trace_id="abababababababababababababababab""#;
    let expected = [
        format!(r#"size_bucket{{le="+Inf"}} # {{{ids}}} 9 @59000"#),
        format!(r#"size_bucket{{le="0.5"}} # {{{ids}, user="u"}} 0.5 @59000"#),
        format!(r#"size_bucket{{le="1"}} # {{{ids}}} 0.7 @59000"#),
    ];
    let of_exemplars = |receiver: &Receiver| -> Vec<String> {
        receiver
            .lines()
            .into_iter()
            .filter(|line| line.contains(" # "))
            .collect()
    };
    assert_eq!(of_exemplars(&receiver), expected);
    let json = Receiver::new(&OtlpConfig::default());
    json.send_json(&both);
    assert_eq!(of_exemplars(&json), expected);
}

#[test]
fn what_makes_no_sense_is_left_out_and_told() {
    let mut timeless = number(60, Number::AsInt(1), Vec::new());
    timeless.time_unix_nano = 0;
    let mut empty = number(60, Number::AsInt(1), Vec::new());
    empty.value = None;
    let gauge = |points| Data::Gauge(Gauge { data_points: points });
    let good = || number(60, Number::AsInt(1), Vec::new());
    let requests = [request(
        Vec::new(),
        vec![
            metric("bad", "", gauge(vec![timeless, empty, good()])),
            metric("ようこそ", "", gauge(vec![good()])),
            metric(
                "labels",
                "",
                gauge(vec![number(60, Number::AsInt(1), vec![text("", "x")])]),
            ),
            sum("when", true, 0, vec![good()]),
        ],
    )];
    let receiver = Receiver::new(&OtlpConfig::default());
    let outcome = receiver.send(&requests[0]);
    assert_eq!((outcome.invalid, outcome.accepted.stored), (5, 1));
    let told = outcome.complaint().unwrap();
    for part in [
        "bad: a point without a time",
        "bad: a point without a value",
        "no name behind",
        "when: its aggregation temporality",
    ] {
        assert!(told.contains(part), "{told}");
    }
    check(&OtlpConfig::default(), &requests, &["bad{} 1 @60000"]);
}

#[test]
fn metadata_tells_kind_help_and_unit() {
    let receiver = Receiver::new(&OtlpConfig::default());
    let points = vec![number(60, Number::AsInt(5), Vec::new())];
    let data = Data::Sum(Sum {
        data_points: points,
        aggregation_temporality: CUMULATIVE,
        is_monotonic: true,
    });
    receiver.send(&request(shop(), vec![metric("io", "By", data)]));
    let metadata = receiver.store.dump_metadata();
    let entry = metadata.first().unwrap();
    assert_eq!(
        (&*entry.name, entry.kind.as_str(), &*entry.help, &*entry.unit),
        ("io_bytes_total", "counter", "what io is", "bytes")
    );
}

#[test]
fn bodies_of_another_kind_are_refused_whole() {
    let receiver = Receiver::new(&OtlpConfig::default());
    let refused = |body: &[u8], format| {
        let result = receiver
            .push
            .otlp_metrics(body, Encoding::Identity, format, Origin::alone(0));
        result.unwrap_err().to_string()
    };
    assert!(refused(b"\x0a\xff", Format::Protobuf).contains("OTLP request"));
    assert!(refused(b"{", Format::Json).contains("line 1"));
    assert!(refused(br#"{"resourceMetrics": 5}"#, Format::Json).contains("OTLP request"));
    let many = format!("{{\"resourceMetrics\": [{}]}}", "{},".repeat(600_000));
    assert!(refused(many.as_bytes(), Format::Json).contains("objects"));
    assert!(receiver.lines().is_empty());
}
