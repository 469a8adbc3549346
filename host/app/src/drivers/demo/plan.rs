//! What the tour does: its symbols, bots and capital, and how the market's time is spread.

use stockade_core::Timestamp;

use crate::drivers::exchange::GENERATED_START;

/// Cash of the account.
pub(super) const CASH: &str = "100000";
/// Symbols of the made-up market.
pub(super) const SYMBOLS: &str = "ACME,BOLT,CRUX,DUNE,ECHO";
/// The plugin that is replaced while it runs, and the file of its next version.
pub(super) const RELOADED: (&str, &str) = ("sma-cross", "sma-cross-v2");
/// The bot that runs it.
pub(super) const RELOADED_BOT: &str = "trend";
/// The bot that misbehaves.
pub(super) const HOSTILE_BOT: &str = "rogue";
/// The sleeve that a person trades by hand.
pub(super) const HAND: &str = "by-hand";
/// Its symbols: only the hostile bot watches them, so nobody trades against them.
pub(super) const HAND_SYMBOLS: [&str; 2] = ["DUNE", "ECHO"];

/// A bot of the tour.
pub(super) struct BotPlan {
    pub(super) name: &'static str,
    pub(super) plugin: &'static str,
    pub(super) capital: &'static str,
    pub(super) symbols: &'static str,
    pub(super) params: &'static [&'static str],
}

/// The bots: two share a symbol, one trades two others, one misbehaves.
pub(super) const BOTS: [BotPlan; 4] = [
    BotPlan {
        name: RELOADED_BOT,
        plugin: RELOADED.0,
        capital: "20000",
        symbols: "ACME",
        params: &["fast=3", "slow=8", "qty=40"],
    },
    BotPlan {
        name: "dip",
        plugin: "mean-reversion",
        capital: "15000",
        symbols: "ACME",
        params: &["window=8", "width=1", "qty=25"],
    },
    BotPlan {
        name: "blend",
        plugin: "rebalance",
        capital: "25000",
        symbols: "BOLT,CRUX",
        params: &["every=8", "weights=BOLT=0.6,CRUX=0.4"],
    },
    BotPlan {
        name: HOSTILE_BOT,
        plugin: "hostile",
        capital: "5000",
        symbols: "DUNE,ECHO",
        params: &["after=8"],
    },
];

/// Capital of the sleeve that is traded by hand.
pub(super) const HAND_CAPITAL: &str = "30000";
/// Shares of each order by hand.
pub(super) const HAND_QTY: u32 = 20;

/// What the start and the ending take, in seconds.
const AROUND: u64 = 8;
/// Bars of a real second, where the tour is short.
const BARS_A_SECOND: u64 = 4;
/// What the scenes need of the market on a machine where a command takes no time, in milliseconds.
const SCENES_MS: u64 = 14_000;
/// Commands that a person would wait for while the market goes on.
const COMMANDS: u64 = 10;
/// The market stays inside one session, which has 390 minutes.
const MINUTES_MAX: u64 = 380;
const MINUTE_NS: i64 = 60 * 1_000_000_000;

/// How long, how fast, from which seed.
pub(super) struct Plan {
    pub(super) seconds: u64,
    pub(super) seed: u64,
    /// Minutes with bars.
    pub(super) minutes: u64,
    /// Market seconds in a real second.
    pub(super) speed: u64,
    /// Real seconds that the market lasts.
    pub(super) market_seconds: u64,
}

impl Plan {
    /// A tour of about so many seconds.
    pub(super) fn of(seconds: u64, seed: u64) -> Self {
        Self::lasting(seconds, seed, seconds.saturating_sub(AROUND).max(1))
    }

    fn lasting(seconds: u64, seed: u64, market_seconds: u64) -> Self {
        let minutes = (market_seconds * BARS_A_SECOND).min(MINUTES_MAX);
        let speed = (minutes * 60 / market_seconds).max(1);
        Self { seconds, seed, minutes, speed, market_seconds }
    }

    /// The same where one command takes so many milliseconds: a slow machine gets a longer market.
    pub(super) fn at_pace(&self, command_ms: u64) -> Self {
        let needed = (SCENES_MS + COMMANDS * command_ms).div_ceil(1_000);
        Self::lasting(self.seconds, self.seed, self.market_seconds.max(needed))
    }

    /// After how many minutes of the market the bot is reloaded.
    pub(super) const fn reload_at(&self) -> u64 {
        self.minutes * 3 / 10
    }

    /// After how many minutes of the market the host is killed.
    pub(super) const fn crash_at(&self) -> u64 {
        self.minutes / 2
    }

    /// The market's time after so many minutes.
    pub(super) fn market_after(minutes: u64) -> Timestamp {
        let minutes = i64::try_from(minutes).unwrap_or(i64::MAX / MINUTE_NS);
        Timestamp(GENERATED_START.saturating_add(minutes.saturating_mul(MINUTE_NS)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tour_stays_inside_one_session() {
        for seconds in [20, 30, 60, 75, 600, 3_600] {
            let plan = Plan::of(seconds, 1);
            assert!(plan.minutes <= 380, "{seconds}");
            // Bars at this speed take no longer than the tour has.
            assert!(plan.minutes * 60 / plan.speed <= seconds + seconds / 5, "{seconds}");
            assert!(plan.reload_at() < plan.crash_at() && plan.crash_at() < plan.minutes);
        }
    }

    #[test]
    fn a_slow_machine_gets_a_longer_market() {
        let plan = Plan::of(30, 1);
        assert_eq!(plan.at_pace(300).market_seconds, plan.market_seconds);
        assert!(plan.at_pace(4_000).market_seconds > 50);
    }

    #[test]
    fn nobody_trades_against_the_orders_by_hand() {
        for bot in BOTS.iter().filter(|bot| bot.name != HOSTILE_BOT) {
            assert!(
                HAND_SYMBOLS.iter().all(|symbol| !bot.symbols.contains(symbol)),
                "{}",
                bot.name
            );
        }
    }
}
