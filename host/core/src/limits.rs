//! Every bound of the core, with its unit and its reason, in one place.

/// Decimal places of a price from outside: Alpaca's crypto prices need nine.
pub const PRICE_SCALE_MAX: u32 = 9;
/// Decimal places of a quantity from outside: Alpaca's own rule for orders.
pub const QTY_SCALE_MAX: u32 = 9;
/// Decimal places of an amount that a person or file gives.
pub const MONEY_SCALE_MAX: u32 = 9;
/// Decimal places of a derived amount (a share of a lot's cost): leaves 16 digits before the point.
pub const LEDGER_SCALE: u32 = 12;
/// Decimal places that the database keeps: a product of two numbers from outside is exact, and
/// nothing that is booked may have more.
pub const STORED_SCALE: u32 = 18;
/// Highest price from outside, in dollars: with nine places, a product stays inside 28 digits.
pub const PRICE_MAX: u64 = 100_000_000;
/// Highest quantity from outside, in shares.
pub const QTY_MAX: u64 = 1_000_000_000;
/// Highest amount from outside, in dollars.
pub const MONEY_MAX: u64 = 1_000_000_000_000;
/// Sales of a long-only sleeve in any minute beyond its `order_rate`: a slow limit on orders must
/// not lock a position in, and a loop that sells must not run away either.
pub const EXITS_PER_MINUTE: u32 = 10;
/// Length of a sleeve's slug in the client order id, in characters.
pub const SLUG_LEN_MAX: usize = 24;
/// Length of a symbol, in characters: option symbols have 21.
pub const SYMBOL_LEN_MAX: usize = 24;
/// Length of a tag or reason that an intent carries, in characters.
pub const TAG_LEN_MAX: usize = 64;
/// Intents of one handler call.
pub const INTENTS_PER_CALL_MAX: usize = 64;
/// Open orders of one sleeve: bounds a view's size and the worst sum of reservations.
pub const OPEN_ORDERS_PER_SLEEVE_MAX: usize = 500;
/// Closed orders kept in memory so that late reports find them.
pub const CLOSED_ORDERS_KEPT_MAX: usize = 10_000;
/// Sleeves of one account, besides house, suspense and rounding.
pub const SLEEVES_MAX: usize = 1_000;
/// Instruments of one account.
pub const INSTRUMENTS_MAX: usize = 20_000;
/// Lookups of an unknown order before it can be abandoned (RELIABILITY R3).
pub const LOOKUPS_MIN: u32 = 5;
/// Times that a cancel is asked for before people are told and it is asked for less often.
pub const CANCEL_ATTEMPTS_MAX: u32 = 3;
/// Rows of history that one command brings to an account with a broker: they are booked whole or
/// not at all, and a command fits into one line of the link.
pub const OPENING_FILLS_MAX: usize = 10_000;
/// Symbols of one bot.
pub const SYMBOLS_PER_BOT_MAX: usize = 1_000;
/// Strikes without a good run between them that put a bot into quarantine.
pub const STRIKES_MAX: u32 = 3;
/// How long a good run lasts, in nanoseconds of market time from the first to the last event that
/// an instance handled: strikes further apart are no loop.
pub const GOOD_RUN_NS: i64 = 600 * NANOS_PER_SECOND;
/// Events of a good run: with bars of a minute as many as fall into [`GOOD_RUN_NS`]; with rarer
/// ones, so that a bot that fails at every third bar of a day is still found out.
pub const GOOD_RUN_EVENTS_MIN: u64 = 10;
/// Versions that a bot remembers as rejected: a person replaces a file a few times in a bad hour, and
/// the list is read at every start.
pub const REJECTED_VERSIONS_MAX: usize = 16;
/// First back-off of a bot after a strike; doubles up to [`BACKOFF_MAX_NS`].
pub const BACKOFF_MIN_NS: i64 = NANOS_PER_SECOND;
/// Longest back-off of a bot, in nanoseconds of market time.
pub const BACKOFF_MAX_NS: i64 = 30 * NANOS_PER_SECOND;
/// How far before the fills that a broker may show again a restored desk remembers executions, in
/// nanoseconds of their own times: far beyond the overlap of two readings, and few enough rows that
/// a start does not grow with the history. Older ones are asked for ([`crate::desk::Desk::recall`]).
pub const REMEMBERED_NS: i64 = 3_600 * NANOS_PER_SECOND;
/// The same execution may carry times as far apart in two sources: within it, what should be
/// remembered is asked for all the same.
pub const RECALL_SLACK_NS: i64 = 600 * NANOS_PER_SECOND;
/// Highest fee that a broker takes of a purchase in coins, in hundredths of a percent: Alpaca's first
/// tier is 25, the rest is for its rounding up of each execution.
pub const COIN_FEE_BPS_MAX: i64 = 30;
/// How long after a purchase its fee in coins may be unknown, in nanoseconds of market time: the
/// broker tells at the end of the day.
pub const COIN_FEE_WAIT_NS: i64 = 86_400 * NANOS_PER_SECOND;
/// Nanoseconds of a second.
pub const NANOS_PER_SECOND: i64 = 1_000_000_000;
