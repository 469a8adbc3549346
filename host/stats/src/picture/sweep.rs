//! What came of each value of one parameter, as a curve, or of each pair of values of two, as a heat
//! map.

use super::{Unit, escape, grouped, put, round_step};

/// Values of one parameter that are drawn; with more, every k-th is, and the caption says so.
pub const VALUES_MAX: usize = 60;
const LEFT: f64 = 84.0;
const TOP: f64 = 12.0;
const BOTTOM: f64 = 44.0;
const WIDTH: f64 = 960.0;
const RIGHT: f64 = 12.0;
const CELL_HEIGHT: f64 = 26.0;
const CELL_WIDTH_MAX: f64 = 76.0;
/// Narrower cells have no text: it stands in their titles alone.
const TEXT_WIDTH: f64 = 44.0;
const CURVE_HEIGHT: f64 = 280.0;
const GAP: f64 = 2.0;

/// The values of a parameter, in order.
#[derive(Debug, Clone, Copy)]
pub struct Axis<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its values as they were given.
    pub values: &'a [String],
}

/// How a figure is written, and whether below zero is bad.
#[derive(Debug, Clone, Copy)]
pub struct Scale {
    /// As a fraction or as it is.
    pub unit: Unit,
    /// Gains and losses: the colour changes at zero. Else it goes from the least to the most.
    pub signed: bool,
}

/// Every how many values one is drawn.
fn every(count: usize) -> usize {
    count.div_ceil(VALUES_MAX).max(1)
}

fn thinned(axes: &[Axis<'_>]) -> String {
    let of = |axis: &Axis<'_>| match every(axis.values.len()) {
        1 => String::new(),
        n => format!(" (one of {n} values of {} is drawn)", axis.name),
    };
    axes.iter().map(of).collect()
}

/// The less the largest value is, the more places all have.
fn places(largest: f64) -> usize {
    match largest {
        size if size >= 0.1 => 1,
        size if size >= 0.01 => 2,
        _ => 3,
    }
}

fn text(value: f64, unit: Unit, places: usize) -> String {
    let written = match unit {
        Unit::Percent => format!("{:.places$} %", value * 100.0),
        Unit::Plain if value.abs() >= 1_000.0 => grouped(&format!("{value:.0}")),
        Unit::Plain => format!("{value:.2}"),
    };
    if written.bytes().any(|b| (b'1'..=b'9').contains(&b)) {
        written
    } else {
        written.trim_start_matches('-').to_owned()
    }
}

/// Draws a figure over two parameters as one `<svg>` element. `values` are row by row, a row for
/// each value of `down`; `None` where there is no value. The best cell, which is the first of the
/// largest, has a frame. Gives `None` where no cell has a value.
#[must_use]
pub fn heat_map(
    title: &str,
    (across, down): (Axis<'_>, Axis<'_>),
    values: &[Option<f64>],
    scale: Scale,
) -> Option<String> {
    let columns = across.values.len();
    let best = best_of(values)?;
    let finite = || values.iter().flatten().copied().filter(|value| value.is_finite());
    let low = finite().fold(f64::INFINITY, f64::min);
    let high = finite().fold(f64::NEG_INFINITY, f64::max);
    let places = places(low.abs().max(high.abs()));
    let (skip_x, skip_y) = (every(columns), every(down.values.len()));
    let (shown_x, shown_y) = (columns.div_ceil(skip_x), down.values.len().div_ceil(skip_y));
    let width = ((WIDTH - LEFT - RIGHT) / shown_x as f64).min(CELL_WIDTH_MAX);
    let height = TOP + shown_y as f64 * CELL_HEIGHT + BOTTOM;
    let title = escape(&format!("{title}{}", thinned(&[across, down])));
    let mut svg = open(&title, height);
    for (row, label) in down.values.iter().enumerate().step_by(skip_y) {
        let y = TOP + (row / skip_y) as f64 * CELL_HEIGHT;
        axis_text(&mut svg, (LEFT - 8.0, y + 17.0), "end", label);
        for column in (0..columns).step_by(skip_x) {
            let place = row * columns + column;
            let Some(value) = values.get(place).copied().flatten().filter(|v| v.is_finite()) else {
                continue;
            };
            let share = match (scale.signed, high - low) {
                (true, _) => value.abs() / low.abs().max(high.abs()).max(f64::MIN_POSITIVE),
                (false, span) if span > 0.0 => (value - low) / span,
                (false, _) => 1.0,
            };
            let named = format!("{} {}, {} {label}", across.name, across.values[column], down.name);
            let x = LEFT + (column / skip_x) as f64 * width;
            let look = Look { share, down: scale.signed && value < 0.0, best: place == best };
            cell(&mut svg, (x, y, width), &look, &named, &text(value, scale.unit, places));
        }
    }
    let foot = TOP + shown_y as f64 * CELL_HEIGHT;
    // As many labels as have room; a letter takes about seven pixels.
    let widest = across.values.iter().map(String::len).max().unwrap_or(1) as f64 * 7.0 + 8.0;
    let mut free_from = 0.0;
    for (column, label) in across.values.iter().enumerate().step_by(skip_x) {
        let x = LEFT + ((column / skip_x) as f64 + 0.5) * width;
        if x - widest / 2.0 >= free_from {
            axis_text(&mut svg, (x, foot + 16.0), "middle", label);
            free_from = x + widest / 2.0;
        }
    }
    let names = format!("{} across, {} down", across.name, down.name);
    axis_text(&mut svg, (LEFT, foot + 36.0), "start", &names);
    svg.push_str("</svg>\n");
    Some(svg)
}

/// Draws a figure over one parameter as one `<svg>` element, the best value marked.
#[must_use]
pub fn value_curve(
    title: &str,
    across: Axis<'_>,
    values: &[Option<f64>],
    unit: Unit,
) -> Option<String> {
    let best = best_of(values)?;
    let finite = || values.iter().flatten().copied().filter(|value| value.is_finite());
    let low = finite().fold(f64::INFINITY, f64::min);
    let high = finite().fold(f64::NEG_INFINITY, f64::max);
    let margin = if high > low { 0.0 } else { (high.abs() * 0.01).max(0.01) };
    let places = places(low.abs().max(high.abs()));
    let step = round_step((high - low + 2.0 * margin) / 4.0);
    let (low, high) =
        (((low - margin) / step).floor() * step, ((high + margin) / step).ceil() * step);
    let bottom = CURVE_HEIGHT - BOTTOM;
    let last = across.values.len().saturating_sub(1).max(1) as f64;
    let x = |place: usize| LEFT + (WIDTH - LEFT - RIGHT) * place as f64 / last;
    let y = |value: f64| bottom - (bottom - TOP) * (value - low) / (high - low);
    let title = escape(title);
    let mut svg = open(&title, CURVE_HEIGHT);
    let mut line = low;
    for _ in 0..16 {
        if line > high + step / 2.0 {
            break;
        }
        let at = y(line);
        put(
            &mut svg,
            format_args!(
                "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{:.1}\" y1=\"{at:.1}\" y2=\"{at:.1}\"/>\n",
                WIDTH - RIGHT
            ),
        );
        axis_text(&mut svg, (LEFT - 6.0, at + 4.0), "end", &text(line, unit, places));
        line += step;
    }
    let mut path = String::new();
    for (place, value) in values.iter().enumerate() {
        // A value that failed leaves a gap in the line.
        let Some(value) = value.filter(|value| value.is_finite()) else { continue };
        let joined = place > 0 && values[place - 1].is_some_and(f64::is_finite);
        let pen = if joined { 'L' } else { 'M' };
        put(&mut path, format_args!("{pen}{:.1} {:.1}", x(place), y(value)));
    }
    put(&mut svg, format_args!("<path class=\"line s0\" d=\"{path}\"/>\n"));
    let skip = every(values.len());
    for (place, (value, label)) in values.iter().zip(across.values).enumerate() {
        let Some(value) = value.filter(|value| value.is_finite()) else { continue };
        if place % skip > 0 && place != best {
            continue;
        }
        let (radius, colour) = if place == best { (6, "s1") } else { (3, "s0") };
        put(
            &mut svg,
            format_args!(
                "<circle class=\"dot {colour}\" cx=\"{:.1}\" cy=\"{:.1}\" r=\"{radius}\"><title>{} {}: {}</title></circle>\n",
                x(place),
                y(value),
                escape(across.name),
                escape(label),
                text(value, unit, places)
            ),
        );
    }
    let widest = across.values.iter().map(String::len).max().unwrap_or(1) as f64 * 7.0 + 8.0;
    let mut free_from = 0.0;
    for (place, label) in across.values.iter().enumerate() {
        if x(place) - widest / 2.0 >= free_from && x(place) + widest / 2.0 <= WIDTH {
            axis_text(&mut svg, (x(place), bottom + 17.0), "middle", label);
            free_from = x(place) + widest / 2.0;
        }
    }
    axis_text(&mut svg, (LEFT, bottom + 37.0), "start", across.name);
    svg.push_str("</svg>\n");
    Some(svg)
}

/// The place of the largest value, the first of equals.
fn best_of(values: &[Option<f64>]) -> Option<usize> {
    let known = values.iter().enumerate().filter_map(|(place, value)| Some((place, (*value)?)));
    let finite = known.filter(|(_, value)| value.is_finite());
    let best = finite.reduce(|best, other| if other.1 > best.1 { other } else { best });
    best.map(|(place, _)| place)
}

fn open(title: &str, height: f64) -> String {
    format!(
        "<svg viewBox=\"0 0 {WIDTH} {height:.0}\" role=\"img\" aria-label=\"{title}\" \
         font-family=\"system-ui,sans-serif\" font-size=\"12\" fill=\"currentColor\">\n\
         <title>{title}</title>\n"
    )
}

fn axis_text(svg: &mut String, (x, y): (f64, f64), anchor: &str, label: &str) {
    put(
        svg,
        format_args!(
            "<text class=\"axis\" x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{}</text>\n",
            escape(label)
        ),
    );
}

struct Look {
    share: f64,
    down: bool,
    best: bool,
}

fn cell(svg: &mut String, (x, y, width): (f64, f64, f64), look: &Look, label: &str, value: &str) {
    let (class, colour) = if look.down { ("down", "#dc2626") } else { ("up", "#16a34a") };
    let opacity = 0.06 + 0.54 * look.share.clamp(0.0, 1.0);
    let frame = if look.best { " stroke=\"currentColor\" stroke-width=\"2\"" } else { "" };
    let best = if look.best { " best" } else { "" };
    let label = escape(label);
    put(
        svg,
        format_args!(
            "<rect class=\"cell {class}{best}\" x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\" rx=\"3\" \
             fill=\"{colour}\" fill-opacity=\"{opacity:.3}\"{frame}><title>{label}: {value}</title></rect>\n",
            x + GAP / 2.0,
            y + GAP / 2.0,
            width - GAP,
            CELL_HEIGHT - GAP,
        ),
    );
    if width >= TEXT_WIDTH {
        put(
            svg,
            format_args!(
                "<text class=\"value\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{value}</text>\n",
                x + width / 2.0,
                y + 17.0
            ),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(values: &[i32]) -> Vec<String> {
        values.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn every_pair_has_its_cell_and_the_best_its_frame() {
        let (fast, slow) = (names(&[5, 10]), names(&[20, 30, 40]));
        let axes = (Axis { name: "fast", values: &fast }, Axis { name: "<slow>", values: &slow });
        let values = [Some(0.1), Some(-0.05), None, Some(0.2), Some(0.2), Some(0.0)];
        let scale = Scale { unit: Unit::Percent, signed: true };
        let svg = heat_map("total_return", axes, &values, scale).expect("values");
        assert_eq!(svg.matches("<rect").count(), 5, "{svg}");
        assert_eq!(svg.matches(" best\"").count(), 1, "{svg}");
        let best = svg.lines().find(|line| line.contains(" best\"")).expect("it is there");
        assert!(best.contains("fast 10, &lt;slow&gt; 30: 20.0 %"), "{best}");
        assert_eq!(svg.matches("cell down").count(), 1);
        assert!(svg.contains(">-5.0 %<") && svg.contains(">0.0 %<"), "{svg}");
        assert_eq!(heat_map("x", axes, &[None; 6], scale), None);
    }

    #[test]
    fn a_curve_marks_its_best_and_breaks_where_a_value_is_missing() {
        let values = names(&[1, 2, 3, 4]);
        let axis = Axis { name: "fast", values: &values };
        let figures = [Some(1.0), Some(3.0), None, Some(2.0)];
        let svg = value_curve("sharpe", axis, &figures, Unit::Plain).expect("values");
        assert_eq!(svg.matches("<circle").count(), 3);
        assert!(svg.contains("r=\"6\"><title>fast 2: 3.00<"), "{svg}");
        let path = svg.lines().find(|line| line.contains("class=\"line s0\"")).expect("a line");
        assert_eq!(path.matches('M').count(), 2, "{path}");
    }

    #[test]
    fn maps_are_bounded() {
        let many: Vec<String> = (0..200).map(|i| i.to_string()).collect();
        let axis = Axis { name: "a", values: &many };
        let values = vec![Some(1.0); 40_000];
        let scale = Scale { unit: Unit::Plain, signed: false };
        let svg = heat_map("x", (axis, axis), &values, scale).expect("values");
        assert!(svg.matches("<rect").count() <= VALUES_MAX * VALUES_MAX);
        assert!(svg.contains("one of 4 values of a is drawn"), "{}", &svg[..300]);
    }
}
