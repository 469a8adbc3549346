//! Files of different kinds together: bars, quotes and trades of the same symbols.

use stockade_core::Symbol;

use super::bars::{self, BarRow, Bars};
use super::error::FileError;
use super::names::{Names, file_place};
use super::quotes::{self, QuoteRow};
use super::source::{FileKind, Source};
use super::trades::{self, TradeRow};

/// The interval of a file of quotes in one row.
const INTERVAL_DEFAULT_NS: i64 = 60_000_000_000;

/// Everything that some files hold, each kind in time order.
#[derive(Debug, Clone, Default)]
pub struct Feed {
    /// The bars, and the symbols of all kinds in the order in which the files name them.
    pub bars: Bars,
    /// Quotes, each at the moment from which it holds: one out of a bar of bid and ask holds at the
    /// bar's end.
    pub quotes: Vec<QuoteRow>,
    /// Trades; those of one symbol at one time in the order of their file.
    pub trades: Vec<TradeRow>,
}

impl Feed {
    /// The symbols of all kinds.
    #[must_use]
    pub fn symbols(&self) -> &[Symbol] {
        &self.bars.symbols
    }

    /// Whether there is anything but bars.
    #[must_use]
    pub fn has_ticks(&self) -> bool {
        !self.quotes.is_empty() || !self.trades.is_empty()
    }
}

/// Reads files of any kind, told apart by their headers, and merges each kind in time order.
///
/// # Errors
/// [`FileError`], with file, line, column and value.
pub fn read_feed(sources: &[Source]) -> Result<Feed, FileError> {
    let mut names = Names::default();
    let (mut bars, mut quotes, mut trades) = (Vec::new(), Vec::new(), Vec::new());
    for (place, source) in sources.iter().enumerate() {
        let file = file_place(place, source)?;
        match source.kind()? {
            FileKind::Bars => bars::append(&mut bars, &mut names, source, file)?,
            FileKind::Quotes => {
                let first = quotes.len();
                quotes::append(&mut quotes, &mut names, source, file)?;
                hold_from_the_end(&mut quotes[first..]);
            }
            FileKind::QuoteTicks => quotes::append_ticks(&mut quotes, &mut names, source, file)?,
            FileKind::Trades => trades::append(&mut trades, &mut names, source)?,
        }
    }
    // Files are sorted one by one, so these sorts meet a few long runs and merge them.
    bars.sort_by_key(|row: &BarRow| (row.at, row.symbol));
    quotes.sort_by_key(|row: &QuoteRow| (row.at, row.symbol));
    trades.sort_by_key(|row: &TradeRow| (row.at, row.symbol));
    let bars = Bars { symbols: names.symbols, rows: bars };
    bars.check_overlap(sources)?;
    Ok(Feed { bars, quotes, trades })
}

/// Quotes out of bars are stamped with their intervals' starts and hold at the ends.
fn hold_from_the_end(rows: &mut [QuoteRow]) {
    let mut last: Vec<Option<i64>> = Vec::new();
    let mut interval: Option<i64> = None;
    for row in rows.iter() {
        let place = usize::from(row.symbol);
        if last.len() <= place {
            last.resize(place + 1, None);
        }
        if let Some(before) = last[place].replace(row.at) {
            let step = row.at.saturating_sub(before);
            interval = Some(interval.map_or(step, |least| least.min(step)));
        }
    }
    for row in rows {
        row.at = row.at.saturating_add(interval.unwrap_or(INTERVAL_DEFAULT_NS));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rust_decimal::Decimal;

    fn sources(files: &[(&str, &str)]) -> (tempfile::TempDir, Vec<Source>) {
        let folder = tempfile::tempdir().expect("a folder");
        let source = |(name, text): &(&str, &str)| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).expect("it is written");
            Source { path, symbol: None }
        };
        let sources = files.iter().map(source).collect();
        (folder, sources)
    }

    #[test]
    fn kinds_are_told_by_their_headers_and_share_symbols() {
        let (_folder, sources) = sources(&[
            (
                "IBM_bars.csv",
                "timestamp,open,high,low,close,volume\n2013-10-08T13:30:00Z,1,2,1,2,5\n",
            ),
            (
                "IBM_quotes.csv",
                "timestamp,bid_price,bid_size,ask_price,ask_size,exchange,suspicious\n\
                 2013-10-08T13:30:00.5Z,1.1,200,,,P,0\n2013-10-08T13:30:00.5Z,,,1.2,100,P,0\n\
                 2013-10-08T13:30:01Z,9,1,,,P,1\n2013-10-08T13:30:02Z,1.15,50,,,P,0\n",
            ),
            (
                "IBM_trades.csv",
                "timestamp,price,size,exchange,condition,suspicious\n\
                 2013-10-08T13:30:01Z,1.2,5,P,0,0\n2013-10-08T13:30:01Z,1.3,6,P,0,0\n\
                 2013-10-08T13:30:01Z,7,6,P,0,1\n",
            ),
        ]);
        let feed = read_feed(&sources).expect("they are right");
        assert_eq!(feed.symbols().len(), 1);
        assert_eq!((feed.bars.rows.len(), feed.quotes.len(), feed.trades.len()), (1, 2, 2));
        let second = feed.quotes[1];
        assert_eq!(second.bid, Decimal::new(115, 2));
        assert_eq!((second.ask, second.ask_size), (Decimal::new(12, 1), Decimal::from(100)));
    }

    #[test]
    fn quotes_of_bars_hold_from_their_end_and_an_empty_side_stays() {
        let header = "timestamp,bid_open,bid_high,bid_low,bid_close,bid_size,ask_open,ask_high,ask_low,ask_close,ask_size";
        let text = format!(
            "{header}\n2013-10-04T08:00:00Z,1,1,1,1,10,2,2,2,2,10\n2013-10-04T08:01:00Z,1,1.5,1,1.5,20,,,,,\n"
        );
        let (_folder, sources) = sources(&[("SPY_q.csv", &text)]);
        let feed = read_feed(&sources).expect("they are right");
        let minute = 60_000_000_000;
        assert_eq!(feed.quotes[1].at - feed.quotes[0].at, minute);
        assert_eq!(feed.quotes[0].at % 86_400_000_000_000, 8 * 60 * minute + minute);
        assert_eq!((feed.quotes[1].bid, feed.quotes[1].ask), (Decimal::new(15, 1), Decimal::TWO));
    }

    #[test]
    fn unsorted_ticks_are_refused_by_line_and_column() {
        let text = "timestamp,price,size\n2013-10-08T13:30:02Z,1,1\n2013-10-08T13:30:01Z,1,1\n";
        let (_folder, sources) = sources(&[("A_t.csv", text)]);
        let error = read_feed(&sources).expect_err("they are not in order").to_string();
        assert!(
            error.contains("line 3, column timestamp") && error.contains("time order"),
            "{error}"
        );
    }
}
