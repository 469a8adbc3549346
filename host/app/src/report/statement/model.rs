//! What a statement says, as exact numbers.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde::{Serialize, Serializer};
use stockade_store::query::{At, Number, StatementBasis};

/// A decimal in the firm JSON: a text without trailing zeros.
fn plain<S: Serializer>(amount: &Decimal, serializer: S) -> Result<S::Ok, S::Error> {
    Number(*amount).serialize(serializer)
}

/// One that may be missing.
fn plain_or_none<S: Serializer>(
    amount: &Option<Decimal>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    amount.map(Number).serialize(serializer)
}

/// What an entry is about, by its kind. A kind that is not known here is other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Category {
    /// What was there when the books began.
    Opening,
    /// Cash to or from the account, the house, another sleeve.
    Capital,
    /// Shares between sleeves, or out of suspense.
    Transfer,
    /// Executions.
    Trades,
    /// Dividends.
    Dividends,
    /// Interest and margin cost.
    Interest,
    /// Fees that came apart from their execution.
    Fees,
    /// Splits and other actions of companies.
    Actions,
    /// Busts, corrections, differences that reconciliation booked.
    Corrections,
    /// Anything else.
    Other,
}

impl Category {
    /// All, in the order of a statement.
    pub(crate) const ALL: [Self; 10] = [
        Self::Opening,
        Self::Capital,
        Self::Transfer,
        Self::Trades,
        Self::Dividends,
        Self::Interest,
        Self::Fees,
        Self::Actions,
        Self::Corrections,
        Self::Other,
    ];

    /// Of an entry's kind.
    pub(crate) fn of(kind: &str) -> Self {
        match kind {
            "opening" => Self::Opening,
            "deposit" | "allocation" => Self::Capital,
            "transfer" => Self::Transfer,
            "execution" => Self::Trades,
            "dividend" => Self::Dividends,
            "interest" => Self::Interest,
            "fee" => Self::Fees,
            "split" | "action" => Self::Actions,
            "correction" | "adjustment" => Self::Corrections,
            _ => Self::Other,
        }
    }

    /// As a heading.
    pub(crate) const fn title(self) -> &'static str {
        match self {
            Self::Opening => "Opening of the books",
            Self::Capital => "Deposits and allocations",
            Self::Transfer => "Transfers of shares",
            Self::Trades => "Trades",
            Self::Dividends => "Dividends",
            Self::Interest => "Interest",
            Self::Fees => "Fees booked apart",
            Self::Actions => "Corporate actions",
            Self::Corrections => "Corrections",
            Self::Other => "Other",
        }
    }
}

/// An amount at both ends of the period.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub(crate) struct Ends {
    /// At the beginning.
    #[serde(serialize_with = "plain")]
    pub(crate) opening: Decimal,
    /// At the end.
    #[serde(serialize_with = "plain")]
    pub(crate) closing: Decimal,
}

impl Ends {
    /// What it changed by.
    pub(crate) fn change(self) -> Decimal {
        self.closing - self.opening
    }
}

/// A named amount.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Amount {
    /// What it is.
    pub(crate) name: String,
    /// How much.
    #[serde(serialize_with = "plain")]
    pub(crate) amount: Decimal,
}

/// Where a price or value comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Source {
    /// The last mark.
    Mark(At),
    /// The last execution.
    Execution(At),
    /// Nothing was ever seen: at cost.
    Cost,
}

/// What is held of a symbol at an end of the period.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Held {
    /// Signed quantity.
    #[serde(serialize_with = "plain")]
    pub(crate) qty: Decimal,
    /// At cost, signed as the quantity.
    #[serde(serialize_with = "plain")]
    pub(crate) cost: Decimal,
    /// Its price.
    #[serde(serialize_with = "plain_or_none")]
    pub(crate) price: Option<Decimal>,
    /// At that price; `None` where the price is missing.
    #[serde(serialize_with = "plain_or_none")]
    pub(crate) value: Option<Decimal>,
    /// Where the price comes from.
    pub(crate) source: Source,
}

/// A position at both ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct PositionLine {
    /// Whose.
    pub(crate) sleeve: String,
    /// Of what.
    pub(crate) symbol: String,
    /// At the beginning.
    pub(crate) opening: Option<Held>,
    /// At the end.
    pub(crate) closing: Option<Held>,
}

/// An execution, confirmed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct TradeLine {
    /// The entry that books it.
    pub(crate) entry: i64,
    /// When it happened.
    pub(crate) at: At,
    /// When it was booked.
    pub(crate) booked_at: At,
    /// Whose.
    pub(crate) sleeve: String,
    /// Of what.
    pub(crate) symbol: String,
    /// `buy` or `sell`.
    pub(crate) side: String,
    /// How much.
    #[serde(serialize_with = "plain")]
    pub(crate) qty: Decimal,
    /// At what price.
    #[serde(serialize_with = "plain")]
    pub(crate) price: Decimal,
    /// Quantity times price.
    #[serde(serialize_with = "plain")]
    pub(crate) gross: Decimal,
    /// Its fees.
    #[serde(serialize_with = "plain")]
    pub(crate) fees: Decimal,
    /// What it moved in cash.
    #[serde(serialize_with = "plain")]
    pub(crate) net: Decimal,
    /// Profit of the prices that it realised.
    #[serde(serialize_with = "plain")]
    pub(crate) realised: Decimal,
    /// The order's reason: of a closing one, the exit reason.
    pub(crate) reason: Option<String>,
    /// The broker's id.
    pub(crate) execution_id: String,
}

/// Another entry, as far as it moved a sleeve.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct ActivityLine {
    /// What it is about.
    pub(crate) category: Category,
    /// Its number.
    pub(crate) entry: i64,
    /// The day by which it belongs to the period.
    pub(crate) at: At,
    /// When it was booked.
    pub(crate) booked_at: At,
    /// Its kind, as stored.
    pub(crate) kind: String,
    /// Whose.
    pub(crate) sleeve: String,
    /// In words.
    pub(crate) memo: String,
    /// What it moved in cash.
    #[serde(serialize_with = "plain")]
    pub(crate) cash: Decimal,
    /// What it moved in positions at cost.
    #[serde(serialize_with = "plain")]
    pub(crate) cost: Decimal,
}

/// A round trip, as far as its net profit counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct TripLine {
    /// Whose.
    pub(crate) sleeve: String,
    /// Of what.
    pub(crate) symbol: String,
    /// `long` or `short`.
    pub(crate) side: String,
    /// How much was closed.
    #[serde(serialize_with = "plain")]
    pub(crate) qty: Decimal,
    /// When its lot was opened.
    pub(crate) entry_time: At,
    /// At what price.
    #[serde(serialize_with = "plain")]
    pub(crate) entry_price: Decimal,
    /// When it was closed.
    pub(crate) exit_time: At,
    /// At what price.
    #[serde(serialize_with = "plain")]
    pub(crate) exit_price: Decimal,
    /// Profit of the prices.
    #[serde(serialize_with = "plain")]
    pub(crate) gross: Decimal,
    /// Its shares of fees.
    #[serde(serialize_with = "plain")]
    pub(crate) fees: Decimal,
    /// `gross - fees`.
    #[serde(serialize_with = "plain")]
    pub(crate) net: Decimal,
    /// Why it was closed.
    pub(crate) exit_reason: Option<String>,
}

/// A sleeve on the page that ties all of them to the account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct TieLine {
    /// Its name.
    pub(crate) sleeve: String,
    /// What it is for.
    pub(crate) kind: String,
    /// Its cash.
    #[serde(serialize_with = "plain")]
    pub(crate) cash: Decimal,
    /// Its positions at cost.
    #[serde(serialize_with = "plain")]
    pub(crate) cost: Decimal,
    /// Its positions at market.
    #[serde(serialize_with = "plain")]
    pub(crate) market_value: Decimal,
}

/// An item that the broker has too.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct BrokerLine {
    /// `cash`, or a symbol.
    pub(crate) item: String,
    /// What all sleeves have, house, suspense and rounding included.
    #[serde(serialize_with = "plain")]
    pub(crate) ours: Decimal,
    /// What the broker has.
    #[serde(serialize_with = "plain")]
    pub(crate) broker: Decimal,
}

/// The broker's side of the tie.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum BrokerSide {
    /// Compared at this time.
    Compared {
        /// When.
        at: At,
        /// Cash first, then each symbol.
        lines: Vec<BrokerLine>,
    },
    /// Not compared, for this reason.
    Not(String),
}

/// The page that ties all sleeves to the account, at the end of the period.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Tie {
    /// Every sleeve.
    pub(crate) sleeves: Vec<TieLine>,
    /// The account's cash, added up without its sleeves.
    #[serde(serialize_with = "plain")]
    pub(crate) account_cash: Decimal,
    /// The account's positions at cost, added up the same way.
    #[serde(serialize_with = "plain")]
    pub(crate) account_cost: Decimal,
    /// The account's positions at market: each symbol's whole quantity at its price.
    #[serde(serialize_with = "plain_or_none")]
    pub(crate) account_value: Option<Decimal>,
    /// What the broker says.
    pub(crate) broker: BrokerSide,
    /// Breaks that are open.
    pub(crate) open_breaks: i64,
}

/// What a period learnt of after its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct BookedLater {
    /// Entries of the period that were booked after it.
    pub(crate) entries: u64,
    /// When the last of them was.
    pub(crate) last: At,
}

/// A statement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Statement {
    /// The account's label.
    pub(crate) account: String,
    /// The sleeve; `None` for the whole account.
    pub(crate) sleeve: Option<String>,
    /// From this time on.
    pub(crate) from: At,
    /// Before this time.
    pub(crate) to: At,
    /// By which day of an entry it belongs to the period.
    pub(crate) basis: StatementBasis,
    /// The moment up to which the books were read; `None` is now.
    pub(crate) as_of: Option<At>,
    /// What came after the period's end, by another day of its own.
    pub(crate) booked_later: Option<BookedLater>,
    /// Cash.
    pub(crate) cash: Ends,
    /// What moved cash, by category; together the change of cash.
    pub(crate) cash_moves: Vec<Amount>,
    /// Positions at cost.
    pub(crate) cost: Ends,
    /// What moved positions at cost, by category.
    pub(crate) cost_moves: Vec<Amount>,
    /// Positions at market.
    pub(crate) market_value: Ends,
    /// Where the values of each sleeve come from, where not from marks.
    pub(crate) valued: BTreeMap<String, Source>,
    /// Capital paid in, net.
    pub(crate) capital: Ends,
    /// Income less cost by ledger: realised, fees, dividends, …
    pub(crate) income: Vec<Amount>,
    /// Positions.
    pub(crate) positions: Vec<PositionLine>,
    /// Executions.
    pub(crate) trades: Vec<TradeLine>,
    /// Everything else that was booked.
    pub(crate) activity: Vec<ActivityLine>,
    /// Round trips that were closed.
    pub(crate) trips: Vec<TripLine>,
    /// The last page.
    pub(crate) tie: Tie,
}

impl Statement {
    /// Equity at both ends.
    pub(crate) fn equity(&self) -> Ends {
        Ends {
            opening: self.cash.opening + self.market_value.opening,
            closing: self.cash.closing + self.market_value.closing,
        }
    }

    /// Market value less cost, at both ends.
    pub(crate) fn unrealised(&self) -> Ends {
        Ends {
            opening: self.market_value.opening - self.cost.opening,
            closing: self.market_value.closing - self.cost.closing,
        }
    }

    /// Income and the change of what is unrealised.
    pub(crate) fn profit(&self) -> Decimal {
        self.income.iter().map(|line| line.amount).sum::<Decimal>() + self.unrealised().change()
    }
}
