//! A host that sees the market through the streams of another one: the broker allows one data
//! connection a key.
//!
//! Guarantees: who listens never makes the host with the streams wait; a listener that falls behind
//! is told that its streams were down, and catches up from history as after any other break.

use stockade_core::Symbol;
use stockade_venue::alpaca::{Feed, MarketMessage, Subscription};
use tokio::sync::{mpsc, watch};

use super::Incoming;

/// Messages that wait for a listener.
const MESSAGES_MAX: usize = 16_384;
/// Free places from which on a listener that fell behind is told anew how its streams are.
const ROOM: usize = MESSAGES_MAX / 2;

/// What a listener tells the host with the streams.
pub(crate) enum TapMessage {
    /// Where messages go from now on.
    Open(mpsc::Sender<Told>),
    /// What is wanted beside what that host itself wants.
    Want(Subscription),
}

/// A message of a stream.
type Told = (Feed, MarketMessage);

/// The end at the host that has the streams.
pub(super) struct Tap {
    out: mpsc::Sender<Told>,
    wanted: Subscription,
    behind: bool,
}

impl Tap {
    /// Tells what each stream was confirmed for since it is up.
    pub(super) fn open(out: mpsc::Sender<Told>, confirmed: &[(Feed, Vec<Symbol>)]) -> Self {
        let mut tap = Self { out, wanted: Subscription::default(), behind: false };
        for (feed, bars) in confirmed {
            tap.put(*feed, MarketMessage::Up);
            tap.put(*feed, MarketMessage::Confirmed { bars: bars.clone() });
        }
        tap
    }

    /// Changes what is wanted.
    pub(super) fn want(&mut self, wanted: Subscription) {
        self.wanted = wanted;
    }

    /// Adds what is wanted here.
    pub(super) fn add_to(&self, wanted: &mut Subscription) {
        wanted.bars.extend(self.wanted.bars.iter().cloned());
        wanted.quotes.extend(self.wanted.quotes.iter().cloned());
        wanted.trades.extend(self.wanted.trades.iter().cloned());
    }

    /// Passes a message on.
    pub(super) fn pass(
        &mut self,
        feed: Feed,
        message: &MarketMessage,
        confirmed: &[(Feed, Vec<Symbol>)],
    ) {
        // What went wrong between the broker and that host is that host's to tell.
        if matches!(message, MarketMessage::Error { .. } | MarketMessage::Partial { .. }) {
            return;
        }
        if self.behind && self.out.capacity() >= ROOM {
            self.behind = false;
            for (feed, bars) in confirmed {
                let why = "it fell behind the streams".to_owned();
                self.put(*feed, MarketMessage::Down { why });
                self.put(*feed, MarketMessage::Up);
                self.put(*feed, MarketMessage::Confirmed { bars: bars.clone() });
            }
        }
        if !self.behind {
            self.put(feed, message.clone());
        }
    }

    fn put(&mut self, feed: Feed, message: MarketMessage) {
        if let Err(mpsc::error::TrySendError::Full(_)) = self.out.try_send((feed, message)) {
            self.behind = true;
        }
    }
}

/// Listens to the streams of the host behind `streams`, for the one behind `inputs`. What is put into
/// the sender that is given is wanted from then on.
pub(super) fn listen(
    streams: mpsc::Sender<Incoming>,
    inputs: mpsc::Sender<Incoming>,
) -> watch::Sender<Subscription> {
    let (wanted, mut changes) = watch::channel(Subscription::default());
    let (out, mut messages) = mpsc::channel(MESSAGES_MAX);
    tokio::spawn(async move {
        let mut message = TapMessage::Open(out);
        // A host that has ended has no streams.
        while streams.send(Incoming::Tap(message)).await.is_ok() && changes.changed().await.is_ok()
        {
            message = TapMessage::Want(changes.borrow_and_update().clone());
        }
    });
    tokio::spawn(async move {
        while let Some((feed, message)) = messages.recv().await {
            if inputs.send(Incoming::Market(feed, message)).await.is_err() {
                return;
            }
        }
    });
    wanted
}

#[cfg(test)]
mod tests {
    use super::*;

    fn symbol(name: &str) -> Symbol {
        Symbol::new(name).unwrap()
    }

    fn down() -> MarketMessage {
        MarketMessage::Down { why: "a test".to_owned() }
    }

    #[test]
    fn a_listener_that_falls_behind_is_told_of_a_break_and_never_waited_for() {
        let (out, mut messages) = mpsc::channel(MESSAGES_MAX);
        let confirmed = [(Feed::Stock, vec![symbol("AAPL")])];
        let mut tap = Tap::open(out, &confirmed);
        for _ in 0..2 * MESSAGES_MAX {
            tap.pass(Feed::Stock, &MarketMessage::Bars(Vec::new()), &confirmed);
        }
        assert!(tap.behind);
        let mut taken = Vec::new();
        while let Ok((_, message)) = messages.try_recv() {
            taken.push(message);
        }
        assert_eq!(taken.len(), MESSAGES_MAX, "the rest was let go");
        assert_eq!(taken[0], MarketMessage::Up);
        tap.pass(Feed::Stock, &MarketMessage::Bars(Vec::new()), &confirmed);
        let told: Vec<MarketMessage> =
            std::iter::from_fn(|| messages.try_recv().ok().map(|(_, message)| message)).collect();
        assert!(matches!(
            told.as_slice(),
            [
                MarketMessage::Down { .. },
                MarketMessage::Up,
                MarketMessage::Confirmed { .. },
                MarketMessage::Bars(_)
            ]
        ));
    }

    #[test]
    fn both_hosts_symbols_are_wanted_and_the_brokers_errors_stay_where_they_are() {
        let (out, mut messages) = mpsc::channel(8);
        let mut tap = Tap::open(out, &[]);
        tap.want(Subscription { bars: vec![symbol("MSFT")], ..Subscription::default() });
        let mut wanted = Subscription { bars: vec![symbol("AAPL")], ..Subscription::default() };
        tap.add_to(&mut wanted);
        assert_eq!(wanted.bars, [symbol("AAPL"), symbol("MSFT")]);
        tap.pass(Feed::Stock, &MarketMessage::Error { code: 406, message: String::new() }, &[]);
        tap.pass(Feed::Crypto, &down(), &[]);
        assert_eq!(messages.try_recv().unwrap(), (Feed::Crypto, down()));
        assert!(messages.try_recv().is_err());
    }
}
