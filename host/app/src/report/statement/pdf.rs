//! A statement as PDF: A4, the fonts that every reader has, pages numbered, the headings of a table
//! on each of its pages, numbers flush right, pictures where the page of the web has them.
//!
//! Guarantees: the same document gives the same bytes; nothing is cut off: texts wrap, and a table
//! that is too wide is set smaller.

use pdf_writer::{Content, Finish, Name, Pdf, Rect, Ref, Str, TextStr};

use super::document::{Document, Line, Section};
use super::drawing::Drawing;
use super::font::{Font, encoded, width};
use super::html::{BEFORE_PICTURES, Picture};

const WIDTH: f32 = 595.0;
const HEIGHT: f32 = 842.0;
const MARGIN: f32 = 42.0;
/// Lowest line of a page's text; the footer is below.
const BOTTOM: f32 = 56.0;
const FOOT: f32 = 32.0;
const SIZE: f32 = 8.0;
const GAP: f32 = 9.0;
/// Height of a line, as a multiple of the size.
const LEADING: f32 = 1.4;
/// Widest that a column of text gets before it wraps.
const TEXT_MAX: f32 = 190.0;
/// Between these it is pressed to its longest word: a date stays on one line, an id is broken.
const TEXT_MIN: (f32, f32) = (34.0, 60.0);

/// Writes it.
pub(crate) fn pdf(document: &Document, pictures: &[Picture]) -> Vec<u8> {
    let mut paper = Paper::new();
    paper.heading(&document.title, 16.0);
    paper.paragraph(&document.subtitle);
    for (place, section) in document.sections.iter().enumerate() {
        if place == BEFORE_PICTURES {
            pictures.iter().for_each(|picture| paper.picture(picture));
        }
        paper.section(section);
    }
    paper.finish(&document.title)
}

/// Pages under construction.
struct Paper {
    pages: Vec<Content>,
    y: f32,
}

/// Where the columns of a table are.
struct Columns {
    size: f32,
    places: Vec<Place>,
}

struct Place {
    left: f32,
    width: f32,
    number: bool,
}

impl Paper {
    fn new() -> Self {
        Self { pages: vec![Content::new()], y: HEIGHT - MARGIN }
    }

    fn next_page(&mut self) {
        self.pages.push(Content::new());
        self.y = HEIGHT - MARGIN;
    }

    fn content(&mut self) -> &mut Content {
        if self.pages.is_empty() {
            self.pages.push(Content::new());
        }
        let last = self.pages.len() - 1;
        &mut self.pages[last]
    }

    fn write(&mut self, x: f32, y: f32, font: Font, size: f32, text: &[u8]) {
        show(self.content(), x, y, font, size, text);
    }

    fn rule(&mut self, right: f32, y: f32) {
        let content = self.content();
        content.set_stroke_gray(0.6).set_line_width(0.5);
        content.move_to(MARGIN, y).line_to(right, y).stroke();
    }

    fn heading(&mut self, text: &str, size: f32) {
        self.y -= size;
        let y = self.y;
        self.write(MARGIN, y, Font::Bold, size, &encoded(text));
        self.y -= size * 0.4;
    }

    fn paragraph(&mut self, text: &str) {
        for line in wrapped(&encoded(text), Font::Plain, SIZE, WIDTH - 2.0 * MARGIN) {
            if self.y - SIZE * LEADING < BOTTOM {
                self.next_page();
            }
            self.y -= SIZE * LEADING;
            let y = self.y;
            self.write(MARGIN, y, Font::Plain, SIZE, &line);
        }
    }

    fn section(&mut self, section: &Section) {
        // A heading stands with its remarks and the first rows, or on the next page.
        let rows = if section.rows.is_empty() { 0.0 } else { 4.0 };
        let notes = u16::try_from(section.notes.len()).map_or(0.0, f32::from);
        let needed = 40.0 + SIZE * LEADING * (rows + notes);
        let fresh = self.y > HEIGHT - MARGIN - 1.0;
        if !fresh && (section.new_page || self.y - needed < BOTTOM) {
            self.next_page();
        }
        self.y -= 14.0;
        self.heading(&section.title, 11.0);
        for note in &section.notes {
            self.paragraph(note);
        }
        if !section.rows.is_empty() {
            self.table(section);
        }
    }

    /// A picture with its heading, on one page.
    fn picture(&mut self, picture: &Picture) {
        let Some(drawing) = Drawing::of(&picture.svg) else { return };
        let wide = WIDTH - 2.0 * MARGIN;
        let high = drawing.height(wide);
        if self.y - (high + 40.0) < BOTTOM {
            self.next_page();
        }
        self.y -= 14.0;
        self.heading(&picture.title, 11.0);
        self.y -= 4.0;
        let corner = (MARGIN, self.y);
        drawing.put(self.content(), corner, wide);
        self.y -= high;
    }

    fn table(&mut self, section: &Section) {
        let columns = Columns::of(section);
        self.table_head(section, &columns);
        for row in &section.rows {
            self.table_row(section, &columns, row);
        }
    }

    fn table_head(&mut self, section: &Section, columns: &Columns) {
        self.y -= columns.size * LEADING + 2.0;
        let y = self.y;
        for (place, name) in columns.places.iter().zip(&section.columns) {
            let text = encoded(name.trim_start_matches('>'));
            self.write_in(place, y, Font::Bold, columns.size, &text);
        }
        self.rule(columns.right(), y - 3.0);
        self.y -= 3.0;
    }

    fn table_row(&mut self, section: &Section, columns: &Columns, row: &Line) {
        let font = if row.total { Font::Bold } else { Font::Plain };
        let leading = columns.size * LEADING;
        let cells: Vec<Vec<Vec<u8>>> = columns
            .places
            .iter()
            .zip(&row.cells)
            .map(|(place, text)| wrapped(&encoded(text), font, columns.size, place.width))
            .collect();
        let lines = cells.iter().map(Vec::len).max().unwrap_or(1).max(1);
        let height = leading * u16::try_from(lines).map_or(0.0, f32::from);
        if self.y - height < BOTTOM {
            self.next_page();
            self.table_head(section, columns);
        }
        if row.total {
            let y = self.y;
            self.rule(columns.right(), y - 2.0);
            self.y -= 1.0;
        }
        let top = self.y;
        for (place, cell) in columns.places.iter().zip(&cells) {
            let mut y = top;
            for line in cell {
                y -= leading;
                self.write_in(place, y, font, columns.size, line);
            }
        }
        self.y = top - height;
    }

    fn write_in(&mut self, place: &Place, y: f32, font: Font, size: f32, text: &[u8]) {
        let indent = if place.number { place.width - width(font, size, text) } else { 0.0 };
        self.write(place.left + indent, y, font, size, text);
    }

    fn finish(mut self, title: &str) -> Vec<u8> {
        let count = self.pages.len();
        for (place, content) in self.pages.iter_mut().enumerate() {
            let number = encoded(&format!("page {} of {count}", place + 1));
            let x = WIDTH - MARGIN - width(Font::Plain, SIZE, &number);
            show(content, MARGIN, FOOT, Font::Plain, SIZE, &encoded(title));
            show(content, x, FOOT, Font::Plain, SIZE, &number);
        }
        assembled(title, self.pages)
    }
}

/// Writes an encoded text at a place.
pub(super) fn show(content: &mut Content, x: f32, y: f32, font: Font, size: f32, text: &[u8]) {
    if text.is_empty() {
        return;
    }
    let name = if font == Font::Bold { Name(b"F2") } else { Name(b"F1") };
    content.begin_text().set_font(name, size).next_line(x, y).show(Str(text)).end_text();
}

fn assembled(title: &str, pages: Vec<Content>) -> Vec<u8> {
    let [catalog, tree, plain, bold, info] = [1, 2, 3, 4, 5].map(Ref::new);
    let mut pdf = Pdf::new();
    pdf.catalog(catalog).pages(tree);
    pdf.document_info(info)
        .title(TextStr(title))
        .producer(TextStr(concat!("stockade ", env!("CARGO_PKG_VERSION"))));
    let mut next = 6;
    let mut ids = Vec::with_capacity(pages.len());
    for content in pages {
        let (page_id, content_id) = (Ref::new(next), Ref::new(next + 1));
        next += 2;
        ids.push(page_id);
        let mut page = pdf.page(page_id);
        page.media_box(Rect::new(0.0, 0.0, WIDTH, HEIGHT)).parent(tree).contents(content_id);
        page.resources().fonts().pair(Name(b"F1"), plain).pair(Name(b"F2"), bold);
        page.finish();
        pdf.stream(content_id, &content.finish());
    }
    let count = i32::try_from(ids.len()).unwrap_or(i32::MAX);
    pdf.pages(tree).kids(ids).count(count);
    for (id, name) in [(plain, Name(b"Helvetica")), (bold, Name(b"Helvetica-Bold"))] {
        pdf.type1_font(id).base_font(name).encoding_predefined(Name(b"WinAnsiEncoding"));
    }
    pdf.finish()
}

impl Columns {
    /// As wide as their texts where there is room; else columns of text are pressed, then all is
    /// set smaller.
    fn of(section: &Section) -> Self {
        let numbers: Vec<bool> = section.columns.iter().map(|name| name.starts_with('>')).collect();
        let mut widths: Vec<f32> = Vec::with_capacity(numbers.len());
        let mut spare: Vec<f32> = Vec::with_capacity(numbers.len());
        for (place, name) in section.columns.iter().enumerate() {
            let head = width(Font::Bold, SIZE, &encoded(name.trim_start_matches('>')));
            let cell = |row: &Line| {
                let font = if row.total { Font::Bold } else { Font::Plain };
                width(font, SIZE, &encoded(row.cells.get(place).map_or("", |cell| cell)))
            };
            let widest = section.rows.iter().map(cell).fold(head, f32::max);
            let words = section.rows.iter().filter_map(|row| row.cells.get(place));
            let words = words.flat_map(|cell| cell.split(' '));
            let longest = words.map(|word| width(Font::Plain, SIZE, &encoded(word)));
            let least = longest.fold(TEXT_MIN.0, f32::max).max(head).min(TEXT_MIN.1);
            let wide = if numbers[place] { widest } else { widest.min(TEXT_MAX) };
            widths.push(wide);
            spare.push(if numbers[place] { 0.0 } else { (wide - least).max(0.0) });
        }
        let gaps = GAP * u16::try_from(widths.len().saturating_sub(1)).map_or(0.0, f32::from);
        let available = WIDTH - 2.0 * MARGIN - gaps;
        let over = widths.iter().sum::<f32>() - available;
        if over > 0.0 {
            press(&mut widths, &spare, over);
        }
        let total = widths.iter().sum::<f32>();
        let factor = (available / total.max(1.0)).min(1.0);
        let mut left = MARGIN;
        let places = widths.iter().zip(&numbers).map(|(width, number)| {
            let place = Place { left, width: width * factor, number: *number };
            left += place.width + GAP;
            place
        });
        Self { places: places.collect(), size: SIZE * factor }
    }

    fn right(&self) -> f32 {
        self.places.last().map_or(MARGIN, |place| place.left + place.width)
    }
}

/// Takes `over` from the columns that can spare it, from those that can spare more the more.
fn press(widths: &mut [f32], spare: &[f32], over: f32) {
    let all: f32 = spare.iter().sum();
    if all <= 0.0 {
        return;
    }
    let part = (over / all).min(1.0);
    for (width, spare) in widths.iter_mut().zip(spare) {
        *width -= spare * part;
    }
}

/// A text in lines that fit; a word that is too long is broken.
fn wrapped(text: &[u8], font: Font, size: f32, room: f32) -> Vec<Vec<u8>> {
    // Widths are rounded: a text that made its column fits it.
    let fits = |line: &[u8]| width(font, size, line) <= room + 0.2;
    if fits(text) {
        return vec![text.to_vec()];
    }
    let mut lines: Vec<Vec<u8>> = Vec::new();
    let mut line: Vec<u8> = Vec::new();
    for word in text.split(|byte| *byte == b' ') {
        let mut joined = line.clone();
        if !joined.is_empty() {
            joined.push(b' ');
        }
        joined.extend_from_slice(word);
        if fits(&joined) {
            line = joined;
            continue;
        }
        if !line.is_empty() {
            lines.push(std::mem::take(&mut line));
        }
        for byte in word {
            line.push(*byte);
            if !fits(&line) && line.len() > 1 {
                line.pop();
                lines.push(std::mem::replace(&mut line, vec![*byte]));
            }
        }
    }
    lines.push(line);
    lines
}
