//! Graphs as they are drawn.

use super::*;

const START_MS: i64 = 1_700_010_600_000;

fn row(name: &str, values: &[Option<f64>]) -> Row {
    let points = values.iter().enumerate().filter_map(|(index, value)| {
        Some(Point {
            at_ms: START_MS + index as i64 * 60_000,
            text: String::new(),
            number: Some((*value)?),
            is_histogram: false,
        })
    });
    Row {
        series: name.to_owned(),
        points: points.collect(),
    }
}

fn frame(minutes: i64, is_coloured: bool) -> Frame {
    Frame {
        width: 60,
        is_coloured,
        from_ms: START_MS,
        to_ms: START_MS + minutes * 60_000,
        step_ms: 60_000,
    }
}

fn wave(count: usize, phase: f64) -> Vec<Option<f64>> {
    let value = |index: usize| (index as f64 / 5.0 + phase).sin() * 2_000.0;
    (0..count).map(|index| Some(value(index))).collect()
}

#[test]
fn one_series_is_a_line_of_dots() {
    insta::assert_snapshot!(draw(&[row("requests{job=\"web\"}", &wave(61, 0.0))], frame(60, false)), @r#"
     2k ┤     ⡠⠊⠉⠢⡀                       ⢀⠔⠉⠉⢆
        │    ⡰⠁   ⠘⢄                     ⢠⠃   ⠈⢢
        │   ⡰⠁     ⠈⡆                    ⡎      ⢣
        │  ⢰⠁       ⠘⡄                  ⡰⠁       ⢇
     1k ┤  ⡎         ⢣                 ⢠⠃        ⠘⡄
        │ ⢰⠁         ⠸⡀                ⡎          ⠱⡀
        │⢀⠇           ⢣               ⡸            ⡇
        │⡜            ⠈⡆             ⢠⠃            ⢸
      0 ┤              ⠸⡀            ⡎             ⠈⡆
        │               ⢇           ⢠⠃              ⠸⡀
        │               ⠘⡄          ⡜                ⢣
    -1k ┤                ⠸⡀        ⢰⠁                ⠈⡆
        │                 ⢣       ⢠⠃                  ⠸⡀       ⡜
        │                 ⠈⡆     ⢀⠎                    ⢱      ⡸
        │                  ⠘⡄   ⢀⠎                      ⢇    ⡰⠁
    -2k ┤                   ⠈⠢⣀⡠⠃                       ⠈⠢⢄⡠⠔⠁
        └──────────────────┬──────────────────────────┬─────────
                         01:30                      02:00
         2023-11-15T01:10:00Z to 2023-11-15T02:10:00Z
    ■ requests{job="web"}  last -1.073k, min -2k, max 1.999k
    "#);
}

#[test]
fn gaps_stay_open() {
    let mut values: Vec<Option<f64>> = (0..31).map(|index| Some(f64::from(index) / 10.0)).collect();
    for (index, value) in values.iter_mut().enumerate() {
        match index {
            8..=14 => *value = None,
            20..=22 => *value = Some(f64::NAN),
            24 => *value = Some(f64::INFINITY),
            _ => {}
        }
    }
    insta::assert_snapshot!(draw(&[row("up{}", &values)], frame(30, false)), @r#"
    3 ┤                                                     ⣀⠤⠒⠉
      │                                                 ⢀⡠⠔⠊
      │                                               ⠔⠊⠁
      │                                           ⢀
      │
    2 ┤                                   ⢀⡀
      │                               ⢀⡠⠔⠊⠁
      │                            ⢀⠤⠊⠁
      │
      │
    1 ┤
      │
      │          ⣀⠤⠒⠁
      │       ⣀⠔⠊
      │   ⢀⡠⠔⠉
    0 ┤⡠⠔⠊⠁
      └┬──────────────────┬─────────────────┬──────────────────┬
       01:10            01:20             01:30            01:40
       2023-11-15T01:10:00Z to 2023-11-15T01:40:00Z
    ■ up{}  last 3, min 0, max 3
    "#);
}

#[test]
fn series_have_marks() {
    let rows = [row("a{}", &wave(61, 0.0)), row("b{}", &wave(61, 2.0))];
    insta::assert_snapshot!(draw(&rows, frame(60, false)), @r#"
     2k ┤      ***                ++++     ****               ++
        │++   *   **             +    +   *    *             +
        │  + *      *           +      + *      *           +
        │   +        *          +       +*       *         +
     1k ┤   +        *         +        *+        *        +
        │  * +        *       +        * +        *        +
        │ *   +        *      +        * +        *       +
        │*    +        *     +        *   +        *     +
      0 ┤     +        *    +        *     +        *    +
        │      +        *   +        *     +        *   +
        │       +        * +        *       +        * +
    -1k ┤       +        *+        *         +        *+
        │        +       +*       *          +        +        *
        │         +     +  *     *            +      + *      *
        │          +   +    *   *              ++  ++   **  **
    -2k ┤           ++++     ****                ++       **
        └──────────────────┬──────────────────────────┬─────────
                         01:30                      02:00
         2023-11-15T01:10:00Z to 2023-11-15T02:10:00Z
    * a{}  last -1.073k, min -2k, max 1.999k
    + b{}  last 1.981k, min -2k, max 1.997k
    "#);
}

#[test]
fn no_colour_where_none_is_shown() {
    let rows = [row("a{}", &wave(61, 0.0)), row("b{}", &wave(61, 2.0))];
    assert!(!draw(&rows, frame(60, false)).contains('\u{1b}'));
    let coloured = draw(&rows, frame(60, true));
    assert!(coloured.contains("\u{1b}[32m■\u{1b}[0m a{}"), "{coloured}");
    // Every line ends as it began: without a colour.
    for line in coloured.lines().filter(|line| line.contains('\u{1b}')) {
        let last = line.rfind("\u{1b}[").map(|at| &line[at..]).unwrap_or_default();
        assert!(last.starts_with("\u{1b}[0m"), "{line:?}");
    }
}

#[test]
fn no_line_is_too_wide() {
    let long = format!("x{{label=\"{}\"}}", "y".repeat(200));
    for width in [30, 60, 200] {
        let text = draw(
            &[row(&long, &wave(61, 0.0))],
            Frame {
                width,
                ..frame(60, false)
            },
        );
        let widest = text.lines().map(|line| line.chars().count()).max().unwrap();
        assert!(widest <= width.max(52), "{widest} of {width}:\n{text}");
    }
}

#[test]
fn what_cannot_be_drawn_says_so() {
    let none = draw(&[row("a{}", &[Some(f64::NAN)])], frame(60, false));
    assert_eq!(none, "nothing to draw: no series has a number in this range\n");
    let many: Vec<Row> = (0..SERIES_MAX + 3)
        .map(|index| row(&format!("s{index}"), &[Some(1.0)]))
        .collect();
    let text = draw(&many, frame(60, true));
    assert!(
        text.ends_with("and 3 more series, not drawn; ask for fewer\n"),
        "{text}"
    );
    let huge = row("huge", &[Some(f64::MAX), Some(-f64::MAX), Some(1e-300)]);
    assert!(draw(&[huge], frame(2, false)).contains("last 1.000e-300"));
}
