//! What is sent arrives; what is cut or changed is refused.

use std::sync::Arc;

use model::{ResetHint, STALE_NAN, Span};
use proptest::prelude::*;

use super::*;

type Read3 = Vec<(Labels, SampleColumns, Vec<HistogramSample>)>;

fn read_all(bytes: &[u8]) -> Result<Read3, ImportError> {
    let mut all = Read3::new();
    read(bytes, &mut |labels, samples, histograms| {
        all.push((labels.clone(), samples.clone(), histograms.to_vec()));
        Ok(())
    })?;
    Ok(all)
}

fn send(series: &Read3) -> Vec<u8> {
    let mut writer = FrameWriter::default();
    let mut out = Vec::new();
    for (labels, samples, histograms) in series {
        writer
            .add(labels, samples, histograms, |frame| {
                out.extend(frame);
                Ok::<(), WriteError>(())
            })
            .unwrap();
    }
    out.extend(writer.finish());
    out
}

fn example() -> Read3 {
    let mut samples = SampleColumns::default();
    for (at_ms, value) in [
        (-5, 1.5),
        (0, f64::INFINITY),
        (1_700_000_000_123, -0.0),
        (1_700_000_000_124, 1e-300),
    ] {
        samples.push(at_ms, value);
    }
    let histogram = Histogram {
        reset_hint: ResetHint::Gauge,
        schema: -4,
        zero_threshold: 1e-9,
        zero_count: 2.0,
        count: 9.5,
        sum: -3.25,
        positive: Buckets {
            spans: vec![
                Span {
                    offset: -7,
                    length: 2,
                },
                Span { offset: 3, length: 1 },
            ],
            counts: vec![1.0, 2.0, 3.5],
        },
        negative: Buckets {
            spans: vec![Span { offset: 1, length: 1 }],
            counts: vec![1.0],
        },
        custom_bounds: Arc::from([]),
    };
    let histogram = HistogramSample::new(77, Arc::new(histogram));
    let labels = |name: &str| Labels::from_pairs([("__name__", name), ("größe", "a\n\"b")]);
    vec![
        (labels("m"), samples, Vec::new()),
        (labels("n.utf8"), SampleColumns::default(), vec![histogram]),
    ]
}

#[test]
fn what_is_sent_arrives() {
    assert_eq!(read_all(&send(&example())).unwrap(), example());
    assert_eq!(read_all(&send(&Vec::new())).unwrap(), Vec::new());
}

#[test]
fn the_marker_that_ends_a_series_arrives_with_its_bits() {
    let mut samples = SampleColumns::default();
    samples.push(1, STALE_NAN);
    let sent = send(&vec![(
        Labels::from_pairs([("__name__", "m")]),
        samples,
        Vec::new(),
    )]);
    let arrived = read_all(&sent).unwrap();
    assert_eq!(arrived[0].1.values[0].to_bits(), STALE_NAN.to_bits());
}

#[test]
fn long_series_come_in_pieces() {
    let mut samples = SampleColumns::default();
    (0..=FRAME_SAMPLES as i64 * 2).for_each(|at_ms| samples.push(at_ms, at_ms as f64));
    let labels = Labels::from_pairs([("__name__", "m")]);
    let arrived = read_all(&send(&vec![(labels.clone(), samples.clone(), Vec::new())])).unwrap();
    assert_eq!(arrived.len(), 3);
    let joined: Vec<i64> = arrived
        .into_iter()
        .flat_map(|(_, piece, _)| piece.at_ms)
        .collect();
    assert_eq!(joined, samples.at_ms);
}

#[test]
fn frames_of_large_histograms_are_as_large_as_they_may_be() {
    // 1 MB each, which hardly packs.
    let counts: Vec<f64> = (1..=1 << 16).map(|n| 1.0 / f64::from(n)).collect();
    let side = |offset| Buckets {
        spans: vec![Span {
            offset,
            length: 1 << 16,
        }],
        counts: counts.clone(),
    };
    let histogram = Arc::new(Histogram {
        positive: side(1),
        negative: side(2),
        ..Histogram::default()
    });
    let histograms: Vec<_> = (0..90)
        .map(|at_ms| HistogramSample::new(at_ms, Arc::clone(&histogram)))
        .collect();
    let labels = Labels::from_pairs([("__name__", "m")]);
    let sent = send(&vec![(labels, SampleColumns::default(), histograms.clone())]);
    let arrived: Vec<_> = read_all(&sent)
        .unwrap()
        .into_iter()
        .flat_map(|(_, _, some)| some)
        .collect();
    assert!(arrived == histograms);
}

#[test]
fn a_sample_that_fits_into_no_frame_is_refused() {
    let mut samples = SampleColumns::default();
    samples.push(1, 1.0);
    let labels = |bytes: usize| Labels::from_pairs([("__name__", "m"), ("l", "x".repeat(bytes).as_str())]);
    let half = FRAME_BYTES_MAX / 2;
    let (one, other) = (labels(half), labels(half + 1));
    let all = vec![
        (one, samples.clone(), Vec::new()),
        (other, samples.clone(), Vec::new()),
    ];
    assert_eq!(read_all(&send(&all)).unwrap(), all);
    let sent = |_| Ok::<(), WriteError>(());
    let error = FrameWriter::default()
        .add(&labels(FRAME_BYTES_MAX), &samples, &[], sent)
        .unwrap_err();
    assert!(matches!(error, WriteError::TooLarge { .. }), "{error}");
}

#[test]
fn a_stream_that_is_cut_is_refused() {
    let sent = send(&example());
    for length in 0..sent.len() {
        let error = read_all(&sent[..length]).unwrap_err().to_string();
        assert!(error.contains("frame"), "{error}");
    }
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
        let _ = read_all(&bytes);
        // As the contents of a frame.
        let packed = snap::raw::Encoder::new().compress_vec(&bytes).unwrap();
        let mut framed = (packed.len() as u32).to_be_bytes().to_vec();
        framed.extend(packed);
        framed.extend([0; 4]);
        let _ = read_all(&framed);
    }
}
