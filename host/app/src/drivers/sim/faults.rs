//! What can go wrong, and how often: drawn anew for each seed (swarm), all off in the liveness phase.

use super::random::Random;

macro_rules! faults {
    ($($(#[$doc:meta])* $name:ident <= $most:literal),+ $(,)?) => {
        /// How often each fault strikes, in thousandths of its occasions.
        #[derive(Debug, Clone, Default)]
        pub(crate) struct Faults { $($(#[$doc])* pub(crate) $name: u32),+ }

        impl Faults {
            /// A subset of the faults, with a rate for each.
            pub(crate) fn draw(random: &mut Random) -> Self {
                Self { $($name: draw(random, $most)),+ }
            }

            /// Those that are on, with their rates.
            pub(crate) fn on(&self) -> Vec<(&'static str, u32)> {
                let all = [$((stringify!($name), self.$name)),+];
                all.into_iter().filter(|(_, rate)| *rate > 0).collect()
            }
        }
    };
}

fn draw(random: &mut Random, most: u64) -> u32 {
    let on = random.chance(450);
    let rate = random.below(most) + 1;
    if on { u32::try_from(rate).unwrap_or(0) } else { 0 }
}

faults! {
    /// A submit is refused with proof that nothing was taken (R1, R9).
    submit_not_taken <= 200,
    /// A submit times out and never reaches the broker (R3).
    submit_lost <= 200,
    /// A submit is accepted and its answer is lost (R2, R5, R6).
    submit_unanswered <= 250,
    /// A submit times out and reaches the broker up to four minutes later (R4).
    submit_late <= 120,
    /// A submit is refused although nothing is wrong with it (R8).
    submit_refused <= 100,
    /// A submit is posted twice underneath us (R7, R20).
    submit_twice <= 100,
    /// A request or its answer takes seconds.
    slow <= 200,
    /// A cancel is lost (R17).
    cancel_lost <= 300,
    /// A cancel is done and its answer is lost (R17).
    cancel_unanswered <= 300,
    /// A lookup says 404 of an order that landed lately (R11).
    lookup_lags <= 700,
    /// A lookup or snapshot fails (R14).
    read_fails <= 300,
    /// Positions are up to half a minute old (R13).
    positions_lag <= 500,
    /// An activity shows up to two minutes late (W20).
    activity_late <= 400,
    /// Activities name executions in another way than the stream.
    activity_renamed <= 1000,
    /// A stream update is lost (W3).
    update_lost <= 300,
    /// A stream update comes twice (W1).
    update_twice <= 400,
    /// A stream update is late, behind those after it (W6).
    update_late <= 400,
    /// The socket drops at a tick of the market (W4).
    socket_drops <= 40,
    /// Somebody else trades on the account, at a tick (W7, U6).
    stranger_trades <= 15,
    /// Somebody else cancels an order of ours, at a tick.
    stranger_cancels <= 15,
    /// A commit fails (P1).
    commit_fails <= 8,
    /// Nobody knows whether a commit was taken (P2).
    commit_doubtful <= 12,
    /// The process dies between two effects (K1 to K16).
    crash <= 8,
    /// A bot's call ends in a strike (G1).
    bot_strikes <= 60,
    /// The price jumps (R8, W11).
    price_jumps <= 40,
    /// A quote makes no sense (M2).
    bad_quote <= 100,
    /// The clocks go back (C1).
    clock_back <= 30,
}
