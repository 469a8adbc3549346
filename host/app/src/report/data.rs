//! What a report shows. Amounts are texts, written as they shall be read; curves are decimals.

use rust_decimal::Decimal;
use stockade_stats::MonthReturn;

/// Everything on the page. Empty lists leave their section out.
#[derive(Debug, Clone, Default)]
pub(crate) struct ReportData {
    /// The heading.
    pub(crate) title: String,
    /// One line below it: what ran, when, from which seed.
    pub(crate) subtitle: String,
    /// Single facts, shown as tiles.
    pub(crate) facts: Vec<Fact>,
    /// Equity over time, one curve per sleeve; drawdowns are drawn from the same curves.
    pub(crate) equity: Vec<Curve>,
    /// Returns by month, in time order.
    pub(crate) months: Vec<MonthReturn>,
    /// Pictures that are drawn already, each a section of its own.
    pub(crate) pictures: Vec<DrawnPicture>,
    /// Tables with texts as they shall be read, each a section of its own.
    pub(crate) tables: Vec<TextTable>,
    /// Prices with the trades on them, one picture per symbol.
    pub(crate) prices: Vec<PricePicture>,
    /// One row per sleeve.
    pub(crate) sleeves: Vec<SleeveRow>,
    /// Performance figures, one column per sleeve.
    pub(crate) figures: Vec<FigureColumn>,
    /// How the sleeves add up to what the broker says, one part per account.
    pub(crate) reconciliation: Vec<ReconciliationPart>,
    /// Bots that were stopped.
    pub(crate) contained: Vec<ContainedRow>,
    /// Bots that were replaced while running.
    pub(crate) reloads: Vec<ReloadRow>,
    /// Times when the host was killed and came back.
    pub(crate) crashes: Vec<CrashRow>,
    /// Commands to type next, with what each does.
    pub(crate) next: Vec<Fact>,
}

/// A picture by `stockade_stats`.
#[derive(Debug, Clone, Default)]
pub(crate) struct DrawnPicture {
    /// The section's heading.
    pub(crate) heading: String,
    /// One line above it.
    pub(crate) note: String,
    /// The `<svg>` element.
    pub(crate) svg: String,
}

/// A table. A heading that starts with `>` stands over numbers.
#[derive(Debug, Clone, Default)]
pub(crate) struct TextTable {
    /// The section's heading.
    pub(crate) heading: String,
    /// Over the columns.
    pub(crate) headings: Vec<String>,
    /// As many cells a row as there are columns.
    pub(crate) rows: Vec<Vec<String>>,
}

/// A name and its value.
#[derive(Debug, Clone, Default)]
pub(crate) struct Fact {
    /// The name, or the command.
    pub(crate) name: String,
    /// The value, or the explanation.
    pub(crate) value: String,
}

/// A curve over time.
#[derive(Debug, Clone, Default)]
pub(crate) struct Curve {
    /// The sleeve.
    pub(crate) name: String,
    /// Nanoseconds since 1970 UTC, and the value; in time order.
    pub(crate) points: Vec<(i64, Decimal)>,
}

/// The price of one symbol and the trades on it.
#[derive(Debug, Clone, Default)]
pub(crate) struct PricePicture {
    /// The symbol.
    pub(crate) symbol: String,
    /// Closes, in time order.
    pub(crate) points: Vec<(i64, Decimal)>,
    /// Executions.
    pub(crate) trades: Vec<Trade>,
}

/// One execution, as it is marked on the price.
#[derive(Debug, Clone)]
pub(crate) struct Trade {
    /// Nanoseconds since 1970 UTC.
    pub(crate) at: i64,
    /// At what price.
    pub(crate) price: Decimal,
    /// How much.
    pub(crate) qty: Decimal,
    /// Bought or sold.
    pub(crate) side: TradeSide,
    /// Whose.
    pub(crate) sleeve: String,
}

/// Bought or sold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TradeSide {
    /// Bought.
    Buy,
    /// Sold.
    Sell,
}

/// A sleeve at the end.
#[derive(Debug, Clone, Default)]
pub(crate) struct SleeveRow {
    /// Its name.
    pub(crate) name: String,
    /// Its bot, or empty.
    pub(crate) bot: String,
    /// What it was given at first.
    pub(crate) initial_capital: String,
    /// Its cash.
    pub(crate) cash: String,
    /// The value of its positions.
    pub(crate) market_value: String,
    /// Cash and market value.
    pub(crate) equity: String,
    /// Realised profit.
    pub(crate) realised: String,
    /// Unrealised profit.
    pub(crate) unrealised: String,
    /// Fees paid.
    pub(crate) fees: String,
    /// Return on capital in per cent.
    pub(crate) return_pct: String,
    /// Its positions, such as `AAPL 10, SPY 5`.
    pub(crate) positions: String,
    /// Active, reducing, halted, quarantined.
    pub(crate) state: String,
}

/// The figures of one sleeve: name and text, in the same order for every sleeve.
#[derive(Debug, Clone, Default)]
pub(crate) struct FigureColumn {
    /// The sleeve.
    pub(crate) sleeve: String,
    /// Figures; "not enough data" is a text of the caller.
    pub(crate) figures: Vec<Fact>,
}

/// One account against its broker.
#[derive(Debug, Clone, Default)]
pub(crate) struct ReconciliationPart {
    /// The account's label.
    pub(crate) account: String,
    /// When it was compared, RFC 3339.
    pub(crate) at: String,
    /// Whether everything agrees.
    pub(crate) balanced: bool,
    /// Cash first, then each symbol.
    pub(crate) rows: Vec<ReconciliationRow>,
}

/// One line of a comparison.
#[derive(Debug, Clone, Default)]
pub(crate) struct ReconciliationRow {
    /// `cash` or a symbol.
    pub(crate) item: String,
    /// What the sleeves hold together.
    pub(crate) sleeves: String,
    /// What suspense holds.
    pub(crate) suspense: String,
    /// What the broker says.
    pub(crate) broker: String,
    /// The difference.
    pub(crate) difference: String,
}

/// A bot that was stopped.
#[derive(Debug, Clone, Default)]
pub(crate) struct ContainedRow {
    /// The bot.
    pub(crate) bot: String,
    /// Why.
    pub(crate) cause: String,
    /// What became of it.
    pub(crate) state: String,
}

/// A bot that was replaced while it ran.
#[derive(Debug, Clone, Default)]
pub(crate) struct ReloadRow {
    /// The bot.
    pub(crate) bot: String,
    /// The version before.
    pub(crate) from: String,
    /// The version after.
    pub(crate) to: String,
    /// How long it took no events, in milliseconds.
    pub(crate) pause_ms: String,
}

/// A time when the host was killed.
#[derive(Debug, Clone, Default)]
pub(crate) struct CrashRow {
    /// When, RFC 3339.
    pub(crate) killed_at: String,
    /// How long until it traded again, in milliseconds.
    pub(crate) recovered_ms: String,
}
