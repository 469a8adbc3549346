//! Mistakes that can be switched on, to prove that the simulator finds them (feature `seeded-bugs`).
//!
//! Without the feature [`is`] is a constant and every branch on it disappears.

macro_rules! bugs {
    ($($(#[$doc:meta])* $variant:ident = $name:literal),+ $(,)?) => {
        /// A plausible mistake.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Bug { $($(#[$doc])* $variant),+ }

        impl Bug {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// Its name on the command line.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }

            /// The one of this name.
            #[must_use]
            pub fn parse(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|bug| bug.as_str() == name)
            }
        }
    };
}

bugs! {
    /// Executions are booked as often as they are reported.
    DedupOff = "dedup-off",
    /// A first part that comes after a later one is taken for known.
    LatePartDropped = "late-part-dropped",
    /// The driver acts before it commits.
    ActBeforeCommit = "act-before-commit",
    /// An unknown order holds nothing.
    UnknownReleased = "unknown-released",
    /// A time-out is taken for a refusal.
    TimeoutRejects = "timeout-rejects",
    /// An unknown order is sent again.
    UnknownResent = "unknown-resent",
    /// A fill of an order that has ended is dropped.
    LateFillDropped = "late-fill-dropped",
    /// An order ends although fills that the broker counts are missing.
    EndsIncomplete = "ends-incomplete",
    /// A fill does not make the reservation smaller.
    ReservationKept = "reservation-kept",
    /// A fill makes the reservation smaller twice.
    ReservationTwice = "reservation-twice",
    /// The broker's rounding of cash is not booked.
    RoundingForgotten = "rounding-forgotten",
    /// The newest lot is closed first.
    NewestFirst = "newest-first",
    /// Open sales hold nothing after a restart.
    RestoreForgetsSales = "restore-forgets-sales",
    /// A call's own intents don't count against its cash.
    CallIgnoresItself = "call-ignores-itself",
    /// What open orders hold can be spent again.
    CapIgnoresReserved = "cap-ignores-reserved",
    /// Intents of an old instance are taken.
    StaleGeneration = "stale-generation",
    /// Two sleeves can trade with each other.
    OppositeOff = "opposite-off",
    /// Orders go out while the account stream is down.
    RiskWhileDown = "risk-while-down",
    /// An order that a list doesn't hold is taken for cancelled.
    AbsenceCancels = "absence-cancels",
    /// An unknown order is given up at the first 404.
    AbandonedAtOnce = "abandoned-at-once",
    /// After a restart nobody asks what became of what was being sent.
    SendingForgotten = "sending-forgotten",
    /// Fills are read again without an overlap.
    NoOverlap = "no-overlap",
    /// A price changes the mark, and not what its holders are worth.
    WorthForgotten = "worth-forgotten",
    /// Executions that are older than the desk's memory are not asked for.
    NothingRecalled = "nothing-recalled",
}

#[cfg(feature = "seeded-bugs")]
thread_local! {
    static PRESENT: std::cell::Cell<Option<Bug>> = const { std::cell::Cell::new(None) };
}

/// Whether this mistake is made on this thread.
#[cfg(feature = "seeded-bugs")]
#[must_use]
pub fn is(bug: Bug) -> bool {
    PRESENT.get() == Some(bug)
}

/// Never.
#[cfg(not(feature = "seeded-bugs"))]
#[must_use]
pub const fn is(_: Bug) -> bool {
    false
}

/// Switches a mistake on for this thread, or all of them off.
#[cfg(feature = "seeded-bugs")]
pub fn set(bug: Option<Bug>) {
    PRESENT.set(bug);
}
