//! Pictures as SVG text: lines and marks over time, for reports.
//!
//! Guarantees: the text is complete, refers to nothing outside, every label in it is escaped, and
//! its size is bounded by the picture's width and [`MARKS_MAX`], not by the number of points.
//! Time runs by order, not by the clock: nights and weekends without a point take no room.
//! Colours and fonts are CSS classes (`s0`…`s7`, `grid`, `axis`, `mark …`, `cell …`): the page's own, or [`STYLE`].

mod curve;
mod heat;
mod sweep;

use std::fmt::Write as _;

use crate::calendar::{Civil, NANOS_PER_DAY};

pub use curve::{drawdown_curve, equity_curve, trades_on_price};
pub use heat::monthly_heat_map;
pub use sweep::{Axis, Scale, VALUES_MAX, heat_map, value_curve};

/// Colours of every class that the pictures use, for light and dark pages: for a page that brings
/// none of its own.
pub const STYLE: &str = include_str!("picture/style.css");

/// Marks drawn in one picture; with more, every k-th is drawn and the caption says so.
pub const MARKS_MAX: usize = 2_000;

const WIDTH: f64 = 960.0;
const LEFT: f64 = 76.0;
const RIGHT: f64 = 12.0;
const TOP: f64 = 10.0;
const BOTTOM: f64 = 24.0;
/// Columns of a line: each draws its first, lowest, highest and last point.
const COLUMNS: usize = 872;
const TIME_LABELS_MAX: usize = 10;
const NANOS_PER_MINUTE: i64 = 60_000_000_000;

/// One value at one time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// Nanoseconds since 1970, UTC.
    pub at: i64,
    /// The value; points that are not finite are left out.
    pub value: f64,
}

/// A line: points in time order.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// Shown when the pointer rests on it.
    pub name: String,
    /// The points.
    pub points: Vec<Point>,
}

/// The shape of a mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// A triangle pointing up: a purchase.
    Buy,
    /// A triangle pointing down: a sale.
    Sell,
    /// A vertical line over the whole height: something happened.
    Event,
}

/// A mark in the picture.
#[derive(Debug, Clone, PartialEq)]
pub struct Mark {
    /// Nanoseconds since 1970, UTC.
    pub at: i64,
    /// The height; ignored for [`Shape::Event`].
    pub value: f64,
    /// How it looks.
    pub shape: Shape,
    /// Shown when the pointer rests on it.
    pub title: String,
}

/// How values are written on the axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// As they are.
    Plain,
    /// Fractions, written as per cent.
    Percent,
}

/// A picture.
#[derive(Debug, Clone, PartialEq)]
pub struct Picture {
    /// What it shows, for readers that can't see it.
    pub title: String,
    /// Height in pixels of the drawing; the width is 960.
    pub height: u16,
    /// How the axis is labelled.
    pub unit: Unit,
    /// The lines, coloured `s0`, `s1`, … in this order.
    pub lines: Vec<Line>,
    /// The marks.
    pub marks: Vec<Mark>,
    /// Whether the area between the first line and the top is filled (drawdowns).
    pub filled: bool,
}

/// Text for HTML and SVG: `&`, `<`, `>` and quotes can't end or start anything, and control
/// characters that XML forbids are gone.
#[must_use]
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            '\t' | '\n' | '\r' => escaped.push(' '),
            other if other.is_control() => {}
            other => escaped.push(other),
        }
    }
    escaped
}

/// The falls below the highest value so far, for a picture of drawdowns. Empty where the highest
/// value is not above zero.
#[must_use]
pub fn underwater(points: &[Point]) -> Vec<Point> {
    let mut peak = f64::NEG_INFINITY;
    let finite = points.iter().filter(|point| point.value.is_finite());
    finite
        .filter_map(|point| {
            peak = peak.max(point.value);
            let value = point.value / peak - 1.0;
            (peak > 0.0).then_some(Point { value, ..*point })
        })
        .collect()
}

/// Draws the picture as one `<svg>` element; `None` where it has no point to draw.
#[must_use]
pub fn draw(picture: &Picture) -> Option<String> {
    let frame = Frame::of(picture)?;
    let mut svg = String::with_capacity(16 * 1024);
    let title = escape(&picture.title);
    put(
        &mut svg,
        format_args!(
            "<svg viewBox=\"0 0 {WIDTH} {}\" role=\"img\" aria-label=\"{title}\">\n<title>{title}</title>\n",
            picture.height
        ),
    );
    frame.draw_values(&mut svg, picture.unit);
    frame.draw_times(&mut svg);
    for (index, line) in picture.lines.iter().enumerate() {
        frame.draw_line(&mut svg, line, index % 8, picture.filled && index == 0);
    }
    frame.draw_marks(&mut svg, &picture.marks);
    svg.push_str("</svg>\n");
    Some(svg)
}

/// The scales: place in the order of time to x, value to y.
struct Frame {
    times: Vec<i64>,
    low: f64,
    high: f64,
    step: f64,
    bottom: f64,
}

impl Frame {
    fn of(picture: &Picture) -> Option<Self> {
        let points = || {
            let of_lines = picture.lines.iter().flat_map(|line| line.points.iter());
            of_lines.filter(|point| point.value.is_finite())
        };
        let marked = picture.marks.iter().filter(|mark| mark.shape != Shape::Event);
        let values = points()
            .map(|point| point.value)
            .chain(marked.map(|mark| mark.value).filter(|value| value.is_finite()));
        let (low, high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| {
            (low.min(value), high.max(value))
        });
        let mut times: Vec<i64> = points().map(|point| point.at).collect();
        if times.is_empty() {
            return None;
        }
        times.extend(picture.marks.iter().map(|mark| mark.at));
        times.sort_unstable();
        times.dedup();
        // A flat line gets room above and below, or it would lie on the frame.
        let margin = if high > low { 0.0 } else { (high.abs() * 0.01).max(0.01) };
        let (low, high) = (low - margin, high + margin);
        let step = round_step((high - low) / 4.0);
        if !(step.is_finite() && step > 0.0) {
            return None;
        }
        Some(Self {
            times,
            low: (low / step).floor() * step,
            high: (high / step).ceil() * step,
            step,
            bottom: f64::from(picture.height) - BOTTOM,
        })
    }

    fn x(&self, at: i64) -> f64 {
        self.x_of_place(self.times.partition_point(|time| *time < at))
    }

    fn x_of_place(&self, place: usize) -> f64 {
        let last = self.times.len().saturating_sub(1).max(1);
        let share = place.min(last) as f64 / last as f64;
        LEFT + (WIDTH - LEFT - RIGHT) * share
    }

    fn y(&self, value: f64) -> f64 {
        let share = (value - self.low) / (self.high - self.low);
        self.bottom - (self.bottom - TOP) * share
    }

    fn draw_values(&self, svg: &mut String, unit: Unit) {
        let mut value = self.low;
        // The step is chosen for four to ten lines; the bound is for what rounding might do.
        for _ in 0..16 {
            if value > self.high + self.step / 2.0 {
                break;
            }
            let y = self.y(value);
            let label = label_of(value, self.step, unit);
            put(
                svg,
                format_args!(
                    "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{:.1}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>\
                 <text class=\"axis\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{label}</text>\n",
                    WIDTH - RIGHT,
                    LEFT - 6.0,
                    y + 4.0
                ),
            );
            value += self.step;
        }
    }

    fn draw_times(&self, svg: &mut String) {
        let y = self.bottom + 17.0;
        let mut free_from = 0.0;
        for (place, label) in time_labels(&self.times) {
            let x = self.x_of_place(place);
            // About seven pixels a letter, centred on the tick.
            let half = 3.5 * label.len() as f64;
            if x - half < free_from || x + half > WIDTH {
                continue;
            }
            free_from = x + half + 8.0;
            put(
                svg,
                format_args!(
                    "<line class=\"grid\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{TOP}\" y2=\"{:.1}\"/>\
                 <text class=\"axis\" x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"middle\">{label}</text>\n",
                    self.bottom
                ),
            );
        }
    }

    fn draw_line(&self, svg: &mut String, line: &Line, colour: usize, filled: bool) {
        let points = self.thinned(&line.points);
        let (Some(first), Some(last)) = (points.first(), points.last()) else {
            return;
        };
        let mut path = String::with_capacity(points.len() * 12);
        for point in &points {
            let pen = if path.is_empty() { 'M' } else { 'L' };
            put(&mut path, format_args!("{pen}{:.1} {:.1}", self.x(point.at), self.y(point.value)));
        }
        let name = escape(&line.name);
        if filled {
            let (top, from, to) = (self.y(self.high), self.x(first.at), self.x(last.at));
            put(
                svg,
                format_args!(
                    "<path class=\"area s{colour}\" d=\"{path}L{to:.1} {top:.1}L{from:.1} {top:.1}Z\"/>\n"
                ),
            );
        }
        if points.len() == 1 {
            let (x, y) = (self.x(first.at), self.y(first.value));
            put(
                svg,
                format_args!(
                    "<circle class=\"dot s{colour}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\"/>\n"
                ),
            );
        }
        put(
            svg,
            format_args!(
                "<path class=\"line s{colour}\" d=\"{path}\"><title>{name}</title></path>\n"
            ),
        );
    }

    /// At most four points a column: what a denser line would show, in a bounded text.
    fn thinned(&self, points: &[Point]) -> Vec<Point> {
        let finite: Vec<Point> =
            points.iter().copied().filter(|point| point.value.is_finite()).collect();
        if finite.len() <= 4 * COLUMNS {
            return finite;
        }
        let mut thinned = Vec::with_capacity(4 * COLUMNS);
        for column in finite.chunks(finite.len().div_ceil(COLUMNS)) {
            let extreme =
                |better: fn(f64, f64) -> bool| {
                    let places = 0..column.len();
                    places.reduce(|best, at| {
                        if better(column[at].value, column[best].value) { at } else { best }
                    })
                };
            let mut kept = vec![0, column.len() - 1];
            kept.extend(extreme(|a, b| a < b));
            kept.extend(extreme(|a, b| a > b));
            kept.sort_unstable();
            kept.dedup();
            thinned.extend(kept.into_iter().map(|at| column[at]));
        }
        thinned
    }

    fn draw_marks(&self, svg: &mut String, marks: &[Mark]) {
        let every = marks.len().div_ceil(MARKS_MAX).max(1);
        for mark in marks.iter().step_by(every) {
            let (x, title) = (self.x(mark.at), escape(&mark.title));
            if mark.shape == Shape::Event {
                put(
                    svg,
                    format_args!(
                        "<line class=\"mark event\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{TOP}\" \
                     y2=\"{:.1}\"><title>{title}</title></line>\n",
                        self.bottom
                    ),
                );
                continue;
            }
            if !mark.value.is_finite() {
                continue;
            }
            let y = self.y(mark.value);
            let (class, tip, base) = match mark.shape {
                Shape::Buy => ("buy", y + 2.0, y + 11.0),
                _ => ("sell", y - 2.0, y - 11.0),
            };
            put(
                svg,
                format_args!(
                    "<path class=\"mark {class}\" d=\"M{x:.1} {tip:.1}L{:.1} {base:.1}L{:.1} {base:.1}Z\">\
                 <title>{title}</title></path>\n",
                    x - 5.0,
                    x + 5.0
                ),
            );
        }
    }
}

/// The nearest of 1, 2, 5 times a power of ten at or above `rough`.
fn round_step(rough: f64) -> f64 {
    let power = 10.0_f64.powf(rough.log10().floor());
    let factor = [1.0, 2.0, 5.0].into_iter().find(|factor| factor * power >= rough);
    factor.unwrap_or(10.0) * power
}

fn label_of(value: f64, step: f64, unit: Unit) -> String {
    let (value, step, sign) = match unit {
        Unit::Plain => (value, step, ""),
        Unit::Percent => (value * 100.0, step * 100.0, " %"),
    };
    let places = (0..=8_usize).find(|places| step * 10.0_f64.powi(exponent(*places)) >= 0.999);
    let text = format!("{value:.*}", places.unwrap_or(8));
    // Rounding leaves "-0" where zero was meant.
    let text = if text.chars().all(|c| matches!(c, '-' | '0' | '.')) {
        text.trim_start_matches('-').to_owned()
    } else {
        text
    };
    format!("{}{sign}", grouped(&text))
}

fn exponent(places: usize) -> i32 {
    i32::try_from(places).expect("at most eight places")
}

/// Thousands apart by a comma.
fn grouped(number: &str) -> String {
    let (sign, digits) = match number.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", number),
    };
    let (whole, fraction) = match digits.split_once('.') {
        Some((whole, fraction)) => (whole, format!(".{fraction}")),
        None => (digits, String::new()),
    };
    let mut text = String::from(sign);
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text + &fraction
}

/// Places in the order of time and what to write there: where days, months or years begin,
/// whichever gives the most labels that fit, else evenly spaced times of day.
fn time_labels(times: &[i64]) -> Vec<(usize, String)> {
    let starts = |unit: fn(&Civil) -> (i64, u8, u8), text: fn(&Civil) -> String| {
        let mut found = Vec::new();
        for (place, pair) in times.windows(2).enumerate() {
            let (before, now) = (Civil::of(pair[0]), Civil::of(pair[1]));
            if unit(&before) != unit(&now) {
                found.push((place + 1, text(&now)));
                if found.len() > 50_000 {
                    break;
                }
            }
        }
        found
    };
    let days = starts(Civil::day_key, |t| format!("{:02}-{:02}", t.month, t.day));
    if days.len() < 2 {
        return even_labels(times);
    }
    if days.len() <= TIME_LABELS_MAX {
        return days;
    }
    let months = starts(Civil::month_key, |t| format!("{}-{:02}", t.year, t.month));
    if months.len() < 2 {
        return thin(days);
    }
    if months.len() <= TIME_LABELS_MAX {
        return months;
    }
    let years = starts(Civil::year_key, |t| t.year.to_string());
    if years.len() < 3 { thin(months) } else { thin(years) }
}

fn thin(labels: Vec<(usize, String)>) -> Vec<(usize, String)> {
    let every = labels.len().div_ceil(TIME_LABELS_MAX).max(1);
    labels.into_iter().step_by(every).collect()
}

fn even_labels(times: &[i64]) -> Vec<(usize, String)> {
    let last = times.len().saturating_sub(1);
    let span = match (times.first(), times.last()) {
        (Some(first), Some(last)) => last.saturating_sub(*first),
        _ => 0,
    };
    let mut places: Vec<usize> = (1..=5).map(|part| last * part / 6).collect();
    places.dedup();
    let text = |at: i64| {
        let t = Civil::of(at);
        let of_day = at.rem_euclid(NANOS_PER_DAY);
        let (minutes, rest) = (of_day / NANOS_PER_MINUTE, of_day % NANOS_PER_MINUTE);
        let (hour, minute) = (minutes / 60, minutes % 60);
        if span > NANOS_PER_DAY {
            format!("{:02}-{:02} {hour:02}:{minute:02}", t.month, t.day)
        } else if span > 10 * NANOS_PER_MINUTE {
            format!("{hour:02}:{minute:02}")
        } else {
            format!("{hour:02}:{minute:02}:{:02}", rest / 1_000_000_000)
        }
    };
    places.into_iter().map(|place| (place, text(times[place]))).collect()
}

fn put(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    text.write_fmt(arguments).expect("a string takes every text");
}

#[cfg(test)]
mod tests;
