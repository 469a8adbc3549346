//! Bars out of one file or several, in time order.

use rust_decimal::Decimal;
use stockade_core::Symbol;

use super::error::{FileError, Problem};
use super::field;
use super::line::Lines;
use super::names::{Names, file_place};
use super::source::Source;
use super::table::{Layout, Table};

pub(crate) const LAYOUT: Layout = Layout {
    header: "timestamp,[symbol,]open,high,low,close,volume",
    columns: &[
        ("timestamp", true),
        ("symbol", false),
        ("open", true),
        ("high", true),
        ("low", true),
        ("close", true),
        ("volume", true),
    ],
    open: false,
};
const TIMESTAMP: usize = 0;
const SYMBOL: usize = 1;
const OPEN: usize = 2;
const HIGH: usize = 3;
const LOW: usize = 4;
const CLOSE: usize = 5;
const VOLUME: usize = 6;

/// Most rows of one call: about 2 GB of memory.
const ROWS_MAX: usize = 20_000_000;
/// A bar of one symbol. 96 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BarRow {
    /// Nanoseconds since 1970 UTC: the start of the interval.
    pub at: i64,
    /// First price.
    pub open: Decimal,
    /// Highest price.
    pub high: Decimal,
    /// Lowest price.
    pub low: Decimal,
    /// Last price.
    pub close: Decimal,
    /// Shares or coins traded; zero is allowed.
    pub volume: Decimal,
    /// Place in [`Bars::symbols`].
    pub symbol: u16,
    /// Place of the file among the sources: for messages alone.
    file: u16,
    line: u32,
}

/// Bars in time order; those of one time in the order of `symbols`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Bars {
    /// In the order in which the files name them.
    pub symbols: Vec<Symbol>,
    /// Sorted by time, then by place of the symbol; no symbol has two bars at one time.
    pub rows: Vec<BarRow>,
}

/// Reads bars out of all files and merges them in time order.
pub fn read_bars(sources: &[Source]) -> Result<Bars, FileError> {
    let mut names = Names::default();
    let mut rows = Vec::new();
    for (place, source) in sources.iter().enumerate() {
        let file = file_place(place, source)?;
        append(&mut rows, &mut names, source, file)?;
    }
    // Files are sorted one by one, so this sort meets a few long runs and merges them.
    rows.sort_by_key(|row: &BarRow| (row.at, row.symbol, row.file));
    let bars = Bars { symbols: names.symbols, rows };
    bars.check_overlap(sources)?;
    Ok(bars)
}

impl Bars {
    /// The symbol of a row.
    #[must_use]
    pub fn symbol(&self, row: &BarRow) -> &Symbol {
        &self.symbols[usize::from(row.symbol)]
    }

    pub(super) fn check_overlap(&self, sources: &[Source]) -> Result<(), FileError> {
        for pair in self.rows.windows(2) {
            if (pair[0].at, pair[0].symbol) == (pair[1].at, pair[1].symbol) {
                return Err(FileError::InTwoFiles {
                    file: sources[usize::from(pair[1].file)].name(),
                    line: u64::from(pair[1].line),
                    symbol: self.symbol(&pair[1]).to_string(),
                    at: field::time_text(pair[1].at),
                    other: sources[usize::from(pair[0].file)].name(),
                    other_line: u64::from(pair[0].line),
                });
            }
        }
        Ok(())
    }
}

pub(super) fn append(
    rows: &mut Vec<BarRow>,
    names: &mut Names,
    source: &Source,
    file: u16,
) -> Result<(), FileError> {
    let mut table = Table::start(Lines::open(&source.path)?, &LAYOUT)?;
    let mut order = Order::default();
    let own = names.place_of_file(&table, SYMBOL, source)?;
    while table.next()? {
        let symbol = match own {
            Some(symbol) => symbol,
            None => names.place_in(&table, SYMBOL)?,
        };
        let at = table.read(TIMESTAMP, field::time)?;
        order
            .check(at, symbol, || names.name(symbol))
            .map_err(|problem| table.refuse(TIMESTAMP, problem))?;
        if rows.len() >= ROWS_MAX {
            return Err(FileError::TooMany {
                file: source.name(),
                what: "rows",
                allowed: ROWS_MAX,
            });
        }
        let line = u32::try_from(table.line()).unwrap_or(u32::MAX);
        rows.push(row_of(&table, at, (symbol, file, line))?);
    }
    Ok(())
}

fn row_of(table: &Table, at: i64, place: (u16, u16, u32)) -> Result<BarRow, FileError> {
    let (symbol, file, line) = place;
    let row = BarRow {
        at,
        open: table.read(OPEN, field::price)?,
        high: table.read(HIGH, field::price)?,
        low: table.read(LOW, field::price)?,
        close: table.read(CLOSE, field::price)?,
        volume: table.read(VOLUME, field::volume)?,
        symbol,
        file,
        line,
    };
    check_range([row.open, row.high, row.low, row.close])
        .map_err(|(high, problem)| table.refuse(if high { HIGH } else { LOW }, problem))?;
    Ok(row)
}

/// low <= open, close <= high; the error says whether the high is at fault.
pub(crate) fn check_range(ohlc: [Decimal; 4]) -> Result<(), (bool, Problem)> {
    let [open, high, low, close] = ohlc;
    for (other, price) in [("low", low), ("open", open), ("close", close)] {
        if high < price {
            return Err((true, Problem::HighBelow { other, price }));
        }
    }
    for (other, price) in [("open", open), ("close", close)] {
        if low > price {
            return Err((false, Problem::LowAbove { other, price }));
        }
    }
    Ok(())
}

/// Watches that rows come in time order and no symbol twice at one time.
#[derive(Default)]
pub(crate) struct Order {
    previous: Option<i64>,
    /// The last time of each symbol.
    last: Vec<Option<i64>>,
}

impl Order {
    pub(crate) fn check(
        &mut self,
        at: i64,
        symbol: u16,
        name: impl Fn() -> String,
    ) -> Result<(), Problem> {
        if let Some(previous) = self.previous.filter(|previous| *previous > at) {
            let previous = field::time_text(previous);
            return Err(Problem::Unsorted { previous });
        }
        let place = usize::from(symbol);
        if self.last.len() <= place {
            self.last.resize(place + 1, None);
        }
        if self.last[place] == Some(at) {
            return Err(Problem::Duplicate { symbol: name() });
        }
        self.previous = Some(at);
        self.last[place] = Some(at);
        Ok(())
    }
}

/// The interval of the bars in nanoseconds: the median, over the symbols, of each symbol's
/// smallest step. `None` where no symbol has two bars.
#[must_use]
pub fn interval_ns(bars: &Bars) -> Option<i64> {
    let mut last: Vec<Option<i64>> = vec![None; bars.symbols.len()];
    let mut smallest: Vec<Option<i64>> = vec![None; bars.symbols.len()];
    for row in &bars.rows {
        let place = usize::from(row.symbol);
        if let Some(before) = last[place].replace(row.at) {
            let step = row.at.saturating_sub(before);
            smallest[place] = Some(smallest[place].map_or(step, |least| least.min(step)));
        }
    }
    let mut steps: Vec<i64> = smallest.into_iter().flatten().collect();
    steps.sort_unstable();
    // The lower of two middle ones, so that the answer is a step that was seen.
    steps.get(steps.len().saturating_sub(1) / 2).copied()
}
