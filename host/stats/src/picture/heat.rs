//! A heat map: the return of each month, a row a year, the deeper the colour the larger the value.

use super::{escape, put};
use crate::monthly::{MonthReturn, yearly};

/// Years that are drawn, the latest ones; with more, the caption says so.
const YEARS_MAX: usize = 60;
const LEFT: f64 = 52.0;
const TOP: f64 = 22.0;
const CELL_WIDTH: f64 = 68.0;
const CELL_HEIGHT: f64 = 26.0;
const GAP: f64 = 2.0;
/// A month of this size or more has the full colour, unless months of the map are larger.
const FULL_MIN: f64 = 0.02;
const MONTHS: [&str; 13] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec", "Year"];

/// Draws returns by month as one `<svg>` element, earliest year first; `None` where there are none.
///
/// Gains are of the class `cell up`, losses of `cell down`; without a style sheet they are green
/// and red, and every text has the colour of the page's, so that it is read in light and dark. The
/// size of a value is its cell's opacity, and its text says it again.
#[must_use]
pub fn monthly_heat_map(title: &str, months: &[MonthReturn]) -> Option<String> {
    let all = yearly(months);
    let years = all.get(all.len().saturating_sub(YEARS_MAX)..).unwrap_or_default();
    if years.is_empty() {
        return None;
    }
    let left_out = all.len() - years.len();
    let mut title = escape(title);
    if left_out > 0 {
        put(&mut title, format_args!(" (the latest {YEARS_MAX} years; {left_out} earlier ones)"));
    }
    let values = years.iter().flat_map(|year| year.months.iter().flatten());
    let full = values.fold(FULL_MIN, |most, value| most.max(value.abs()));
    let width = LEFT + 13.0 * CELL_WIDTH;
    let height = TOP + years.len() as f64 * CELL_HEIGHT;
    let mut svg = String::with_capacity(256 * 13 * years.len());
    put(
        &mut svg,
        format_args!(
            "<svg viewBox=\"0 0 {width:.0} {height:.0}\" role=\"img\" aria-label=\"{title}\" \
             font-family=\"system-ui,sans-serif\" font-size=\"12\" fill=\"currentColor\">\n\
             <title>{title}</title>\n"
        ),
    );
    for (name, column) in MONTHS.iter().zip(0..) {
        let x = LEFT + (f64::from(column) + 0.5) * CELL_WIDTH;
        put(
            &mut svg,
            format_args!(
                "<text class=\"axis\" x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{name}</text>\n",
                TOP - 8.0
            ),
        );
    }
    for (place, year) in years.iter().enumerate() {
        let y = TOP + place as f64 * CELL_HEIGHT;
        put(
            &mut svg,
            format_args!(
                "<text class=\"axis\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>\n",
                LEFT - 8.0,
                y + 17.0,
                year.year
            ),
        );
        for (column, value) in (0..).zip(year.months) {
            if let Some(value) = value {
                let label = format!("{} {}", MONTHS[usize::from(column)], year.year);
                cell(&mut svg, (column, y), value, full, &label);
            }
        }
        cell(&mut svg, (12_u8, y), year.total, full.max(year.total.abs()), &year.year.to_string());
    }
    svg.push_str("</svg>\n");
    Some(svg)
}

fn cell(svg: &mut String, (column, y): (u8, f64), value: f64, full: f64, label: &str) {
    let x = LEFT + f64::from(column) * CELL_WIDTH;
    let (class, colour) = if value < 0.0 { ("down", "#dc2626") } else { ("up", "#16a34a") };
    // At most half: text on it stays readable whatever lies below.
    let opacity = if value == 0.0 { 0.04 } else { 0.06 + 0.44 * (value.abs() / full).min(1.0) };
    let text = percent(value);
    put(
        svg,
        format_args!(
            "<rect class=\"cell {class}\" x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\" \
             rx=\"3\" fill=\"{colour}\" fill-opacity=\"{opacity:.3}\"><title>{label}: {text}</title></rect>\
             <text class=\"value\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{text}</text>\n",
            x + GAP / 2.0,
            y + GAP / 2.0,
            CELL_WIDTH - GAP,
            CELL_HEIGHT - GAP,
            x + CELL_WIDTH / 2.0,
            y + 17.0,
        ),
    );
}

/// One decimal; beyond 1,000 % none, so that it fits its cell.
fn percent(value: f64) -> String {
    let text = if value.abs() < 10.0 {
        format!("{:.1} %", value * 100.0)
    } else if value.abs() < 10_000.0 {
        format!("{:.0} %", value * 100.0)
    } else {
        format!("{:.1e}", value)
    };
    if text == "-0.0 %" { "0.0 %".to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::{YEARS_MAX, monthly_heat_map};
    use crate::monthly::MonthReturn;

    fn month(year: i64, month: u8, value: f64) -> MonthReturn {
        MonthReturn { year, month, value }
    }

    #[test]
    fn each_month_and_year_has_its_cell_and_its_text() {
        let months = [month(2024, 11, 0.0321), month(2024, 12, -0.05), month(2025, 1, 0.0)];
        let svg = monthly_heat_map("monthly returns of <a>", &months).expect("three months");
        assert_eq!(svg.matches("<rect").count(), 5, "three months and two years: {svg}");
        for text in [">3.2 %<", ">-5.0 %<", ">0.0 %<", "Nov 2024: 3.2 %", ">2025<", "of &lt;a&gt;"]
        {
            assert!(svg.contains(text), "{text} is missing: {svg}");
        }
        assert_eq!(svg.matches("cell down").count(), 2, "December, and the year with it");
        // The largest month has the deepest colour.
        let deepest = svg.lines().find(|line| line.contains("Dec 2024")).expect("December");
        assert!(deepest.contains("fill-opacity=\"0.500\""), "{deepest}");
    }

    #[test]
    fn the_map_is_bounded_and_empty_without_a_month() {
        assert_eq!(monthly_heat_map("x", &[]), None);
        let months: Vec<MonthReturn> = (1900..2000).map(|year| month(year, 1, 0.01)).collect();
        let svg = monthly_heat_map("x", &months).expect("months");
        assert_eq!(svg.matches("<rect").count(), 2 * YEARS_MAX);
        assert!(svg.contains("40 earlier ones") && !svg.contains(">1939<"), "{svg}");
    }
}
