//! The two fonts that every PDF reader has: how wide their letters are, and which byte each is.
//!
//! Widths are those of Adobe's metrics for Helvetica and Helvetica-Bold, in thousandths of the
//! size, from the blank (32) to the tilde (126).

/// A font of the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Font {
    Plain,
    Bold,
}

const PLAIN: [u16; 95] = [
    278, 278, 355, 556, 556, 889, 667, 191, 333, 333, 389, 584, 278, 333, 278, 278, 556, 556, 556,
    556, 556, 556, 556, 556, 556, 556, 278, 278, 584, 584, 584, 556, 1015, 667, 667, 722, 722, 667,
    611, 778, 722, 278, 500, 667, 556, 833, 722, 778, 667, 778, 722, 667, 611, 722, 667, 944, 667,
    667, 611, 278, 278, 278, 469, 556, 333, 556, 556, 500, 556, 556, 278, 556, 556, 222, 222, 500,
    222, 833, 556, 556, 556, 556, 333, 500, 278, 556, 500, 722, 500, 500, 500, 334, 260, 334, 584,
];

const BOLD: [u16; 95] = [
    278, 333, 474, 556, 556, 889, 722, 238, 333, 333, 389, 584, 278, 333, 278, 278, 556, 556, 556,
    556, 556, 556, 556, 556, 556, 556, 333, 333, 584, 584, 584, 611, 975, 722, 722, 722, 722, 667,
    611, 778, 722, 278, 556, 722, 611, 833, 722, 778, 667, 778, 722, 667, 611, 722, 667, 944, 667,
    667, 611, 333, 278, 333, 584, 556, 333, 556, 611, 556, 611, 556, 333, 611, 611, 278, 278, 556,
    278, 889, 611, 611, 611, 611, 389, 556, 333, 611, 556, 778, 556, 556, 500, 389, 280, 389, 584,
];

/// Width of letters beyond ASCII: that of most of them.
const OTHER: u16 = 611;

/// A text in the page's encoding; a letter that it does not have is a question mark.
pub(super) fn encoded(text: &str) -> Vec<u8> {
    text.chars()
        .map(|letter| match u32::from(letter) {
            code @ (0x20..=0x7e | 0xa0..=0xff) => u8::try_from(code).unwrap_or(b'?'),
            _ => b'?',
        })
        .collect()
}

/// How wide an encoded text is at a size, in points.
pub(super) fn width(font: Font, size: f32, text: &[u8]) -> f32 {
    let table = if font == Font::Bold { &BOLD } else { &PLAIN };
    let wide = |byte: &u8| {
        let place = usize::from(*byte).checked_sub(32);
        u32::from(place.and_then(|place| table.get(place)).copied().unwrap_or(OTHER))
    };
    let thousandths: u32 = text.iter().map(wide).sum();
    size * f32::from(u16::try_from(thousandths / 10).unwrap_or(u16::MAX)) / 100.0
}
