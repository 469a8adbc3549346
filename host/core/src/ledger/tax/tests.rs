//! Each cause alone, then all at once: whatever happens, the parts are the difference.

use rust_decimal::{Decimal, dec};

use super::*;

const A: SleeveId = SleeveId(10);
const B: SleeveId = SleeveId(11);
const DAY: i64 = 86_400_000_000_000;

fn aapl() -> Symbol {
    Symbol::new("AAPL").unwrap()
}

fn figures(qty: Decimal, cost: Decimal, realised: Decimal) -> Figures {
    Figures { qty: Qty::new(qty), cost: Money::new(cost), realised: Money::new(realised) }
}

/// A journal: entries in order, days as they come.
#[derive(Default)]
struct Journal(Vec<Happening>);

impl Journal {
    fn on(mut self, day: i64, what: What) -> Self {
        let entry = EntryId(u64::try_from(self.0.len()).unwrap() + 1);
        self.0.push(Happening { entry, at: Timestamp(day * DAY), symbol: aapl(), what });
        self
    }

    /// Above zero a buy.
    fn trade(self, day: i64, sleeve: SleeveId, qty: Decimal, price: Decimal) -> Self {
        let side = if qty.is_sign_negative() { Side::Sell } else { Side::Buy };
        let execution_id = format!("x{}", self.0.len() + 1).into();
        let what = What::Trade {
            sleeve,
            side,
            qty: Qty::new(qty.abs()),
            fee_qty: Qty::ZERO,
            price: Price::new(price),
            fee: Money::new(dec!(1)),
            execution_id,
        };
        self.on(day, what)
    }

    fn split(self, day: i64, sleeve: SleeveId, before: Decimal, after: Decimal) -> Self {
        let (before, after) = (Qty::new(before), Qty::new(after));
        self.on(day, What::Split { sleeve, before, after })
    }

    /// The bridge from books of `sleeves`, and its parts as (cause, quantity, cost, realised).
    fn bridge(&self, booked: &Booked) -> (Bridge, Vec<(Cause, Decimal, Decimal, Decimal)>) {
        let booked = BTreeMap::from([(aapl(), booked.clone())]);
        let mut found = bridge(&self.0, &booked);
        assert_eq!(found.len(), 1);
        let found = found.remove(0);
        adds_up(&found);
        let told = |part: &Part| {
            let change = part.change;
            (
                part.cause,
                change.qty.get().normalize(),
                change.cost.get().normalize(),
                change.realised.get().normalize(),
            )
        };
        let parts = found.to_account.iter().chain(&found.to_broker).map(told).collect();
        (found, parts)
    }
}

fn adds_up(bridge: &Bridge) {
    let sum =
        |from: Figures, parts: &[Part]| parts.iter().fold(from, |sum, part| sum + part.change);
    assert_eq!(sum(bridge.sleeves, &bridge.to_account), bridge.account);
    assert_eq!(sum(bridge.account, &bridge.to_broker), bridge.broker);
    let cost: Money =
        bridge
            .lots
            .iter()
            .map(|lot| {
                if lot.side == crate::ledger::LotSide::Short {
                    -lot.cost_left
                } else {
                    lot.cost_left
                }
            })
            .sum();
    assert_eq!(cost, bridge.account.cost, "the account's lots are its cost");
}

fn booked(sleeves: Figures) -> Booked {
    Booked { sleeves, ..Booked::default() }
}

#[test]
fn one_sleeve_needs_no_bridge() {
    let journal =
        Journal::default().trade(1, A, dec!(10), dec!(100)).trade(2, A, dec!(-4), dec!(110));
    let (found, parts) = journal.bridge(&booked(figures(dec!(6), dec!(600), dec!(40))));
    assert_eq!(parts, vec![]);
    assert!(found.is_explained());
    assert_eq!(found.account, figures(dec!(6), dec!(600), dec!(40)));
}

#[test]
fn the_account_closes_its_oldest_lot_whoever_sells() {
    // B sells what it bought at 120: at a loss in its sleeve, at a profit from the account's oldest.
    let journal = Journal::default()
        .trade(1, A, dec!(10), dec!(100))
        .trade(2, B, dec!(10), dec!(120))
        .trade(3, B, dec!(-10), dec!(110));
    let (found, parts) = journal.bridge(&booked(figures(dec!(10), dec!(1000), dec!(-100))));
    let expected = vec![
        (Cause::Order, dec!(0), dec!(200), dec!(200)),
        (Cause::AveragePrice, dec!(0), dec!(-100), dec!(-100)),
    ];
    assert_eq!(parts, expected);
    assert_eq!(found.account, figures(dec!(10), dec!(1200), dec!(100)));
    assert_eq!((found.lots[0].sleeve, found.lots[0].execution_id.as_ref()), (B, "x2"));
    let (lots, closed) = account_lots(&journal.0);
    assert_eq!((lots.len(), closed.len()), (1, 1));
    assert_eq!((closed[0].gross, closed[0].net), (Money::new(dec!(100)), Money::new(dec!(98))));
}

#[test]
fn a_long_and_a_short_sleeve_are_netted() {
    let journal =
        Journal::default().trade(1, A, dec!(10), dec!(100)).trade(2, B, dec!(-4), dec!(130));
    // A: 10 at 100; B: -4 at 130. The account: 6 at 100, and 120 realised.
    let (found, parts) = journal.bridge(&booked(figures(dec!(6), dec!(480), dec!(0))));
    assert_eq!(parts, vec![(Cause::Crosses, dec!(0), dec!(120), dec!(120))]);
    assert_eq!(found.account, figures(dec!(6), dec!(600), dec!(120)));
}

#[test]
fn another_method_closes_other_lots() {
    let journal = Journal::default()
        .trade(1, A, dec!(10), dec!(100))
        .trade(2, A, dec!(10), dec!(120))
        .trade(3, A, dec!(-10), dec!(130));
    let lifo = figures(dec!(10), dec!(1000), dec!(100));
    let (_, parts) = journal.bridge(&Booked { methods: true, ..booked(lifo) });
    let own = (Cause::Methods, dec!(0), dec!(200), dec!(200));
    let average = (Cause::AveragePrice, dec!(0), dec!(-100), dec!(-100));
    assert_eq!(parts, vec![own, average]);
    // A method of the past leaves the same trace; what is no trace of one is said to be unexplained.
    assert_eq!(journal.bridge(&booked(lifo)).1, vec![own, average]);
    let (found, parts) = journal.bridge(&booked(figures(dec!(10), dec!(1007), dec!(100))));
    assert_eq!(parts, vec![own, (Cause::Unexplained, dec!(0), dec!(-7), dec!(0)), average]);
    assert!(!found.is_explained());
}

#[test]
fn shares_given_out_of_suspense_have_their_owners_cost() {
    let suspense = SleeveId::SUSPENSE;
    let other = What::Other {
        sleeve: suspense,
        qty: Qty::new(dec!(10)),
        cost: Money::new(dec!(1500)),
        gross: Money::ZERO,
    };
    let given = What::Move {
        from: suspense,
        to: A,
        qty: Qty::new(dec!(6)),
        cost: Money::new(dec!(660)),
        opened: Some(Timestamp(-400 * DAY)),
    };
    let journal = Journal::default().on(1, other).on(2, given);
    let books = Booked {
        sleeves: figures(dec!(6), dec!(660), dec!(0)),
        suspense: figures(dec!(4), dec!(600), dec!(0)),
        ..Booked::default()
    };
    let (found, parts) = journal.bridge(&books);
    let expected = vec![
        (Cause::Suspense, dec!(4), dec!(600), dec!(0)),
        (Cause::Transfers, dec!(0), dec!(240), dec!(0)),
    ];
    assert_eq!(parts, expected);
    assert_eq!(found.account, figures(dec!(10), dec!(1500), dec!(0)));
}

#[test]
fn an_opening_fee_that_moves_becomes_cost() {
    let moved = What::Move {
        from: A,
        to: B,
        qty: Qty::new(dec!(5)),
        cost: Money::new(dec!(500.5)),
        opened: None,
    };
    let journal = Journal::default().trade(1, A, dec!(10), dec!(100)).on(2, moved);
    let (_, parts) = journal.bridge(&booked(figures(dec!(10), dec!(1000.5), dec!(0))));
    assert_eq!(parts, vec![(Cause::Transfers, dec!(0), dec!(-0.5), dec!(0))]);
}

#[test]
fn a_late_fill_closes_another_lot_in_time() {
    // The purchase of day 1 is booked after the sale of day 3.
    let journal = Journal::default()
        .trade(2, A, dec!(10), dec!(120))
        .trade(3, A, dec!(-10), dec!(130))
        .trade(1, A, dec!(10), dec!(100));
    let (found, parts) = journal.bridge(&booked(figures(dec!(10), dec!(1000), dec!(100))));
    assert_eq!(parts[0], (Cause::Late, dec!(0), dec!(200), dec!(200)));
    assert_eq!(found.account, figures(dec!(10), dec!(1200), dec!(300)));
}

#[test]
fn a_split_is_one_to_the_account() {
    let journal = Journal::default()
        .trade(1, A, dec!(3), dec!(70))
        .trade(1, B, dec!(4), dec!(105))
        .split(5, A, dec!(3), dec!(21))
        .split(5, B, dec!(4), dec!(28));
    let (found, parts) = journal.bridge(&booked(figures(dec!(49), dec!(630), dec!(0))));
    assert_eq!(parts, vec![]);
    let lots: Vec<_> = found.lots.iter().map(|lot| lot.remaining.get().normalize()).collect();
    assert_eq!(lots, [dec!(21), dec!(28)]);
}

/// One sleeve sold new shares before the split was learnt of: its entry has the difference alone.
#[test]
fn a_split_learnt_of_late_is_explained() {
    let ratio = dec!(2);
    let mut journal = Journal::default()
        .trade(1, A, dec!(13), dec!(150))
        .trade(2, B, dec!(7), dec!(151))
        .trade(5, B, dec!(-7), dec!(76))
        .on(5, What::LateSplit { sleeve: B, ratio })
        .split(5, A, dec!(13), dec!(26))
        .trade(6, B, dec!(-3), dec!(77));
    // The trade of day 5 came after the split of its day.
    for happening in journal.0.iter_mut().filter(|h| matches!(h.what, What::Trade { .. })) {
        happening.at = Timestamp(happening.at.0 + 1);
    }
    // B: 14 at 75.50, of which 7 went at 76 and 3 at 77.
    let books = figures(dec!(30), dec!(2252), dec!(8));
    let (found, parts) = journal.bridge(&booked(books));
    assert!(found.is_explained(), "{parts:?}");
    // The account sold A's older shares, at 75 each.
    assert_eq!(parts[0], (Cause::Order, dec!(0), dec!(5), dec!(5)));
    assert_eq!(found.to_account.len(), 1, "{parts:?}");
    assert_eq!(found.account, figures(dec!(30), dec!(2257), dec!(13)));
}

/// What was spun off late took cost from what had been sold, too.
#[test]
fn a_change_of_cost_learnt_of_late_is_explained() {
    let journal = Journal::default()
        .trade(1, A, dec!(10), dec!(100))
        .trade(6, A, dec!(-4), dec!(90))
        .trade(7, A, dec!(5), dec!(95))
        .on(
            5,
            What::Other {
                sleeve: A,
                qty: Qty::ZERO,
                cost: Money::new(dec!(-120)),
                gross: Money::new(dec!(80)),
            },
        )
        .trade(8, A, dec!(-6), dec!(90));
    // 10 at 80: 4 sold at 90, then 6 at 90; 5 at 95 are left.
    let (found, parts) = journal.bridge(&booked(figures(dec!(5), dec!(475), dec!(100))));
    assert_eq!(found.account, figures(dec!(5), dec!(475), dec!(100)));
    assert!(found.to_account.is_empty(), "{parts:?}");
}

#[test]
fn the_brokers_report_is_reached_while_it_is_fresh() {
    let journal =
        Journal::default().trade(1, A, dec!(1), dec!(100)).trade(2, A, dec!(2), dec!(100.01));
    let at = Timestamp(5 * DAY);
    let report = AtBroker { qty: Qty::new(dec!(3)), average: Price::new(dec!(100.006667)), at };
    let books = figures(dec!(3), dec!(300.02), dec!(0));
    let with = |report| Booked { broker: Some(report), ..booked(books) };
    let (found, parts) = journal.bridge(&with(report));
    assert_eq!(parts, vec![(Cause::Rounding, dec!(0), dec!(0.000001), dec!(0))]);
    assert!(found.is_explained() && found.report == Some(report));
    // A share that the books don't know is no rounding.
    let (found, parts) = journal.bridge(&with(AtBroker { qty: Qty::new(dec!(4)), ..report }));
    assert_eq!(parts[0].0, Cause::Unexplained);
    assert!(!found.is_explained());
    // A report from before an execution is not compared with what is held after it.
    let old = AtBroker { at: Timestamp(DAY), ..report };
    let (found, parts) = journal.bridge(&with(old));
    assert_eq!((found.report, found.broker, parts), (None, found.account, vec![]));
}

#[test]
fn whatever_happens_the_parts_are_the_difference() {
    // A small random market of three sleeves: the books are each sleeve's own, newest first.
    let mut state = 7_u64;
    let mut random = move |below: u64| {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    for _ in 0..200 {
        let mut journal = Journal::default();
        for day in 0..30 {
            let sleeve = SleeveId(10 + random(3));
            let qty =
                Decimal::from(random(9) + 1) * if random(2) == 0 { dec!(1) } else { dec!(-1) };
            let price = Decimal::from(90 + random(20));
            // Some are booked late.
            let day = if random(5) == 0 { day - 3 } else { day };
            journal = journal.trade(day, sleeve, qty, price);
        }
        let qty: Decimal = journal
            .0
            .iter()
            .map(|happening| match &happening.what {
                What::Trade { side: Side::Buy, qty, .. } => qty.get(),
                What::Trade { qty, .. } => -qty.get(),
                _ => Decimal::ZERO,
            })
            .sum();
        // Any figures whatever of the same quantity.
        let sleeves = figures(qty, Decimal::from(random(1000)), Decimal::from(random(100)));
        let (found, parts) = journal.bridge(&Booked { methods: true, ..booked(sleeves) });
        assert!(found.is_explained(), "{parts:?}");
        assert!(
            parts.iter().all(|part| part.1.is_zero()),
            "no cause changes the quantity: {parts:?}"
        );
        let of_cash = |part: &(Cause, Decimal, Decimal, Decimal)| {
            part.0 == Cause::Methods || part.2 == part.3
        };
        assert!(parts.iter().all(of_cash), "the cash is the same on all sides: {parts:?}");
    }
}
