//! Pictures on paper: the drawings of `stockade_stats`, which are SVG, as lines and areas of a PDF.
//!
//! Knows the elements and classes that those drawings are made of, and leaves anything else out. What
//! is half transparent there is mixed with the white of the paper here.

use pdf_writer::Content;

use super::font::{Font, encoded, width};
use super::pdf::show;

/// Red, green and blue, from 0 to 1.
type Colour = [f32; 3];

const GRID: Colour = [0.86, 0.85, 0.84];
const SOFT: Colour = [0.42, 0.40, 0.38];
const LINE: Colour = [0.15, 0.39, 0.92];
const GOOD: Colour = [0.08, 0.50, 0.24];
const BAD: Colour = [0.73, 0.11, 0.11];
const BLACK: Colour = [0.0; 3];
/// Sizes of texts in the drawings, in their own units.
const AXIS_SIZE: f32 = 11.0;
const VALUE_SIZE: f32 = 12.0;
/// How much of its line's colour an area has.
const AREA: f32 = 0.16;

/// A drawing of known size.
pub(super) struct Drawing<'a> {
    svg: &'a str,
    width: f32,
    height: f32,
}

impl<'a> Drawing<'a> {
    /// Reads its size; `None` for what is no drawing.
    pub(super) fn of(svg: &'a str) -> Option<Self> {
        let head = elements(svg).find(|element| element.name == "svg")?;
        let sides = head.attribute("viewBox")?;
        let mut sides = sides.split(' ').skip(2).filter_map(|side| side.parse::<f32>().ok());
        let (width, height) = (sides.next()?, sides.next()?);
        (width > 0.0 && height > 0.0).then_some(Self { svg, width, height })
    }

    /// How high it is when it is so wide.
    pub(super) fn height(&self, wide: f32) -> f32 {
        self.height * wide / self.width
    }

    /// Draws it, so wide, below and right of a corner.
    pub(super) fn put(&self, content: &mut Content, (left, top): (f32, f32), wide: f32) {
        let scale = wide / self.width;
        let mut pen = Pen { content, left, top, scale };
        for element in elements(self.svg) {
            pen.draw(&element);
        }
    }
}

/// Where a drawing's own places are on the page.
struct Pen<'a> {
    content: &'a mut Content,
    left: f32,
    top: f32,
    scale: f32,
}

impl Pen<'_> {
    fn draw(&mut self, element: &Element<'_>) {
        match element.name {
            "line" => self.line(element),
            "text" => self.text(element),
            "path" => self.path(element),
            "circle" => self.dot(element),
            "rect" => self.cell(element),
            _ => {}
        }
    }

    fn place(&self, x: f32, y: f32) -> (f32, f32) {
        (self.left + x * self.scale, self.top - y * self.scale)
    }

    fn stroke_with(&mut self, [red, green, blue]: Colour, line: f32) {
        self.content.set_stroke_rgb(red, green, blue).set_line_width(line);
    }

    fn fill_with(&mut self, [red, green, blue]: Colour) {
        self.content.set_fill_rgb(red, green, blue);
    }

    fn line(&mut self, element: &Element<'_>) {
        let [x1, x2, y1, y2] = ["x1", "x2", "y1", "y2"].map(|name| element.number(name));
        let (from, to) = (self.place(x1, y1), self.place(x2, y2));
        let colour = if element.has_class("event") { SOFT } else { GRID };
        self.stroke_with(colour, 0.4);
        self.content.move_to(from.0, from.1).line_to(to.0, to.1).stroke();
    }

    fn text(&mut self, element: &Element<'_>) {
        let axis = element.has_class("axis");
        let size = self.scale * if axis { AXIS_SIZE } else { VALUE_SIZE };
        let text = encoded(&plain(element.text));
        let long = width(Font::Plain, size, &text);
        let back = match element.attribute("text-anchor") {
            Some("end") => long,
            Some("middle") => long / 2.0,
            _ => 0.0,
        };
        let (x, y) = self.place(element.number("x"), element.number("y"));
        self.fill_with(if axis { SOFT } else { BLACK });
        show(self.content, x - back, y, Font::Plain, size, &text);
        self.fill_with(BLACK);
    }

    fn path(&mut self, element: &Element<'_>) {
        let Some(way) = element.attribute("d") else { return };
        let filled = match () {
            () if element.has_class("area") => Some(mixed(LINE, AREA)),
            () if element.has_class("buy") => Some(GOOD),
            () if element.has_class("sell") => Some(BAD),
            () => None,
        };
        match filled {
            Some(colour) => self.fill_with(colour),
            None => self.stroke_with(LINE, 0.9),
        }
        for (place, step) in way.trim_end_matches('Z').split(['M', 'L']).skip(1).enumerate() {
            let mut sides = step.split(' ').filter_map(|side| side.parse::<f32>().ok());
            let (Some(x), Some(y)) = (sides.next(), sides.next()) else { continue };
            let (x, y) = self.place(x, y);
            if place == 0 {
                self.content.move_to(x, y)
            } else {
                self.content.line_to(x, y)
            };
        }
        if filled.is_some() {
            self.content.close_path().fill_nonzero();
            self.fill_with(BLACK);
        } else {
            self.content.stroke();
        }
    }

    /// A point alone: a small square is a dot at this size.
    fn dot(&mut self, element: &Element<'_>) {
        let side = 2.0 * element.number("r") * self.scale;
        let (x, y) = self.place(element.number("cx"), element.number("cy"));
        self.fill_with(LINE);
        self.content.rect(x - side / 2.0, y - side / 2.0, side, side).fill_nonzero();
        self.fill_with(BLACK);
    }

    fn cell(&mut self, element: &Element<'_>) {
        let colour = if element.has_class("down") { BAD } else { GOOD };
        let [wide, high] = ["width", "height"].map(|name| element.number(name) * self.scale);
        let (x, y) = self.place(element.number("x"), element.number("y"));
        self.fill_with(mixed(colour, element.number("fill-opacity")));
        self.content.rect(x, y - high, wide, high).fill_nonzero();
        self.fill_with(BLACK);
    }
}

/// So much of a colour on white.
fn mixed(colour: Colour, part: f32) -> Colour {
    colour.map(|side| 1.0 - part * (1.0 - side))
}

/// An opening tag, and the text behind it.
struct Element<'a> {
    name: &'a str,
    attributes: &'a str,
    text: &'a str,
}

/// The tags of a drawing; every text in it is escaped, so that brackets are its own.
fn elements(svg: &str) -> impl Iterator<Item = Element<'_>> {
    svg.split('<').skip(1).filter_map(|part| {
        let (tag, text) = part.split_once('>')?;
        let tag = tag.trim_end_matches('/');
        let end = tag.find(' ').unwrap_or(tag.len());
        let (name, attributes) = tag.split_at(end);
        Some(Element { name, attributes, text })
    })
}

impl<'a> Element<'a> {
    fn attribute(&self, name: &str) -> Option<&'a str> {
        let start = self.attributes.find(&format!(" {name}=\""))? + name.len() + 3;
        self.attributes[start..].split('"').next()
    }

    fn number(&self, name: &str) -> f32 {
        self.attribute(name).and_then(|text| text.parse().ok()).unwrap_or_default()
    }

    fn has_class(&self, class: &str) -> bool {
        self.attribute("class").is_some_and(|all| all.split(' ').any(|one| one == class))
    }
}

/// A text without its escapes.
fn plain(text: &str) -> String {
    let pairs = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&amp;", "&")];
    pairs.iter().fold(text.to_owned(), |text, (escape, letter)| text.replace(escape, letter))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may")]

    use stockade_stats::picture::{Point, drawdown_curve, equity_curve, monthly_heat_map};
    use stockade_stats::{MonthReturn, picture::Mark, picture::Shape, picture::trades_on_price};

    use super::*;

    #[test]
    fn every_part_of_every_drawing_is_on_the_paper() {
        let values = [100.0, 120.0, 90.0];
        let points: Vec<Point> = (0_i64..)
            .zip(values)
            .map(|(day, value)| Point { at: day * 86_400_000_000_000, value })
            .collect();
        let mark = Mark { at: 0, value: 100.0, shape: Shape::Buy, title: "bought <1>".to_owned() };
        let months = [MonthReturn { year: 2026, month: 1, value: -0.1 }];
        for (svg, fills) in [
            (equity_curve("equity", &points).unwrap(), 0),
            (drawdown_curve("falls", &points).unwrap(), 1),
            (trades_on_price("trades", &points, vec![mark]).unwrap(), 1),
            (monthly_heat_map("months", &months).unwrap(), 2),
        ] {
            let drawing = Drawing::of(&svg).unwrap();
            let mut content = Content::new();
            drawing.put(&mut content, (10.0, 500.0), 400.0);
            let bytes = content.finish();
            let text = String::from_utf8_lossy(&bytes).into_owned();
            let count =
                |operator: &str| text.lines().filter(|line| line.ends_with(operator)).count();
            assert_eq!(count(" Tj"), svg.matches("<text").count(), "{text}");
            assert_eq!(text.lines().filter(|line| *line == "f").count(), fills, "{text}");
            let strokes = svg.matches("<line").count() + svg.matches("class=\"line").count();
            assert_eq!(text.lines().filter(|line| *line == "S").count(), strokes, "{text}");
            assert!(drawing.height(400.0) > 0.0);
        }
        assert!(Drawing::of("no drawing").is_none());
    }
}
