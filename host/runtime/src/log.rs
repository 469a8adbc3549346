//! Log lines of a bot: bounded, and never able to write to a terminal by themselves.

use serde::Serialize;

use crate::call::Cause;

/// Longest line kept, in bytes; the rest is cut and marked.
const LINE_BYTES_MAX: usize = 1_024;

/// How important a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LogLevel {
    /// For the author.
    Debug,
    /// Normal.
    Info,
    /// Unusual.
    Warn,
    /// Wrong.
    Error,
}

/// One line that a bot wrote. Control characters are escaped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LogLine {
    /// How important.
    pub level: LogLevel,
    /// What.
    pub text: String,
}

/// Text from a bot without anything that a terminal or a log file acts on.
pub(crate) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len().min(LINE_BYTES_MAX));
    for c in text.chars() {
        let steers = c.is_control()
            || matches!(c, '\u{2028}' | '\u{2029}' | '\u{200e}' | '\u{200f}' | '\u{feff}')
            || ('\u{202a}'..='\u{202e}').contains(&c)
            || ('\u{2066}'..='\u{2069}').contains(&c);
        if steers {
            out.extend(c.escape_default());
        } else {
            out.push(c);
        }
    }
    out
}

/// At most `max` bytes of `text`, cut between characters.
pub(crate) fn clip(text: &str, max: usize) -> &str {
    if text.len() <= max {
        return text;
    }
    let end = (0..=max).rev().find(|i| text.is_char_boundary(*i)).unwrap_or(0);
    &text[..end]
}

/// The lines of the call in hand.
#[derive(Debug, Default)]
pub(crate) struct LogBook {
    pub(crate) lines: Vec<LogLine>,
    pub(crate) dropped: u32,
    bytes: usize,
    /// What was asked for beyond the limits, by setting.
    over: Option<(&'static str, u64, u64)>,
}

impl LogBook {
    pub(crate) fn add(&mut self, level: LogLevel, text: &str, lines: u32, bytes: u32) {
        let fits = |used: usize, max: u32| u32::try_from(used).is_ok_and(|used| used <= max);
        let mut text_kept = escape(clip(text, LINE_BYTES_MAX));
        if text.len() > LINE_BYTES_MAX {
            text_kept.push('…');
        }
        let after = self.bytes + text_kept.len();
        if !fits(self.lines.len() + 1, lines) || !fits(after, bytes) {
            self.dropped = self.dropped.saturating_add(1);
            let lines_found = u64::try_from(self.lines.len()).unwrap_or(u64::MAX);
            self.over = Some(if fits(self.lines.len() + 1, lines) {
                ("log_bytes", u64::try_from(after).unwrap_or(u64::MAX), bytes.into())
            } else {
                ("log_lines", lines_found.saturating_add(self.dropped.into()), lines.into())
            });
            return;
        }
        self.bytes = after;
        self.lines.push(LogLine { level, text: text_kept });
    }

    /// The limit that lines were dropped by, if any were.
    pub(crate) fn breach(&self) -> Option<Cause> {
        let (setting, found, allowed) = self.over?;
        let what = match setting {
            "log_bytes" => "bytes of log lines of one call:",
            _ => "log lines of one call:",
        };
        Some(Cause::Limit { what, found, allowed, setting })
    }

    /// Takes the lines and starts anew.
    pub(crate) fn take(&mut self) -> (Vec<LogLine>, u32) {
        let taken = (std::mem::take(&mut self.lines), self.dropped);
        (self.dropped, self.bytes, self.over) = (0, 0, None);
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_acts_on_is_escaped() {
        assert_eq!(escape("a\u{1b}[31mb\nc\u{202e}d"), "a\\u{1b}[31mb\\nc\\u{202e}d");
        assert_eq!(escape("plain – ü"), "plain – ü");
    }

    #[test]
    fn lines_beyond_the_limits_are_counted() {
        let mut book = LogBook::default();
        for _ in 0..5 {
            book.add(LogLevel::Info, "twelve bytes", 3, 1_000);
        }
        let (lines, dropped) = book.take();
        assert_eq!((lines.len(), dropped), (3, 2));
        book.add(LogLevel::Info, "twelve bytes", 3, 11);
        assert_eq!(book.take(), (vec![], 1));
    }

    #[test]
    fn a_long_line_is_cut_between_characters() {
        let mut book = LogBook::default();
        book.add(LogLevel::Warn, &"ü".repeat(1_000), 3, 10_000);
        let (lines, _) = book.take();
        assert_eq!(lines[0].text.chars().count(), 513);
    }
}
