use super::{
    Line, MARKS_MAX, Mark, Picture, Point, Shape, Unit, draw, escape, label_of, round_step,
    time_labels, underwater,
};
use crate::calendar::{Civil, NANOS_PER_DAY};

const MINUTE: i64 = 60_000_000_000;

fn picture(lines: Vec<Line>, marks: Vec<Mark>) -> Picture {
    Picture {
        title: "equity".to_owned(),
        height: 240,
        unit: Unit::Plain,
        lines,
        marks,
        filled: false,
    }
}

fn line(name: &str, values: &[f64]) -> Line {
    let points =
        values.iter().zip(0..).map(|(value, minute)| Point { at: minute * MINUTE, value: *value });
    Line { name: name.to_owned(), points: points.collect() }
}

#[test]
fn lines_span_the_frame_from_the_lowest_to_the_highest_value() {
    let svg = draw(&picture(vec![line("a", &[10.0, 20.0])], Vec::new())).expect("two points");
    assert!(svg.contains("d=\"M76.0 216.0L948.0 10.0\""), "{svg}");
    assert!(svg.contains(">10.0<") || svg.contains(">10<"), "{svg}");
    assert!(svg.starts_with("<svg") && svg.trim_end().ends_with("</svg>"));
}

#[test]
fn nothing_to_draw_is_no_picture() {
    assert_eq!(draw(&picture(Vec::new(), Vec::new())), None);
    assert_eq!(draw(&picture(vec![line("a", &[f64::NAN])], Vec::new())), None);
}

#[test]
fn numbers_that_are_none_never_reach_the_text() {
    let svg = draw(&picture(
        vec![line("a", &[1.0, f64::NAN, f64::INFINITY, 2.0]), line("flat", &[0.0, 0.0])],
        vec![Mark { at: 0, value: f64::NAN, shape: Shape::Buy, title: "x".to_owned() }],
    ));
    let svg = svg.expect("some points");
    assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
}

#[test]
fn a_long_line_is_thinned_and_keeps_its_extremes() {
    let mut values: Vec<f64> = (0..200_000).map(|i| f64::from(i % 100)).collect();
    values[123_456] = 1_000.0;
    let svg = draw(&picture(vec![line("a", &values)], Vec::new())).expect("points");
    assert!(svg.len() < 80_000, "{} bytes", svg.len());
    assert!(svg.contains(" 10.0L"), "the spike reaches the top");
}

#[test]
fn marks_are_bounded_and_their_titles_escaped() {
    let mark = |at: i64| Mark {
        at: at * MINUTE,
        value: 1.5,
        shape: if at % 2 == 0 { Shape::Buy } else { Shape::Event },
        title: "<script>\"&".to_owned(),
    };
    let count = i64::try_from(MARKS_MAX).expect("small") * 3;
    let svg = draw(&picture(vec![line("a", &[1.0, 2.0])], (0..count).map(mark).collect()));
    let svg = svg.expect("points");
    assert!(svg.matches("class=\"mark ").count() <= MARKS_MAX);
    assert!(svg.contains("&lt;script&gt;&quot;&amp;") && !svg.contains("<script"));
}

#[test]
fn text_is_escaped_for_markup() {
    assert_eq!(escape("<a href='x'>\"&\u{0}\n"), "&lt;a href=&#39;x&#39;&gt;&quot;&amp; ");
}

#[test]
fn underwater_is_the_fall_below_the_highest_so_far() {
    let points = line("a", &[100.0, 120.0, 90.0, f64::NAN, 120.0]).points;
    let values: Vec<f64> = underwater(&points).iter().map(|point| point.value).collect();
    assert_eq!(values, [0.0, 0.0, -0.25, 0.0]);
    assert!(underwater(&line("a", &[-1.0, 0.0]).points).is_empty());
}

#[test]
fn axis_steps_and_labels_are_round() {
    for (rough, step) in [(0.3, 0.5), (1.0, 1.0), (7.0, 10.0), (130.0, 200.0), (0.0021, 0.005)] {
        assert!((round_step(rough) - step).abs() < 1e-9 * step, "{rough}");
    }
    assert_eq!(label_of(1_234_567.5, 0.5, Unit::Plain), "1,234,567.5");
    assert_eq!(label_of(-10_000.0, 500.0, Unit::Plain), "-10,000");
    assert_eq!(label_of(-0.00000001, 0.05, Unit::Percent), "0 %");
    assert_eq!(label_of(-0.025, 0.005, Unit::Percent), "-2.5 %");
}

#[test]
fn days_are_those_of_the_calendar() {
    for (at, expected) in [
        (0, (1970, 1, 1)),
        (-1, (1969, 12, 31)),
        (951_782_400_000_000_000, (2000, 2, 29)),
        (1_549_895_400_000_000_000, (2019, 2, 11)),
    ] {
        let day = Civil::of(at);
        assert_eq!((day.year, day.month, day.day), expected);
    }
}

#[test]
fn time_labels_fit_the_span() {
    let labels = |step: i64, count: i64| {
        let times: Vec<i64> = (0..count).map(|i| i * step).collect();
        let labels = time_labels(&times);
        assert!(labels.len() <= 10, "{labels:?}");
        labels.first().map(|(_, label)| label.clone())
    };
    assert_eq!(labels(MINUTE, 61).as_deref(), Some("00:10"));
    assert_eq!(labels(MINUTE / 60, 61).as_deref(), Some("00:00:10"));
    assert_eq!(labels(MINUTE, 5 * 1_440).as_deref(), Some("01-02"));
    assert_eq!(labels(NANOS_PER_DAY, 120).as_deref(), Some("1970-02"));
    assert_eq!(labels(NANOS_PER_DAY, 4_000).as_deref(), Some("1971"));
    assert_eq!(labels(MINUTE, 1).as_deref(), Some("00:00:00"));
}
