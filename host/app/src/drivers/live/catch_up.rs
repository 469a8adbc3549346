//! Bars at the start of an instance: what was read from history and what the stream brought
//! meanwhile, each bar once.
//!
//! The stream is subscribed to before history is read, so that together they hold every bar. An
//! instance that goes on from a saved state gets all of them as warm-up. A new one gets as warm-up
//! what lies before the stream's first bar, and as live what comes from it on.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use stockade_core::market::Bar;
use stockade_core::{InstrumentId, Timestamp};

use super::hand_over::BotEvent;

/// Bars of a start, sorted out.
#[derive(Debug, Default)]
pub(super) struct Sorted {
    /// One group for each time stamp, in order.
    pub(super) warm_up: Vec<Vec<Bar>>,
    /// Bars that only history has, among those that are delivered as live.
    pub(super) missed: Vec<Vec<Bar>>,
}

/// How an instance begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Beginning {
    /// From a saved state.
    State,
    /// New, with so many bars of each symbol as warm-up.
    New {
        /// How many.
        warm_up: usize,
    },
}

/// Sorts the bars of a start out: `queue` keeps what is delivered as live.
pub(super) fn sort(
    beginning: Beginning,
    history: Vec<Bar>,
    queue: &mut VecDeque<BotEvent>,
) -> Sorted {
    let waiting: Vec<Bar> = queue.iter().flat_map(bars_of).copied().collect();
    let known: BTreeSet<(InstrumentId, Timestamp)> =
        waiting.iter().map(|bar| (bar.instrument, bar.at)).collect();
    let new = history.into_iter().filter(|bar| !known.contains(&(bar.instrument, bar.at)));
    let Beginning::New { warm_up } = beginning else {
        queue.retain(|event| bars_of(event).is_empty());
        return Sorted { warm_up: grouped(new.chain(waiting).collect()), missed: Vec::new() };
    };
    let first = waiting.iter().map(|bar| bar.at).min();
    let (before, missed): (Vec<Bar>, Vec<Bar>) =
        new.partition(|bar| first.is_none_or(|first| bar.at < first));
    for bar in &missed {
        insert(queue, *bar);
    }
    Sorted { warm_up: grouped(keep_last(before, warm_up)), missed: grouped(missed) }
}

fn bars_of(event: &BotEvent) -> &[Bar] {
    event.bars().unwrap_or_default()
}

/// Puts a bar into the queue, to the others of its time stamp or before the later ones.
fn insert(queue: &mut VecDeque<BotEvent>, bar: Bar) {
    let later = |event: &BotEvent| bars_of(event).first().is_some_and(|other| other.at >= bar.at);
    let Some(place) = queue.iter().position(later) else {
        queue.push_back(BotEvent::Bars(vec![bar]));
        return;
    };
    match queue.get_mut(place) {
        Some(BotEvent::Bars(group) | BotEvent::Missed(group))
            if group.first().is_some_and(|other| other.at == bar.at) =>
        {
            group.push(bar);
            group.sort_by_key(|bar| bar.instrument);
        }
        _ => queue.insert(place, BotEvent::Bars(vec![bar])),
    }
}

fn grouped(mut bars: Vec<Bar>) -> Vec<Vec<Bar>> {
    bars.sort_by_key(|bar| (bar.at, bar.instrument));
    bars.chunk_by(|a, b| a.at == b.at).map(<[Bar]>::to_vec).collect()
}

/// The last `most` bars of each instrument.
fn keep_last(mut bars: Vec<Bar>, most: usize) -> Vec<Bar> {
    bars.sort_by_key(|bar| bar.at);
    let mut counts: BTreeMap<InstrumentId, usize> = BTreeMap::new();
    bars.reverse();
    bars.retain(|bar| {
        let count = counts.entry(bar.instrument).or_default();
        *count += 1;
        *count <= most
    });
    bars
}

#[cfg(test)]
mod tests {
    use rust_decimal::Decimal;
    use stockade_core::{Price, Qty};

    use super::*;

    fn bar(instrument: u32, at: i64) -> Bar {
        let price = Price::new(Decimal::ONE);
        Bar {
            instrument: InstrumentId(instrument),
            at: Timestamp(at),
            open: price,
            high: price,
            low: price,
            close: price,
            volume: Qty::new(Decimal::ONE),
        }
    }

    fn of(groups: &[Vec<Bar>]) -> Vec<(i64, u32)> {
        groups.iter().flatten().map(|bar| (bar.at.0, bar.instrument.0)).collect()
    }

    fn live(queue: &VecDeque<BotEvent>) -> Vec<Vec<(i64, u32)>> {
        queue.iter().map(|event| of(&[bars_of(event).to_vec()])).collect()
    }

    /// Instrument 0 was subscribed to already, 1 from the bar at 3 on; history goes beyond what the
    /// stream has brought.
    fn history() -> Vec<Bar> {
        (1..=5).flat_map(|at| [bar(0, at), bar(1, at)]).collect()
    }

    fn queue() -> VecDeque<BotEvent> {
        let timer = BotEvent::Timer(Timestamp(2));
        [
            BotEvent::Bars(vec![bar(0, 2)]),
            timer,
            BotEvent::Bars(vec![bar(0, 3), bar(1, 3)]),
            BotEvent::Bars(vec![bar(0, 4)]),
        ]
        .into()
    }

    #[test]
    fn a_new_instance_gets_each_bar_once_and_the_streams_as_live() {
        let mut queue = queue();
        let sorted = sort(Beginning::New { warm_up: 9 }, history(), &mut queue);
        assert_eq!(of(&sorted.warm_up), [(1, 0), (1, 1)]);
        let expected: [&[(i64, u32)]; 5] =
            [&[(2, 0), (2, 1)], &[], &[(3, 0), (3, 1)], &[(4, 0), (4, 1)], &[(5, 0), (5, 1)]];
        assert_eq!(live(&queue), expected);
        assert_eq!(of(&sorted.missed), [(2, 1), (4, 1), (5, 0), (5, 1)]);
    }

    #[test]
    fn a_warm_up_is_as_long_as_it_was_asked_for() {
        let mut nothing = VecDeque::new();
        let sorted = sort(Beginning::New { warm_up: 2 }, history(), &mut nothing);
        assert_eq!(of(&sorted.warm_up), [(4, 0), (4, 1), (5, 0), (5, 1)]);
        assert!(sorted.missed.is_empty() && nothing.is_empty());
        let mut queue = queue();
        let sorted = sort(Beginning::New { warm_up: 0 }, Vec::new(), &mut queue);
        assert!(sorted.warm_up.is_empty());
        assert_eq!(queue.len(), 4, "a bot without warm-up gets what the stream brings");
    }

    #[test]
    fn an_instance_with_a_state_catches_up_with_all_of_them() {
        let mut queue = queue();
        let sorted = sort(Beginning::State, history(), &mut queue);
        let all: Vec<(i64, u32)> = (1..=5).flat_map(|at| [(at, 0), (at, 1)]).collect();
        assert_eq!(of(&sorted.warm_up), all);
        assert!(sorted.missed.is_empty());
        assert_eq!(queue.len(), 1, "the timer");
    }
}
