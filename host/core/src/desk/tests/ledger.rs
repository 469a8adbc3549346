//! Corrections and activities: the past is asked of rows in memory, as the simulator does.

use super::*;
use crate::broker::{Activity, ActivityKind, Correction};
use crate::desk::{ImportKind, ImportedFill, Past};
use crate::ledger::LotSide;
use crate::row::ActivityState;

const DAY: i64 = 24 * 3600 * 1_000_000_000;

/// Lots (signed quantity, cost, fee), sums (cash, realised, fees, dividends), round trips (quantity,
/// gross, net).
type Picture = (Vec<(Decimal, Decimal, Decimal)>, [Decimal; 4], Vec<[Decimal; 3]>);

/// Books without a broker, and their past.
struct Books {
    desk: Desk,
    past: Past,
    rows: Vec<Row>,
    fills: u32,
}

impl Books {
    fn new(lots: LotMethod) -> Self {
        let now = Now { market: Timestamp(900 * DAY), machine: Timestamp(900 * DAY) };
        let rows =
            Rows::new_account(slug("books"), "e1".to_owned(), false, Controls::default(), now);
        let desk = Desk::restore(rows, Settings::default()).unwrap();
        let mut books = Self { desk, past: Past::default(), rows: Vec::new(), fills: 0 };
        for name in ["a", "b"] {
            let capital = money(dec!(10000));
            books.command(Command::SleeveCreate { name: slug(name), capital, lots });
        }
        books
    }

    fn command(&mut self, command: Command) -> Reply {
        let mut out = Effects::default();
        let now = self.desk.now();
        step(&mut self.desk, Input { now, event: Event::Command { command } }, &mut out);
        let reply = out.reply.take().unwrap();
        self.follow(out);
        reply
    }

    /// Commits, then asks what was to be asked, until nothing is left.
    fn follow(&mut self, mut out: Effects) {
        loop {
            for row in out.rows.drain(..) {
                self.past.take(&row);
                self.rows.push(row);
            }
            let Some(question) = out.actions.drain(..).find_map(|action| match action {
                Action::ReadBooks { question } => Some(question),
                _ => None,
            }) else {
                return;
            };
            let answer = self.past.answer(&question);
            out = Effects::default();
            let input = Input { now: self.desk.now(), event: Event::Books { answer } };
            step(&mut self.desk, input, &mut out);
        }
    }

    fn trade(
        &mut self,
        sleeve: &str,
        day: i64,
        side: Side,
        qty: Decimal,
        price: Decimal,
        fee: Decimal,
    ) {
        self.fills += 1;
        let (qty, price, fee) = (Qty::new(qty), Price::new(price), money(fee));
        let fills = vec![ImportedFill {
            execution_id: format!("x{}", self.fills),
            at: Timestamp(day * DAY),
            symbol: symbol("AAPL"),
            kind: ImportKind::Trade { side, qty, price, fee },
        }];
        self.command(Command::ImportFills { sleeve: slug(sleeve), opening: false, fills });
    }

    fn activity(&mut self, kind: ActivityKind, day: i64, fill: impl FnOnce(&mut Activity)) {
        let id = format!("action:{kind:?}:{day}").into();
        let mut activity = Activity::new(id, kind, Timestamp(day * DAY), Timestamp(day * DAY));
        activity.symbol = Some(symbol("AAPL"));
        fill(&mut activity);
        self.command(Command::ImportActions { activities: vec![activity] });
    }

    fn correct(&mut self, execution_id: &str, replacement: Option<(Side, Decimal, Decimal)>) {
        let at = self.desk.now().market;
        let replacement = replacement.map(|(side, qty, price)| Fill {
            execution_id: format!("{execution_id}-again"),
            broker_order_id: String::new(),
            client_order_id: None,
            symbol: symbol("AAPL"),
            side,
            qty: Qty::new(qty),
            price: Price::new(price),
            fee: Money::ZERO,
            fee_qty: Qty::ZERO,
            cumulative_qty: None,
            at,
        });
        let correction = Correction { execution_id: execution_id.to_owned(), replacement, at };
        let mut out = Effects::default();
        self.desk.on_correction(&correction, &mut out);
        self.desk.flush(&mut out);
        self.follow(out);
    }

    /// What can be seen of a sleeve: lots by age, its sums, its round trips that stand.
    fn picture(&self, name: &str) -> Picture {
        let row = self.desk.sleeve(&slug(name)).unwrap();
        let lots = self
            .desk
            .holdings(row.id)
            .flat_map(|(_, holding)| holding.lots().cloned().collect::<Vec<_>>());
        let lots = lots.map(|lot| {
            let sign = if lot.side == LotSide::Long { dec!(1) } else { dec!(-1) };
            (
                sign * lot.remaining.get().normalize(),
                lot.cost_left.get().normalize(),
                lot.fee_left.get().normalize(),
            )
        });
        let void: Vec<_> = self
            .rows
            .iter()
            .filter_map(|row| match row {
                Row::RoundTripVoid(void) => Some(void.round_trip),
                _ => None,
            })
            .collect();
        let trips = self.rows.iter().filter_map(|r| match r {
            Row::RoundTrip(trip) if trip.sleeve == row.id && !void.contains(&trip.id) => Some([
                trip.qty.get().normalize(),
                trip.gross.get().normalize(),
                trip.net.get().normalize(),
            ]),
            _ => None,
        });
        let sums = [row.cash, row.realised, row.fees, row.dividends].map(|m| m.get().normalize());
        let mut trips: Vec<_> = trips.collect();
        trips.sort();
        (lots.collect(), sums, trips)
    }

    /// Sums of the journal against the sleeves; the chain; I8.
    fn check(&self) {
        let mut link = crate::ledger::Link::default();
        let mut shares: std::collections::BTreeMap<(SleeveId, String), Decimal> =
            Default::default();
        for row in &self.rows {
            let Row::Entry(entry) = row else { continue };
            link = link.next("books", entry);
            assert_eq!(link, entry.link, "entry {}", entry.id);
            for leg in &entry.postings {
                if let Some(symbol) = leg.account.symbol() {
                    *shares.entry((leg.sleeve, symbol.to_string())).or_default() += leg.qty.get();
                }
            }
        }
        assert_eq!(link, self.desk.account().link);
        for sleeve in self.desk.sleeves.values() {
            let cost: Money = sleeve.holdings.values().map(|h| h.cost + h.fee_left).sum();
            assert_eq!(
                sleeve.row.cash + cost,
                sleeve.net_capital() + sleeve.row.realised,
                "I8 of {}",
                sleeve.row.name
            );
            for (instrument, holding) in &sleeve.holdings {
                let name = self.desk.instruments()[instrument.index()].symbol.to_string();
                let booked = shares.get(&(sleeve.row.id, name)).copied().unwrap_or_default();
                assert_eq!(booked, holding.qty.get(), "shares of {}", sleeve.row.name);
            }
        }
    }
}

/// What a correction must come to: the same trades without, or with another.
fn same_as(method: LotMethod, gone: &str, with: Option<(Side, Decimal, Decimal)>) {
    let trades = [
        ("x1", 1, Side::Buy, dec!(10), dec!(100), dec!(1)),
        ("x2", 2, Side::Buy, dec!(7), dec!(103.33), dec!(0.5)),
        ("x3", 3, Side::Sell, dec!(12), dec!(110), dec!(0.7)),
        ("x4", 4, Side::Buy, dec!(5), dec!(90), dec!(0)),
        ("x5", 5, Side::Sell, dec!(4), dec!(95), dec!(0.1)),
    ];
    let mut corrected = Books::new(method);
    for (_, day, side, qty, price, fee) in trades {
        corrected.trade("a", day, side, qty, price, fee);
    }
    corrected.correct(gone, with);
    corrected.check();
    let mut plain = Books::new(method);
    for (id, day, side, qty, price, fee) in trades {
        match with {
            _ if id != gone => plain.trade("a", day, side, qty, price, fee),
            Some((side, qty, price)) => plain.trade("a", day, side, qty, price, dec!(0)),
            None => {}
        }
    }
    assert_eq!(corrected.picture("a"), plain.picture("a"), "{method:?}, {gone} taken back");
    // The same correction twice changes nothing.
    let rows = corrected.rows.len();
    corrected.correct(gone, with);
    assert_eq!(corrected.rows.len(), rows);
}

#[test]
fn a_bust_is_as_if_the_execution_had_never_been() {
    for method in LotMethod::ALL {
        for gone in ["x1", "x2", "x3", "x4", "x5"] {
            same_as(method, gone, None);
        }
    }
}

#[test]
fn a_correction_is_as_if_it_had_been_so_at_once() {
    for method in LotMethod::ALL {
        same_as(method, "x1", Some((Side::Buy, dec!(9), dec!(101))));
        same_as(method, "x2", Some((Side::Buy, dec!(7), dec!(1.01))));
        same_as(method, "x3", Some((Side::Sell, dec!(17), dec!(110.5))));
    }
}

#[test]
fn corrections_of_one_holding_follow_each_other() {
    let mut books = Books::new(LotMethod::Fifo);
    books.trade("a", 1, Side::Buy, dec!(10), dec!(100), dec!(0));
    books.trade("a", 2, Side::Buy, dec!(10), dec!(120), dec!(0));
    books.trade("a", 3, Side::Sell, dec!(15), dec!(130), dec!(0));
    books.correct("x2", Some((Side::Buy, dec!(10), dec!(110))));
    books.correct("x1", None);
    books.correct("x2-again", Some((Side::Buy, dec!(20), dec!(111))));
    books.check();
    let mut plain = Books::new(LotMethod::Fifo);
    plain.trade("a", 2, Side::Buy, dec!(20), dec!(111), dec!(0));
    plain.trade("a", 3, Side::Sell, dec!(15), dec!(130), dec!(0));
    assert_eq!(books.picture("a"), plain.picture("a"));
    let corrections = books.rows.iter().filter(|row| matches!(row, Row::Correction(_))).count();
    assert_eq!(corrections, 3);
}

#[test]
fn a_bust_before_a_split_counts_old_shares() {
    let mut books = Books::new(LotMethod::Fifo);
    books.trade("a", 1, Side::Buy, dec!(10), dec!(100), dec!(0));
    books.trade("a", 2, Side::Buy, dec!(4), dec!(110), dec!(0));
    books.activity(ActivityKind::Split, 3, |split| split.ratio = Some(dec!(2)));
    books.trade("a", 4, Side::Sell, dec!(12), dec!(60), dec!(0));
    books.correct("x1", None);
    books.check();
    let (lots, sums, _) = books.picture("a");
    // 4 old shares are 8 new ones; 12 were sold: 4 short at 60.
    assert_eq!(lots, [(dec!(-4), dec!(240), dec!(0))]);
    assert_eq!(sums[1], dec!(8) * dec!(60) - dec!(440));
}

#[test]
fn a_dividend_goes_to_who_held_on_the_ex_date() {
    let mut books = Books::new(LotMethod::Fifo);
    books.trade("a", 1, Side::Buy, dec!(10), dec!(100), dec!(0));
    books.trade("b", 1, Side::Buy, dec!(5), dec!(100), dec!(0));
    books.trade("a", 9, Side::Sell, dec!(10), dec!(100), dec!(0));
    books.trade("b", 9, Side::Buy, dec!(30), dec!(100), dec!(0));
    books.activity(ActivityKind::Dividend, 5, |dividend| dividend.net_amount = money(dec!(10)));
    books.check();
    assert_eq!(books.picture("a").1[3], dec!(6.67));
    assert_eq!(books.picture("b").1[3], dec!(3.33));
    // Twice is once.
    books.activity(ActivityKind::Dividend, 5, |dividend| dividend.net_amount = money(dec!(10)));
    assert_eq!(books.picture("a").1[3], dec!(6.67));
}

#[test]
fn a_fee_a_day_later_goes_by_what_it_is_charged_on() {
    let mut books = Books::new(LotMethod::Fifo);
    books.trade("a", 1, Side::Buy, dec!(10), dec!(100), dec!(0));
    books.trade("b", 1, Side::Buy, dec!(30), dec!(100), dec!(0));
    books.trade("a", 2, Side::Sell, dec!(10), dec!(100), dec!(0));
    books.trade("b", 2, Side::Sell, dec!(20), dec!(200), dec!(0));
    let fee = |code: &'static str| {
        move |fee: &mut Activity| {
            fee.code = code.to_owned();
            fee.net_amount = money(dec!(-0.05));
        }
    };
    books.activity(ActivityKind::Fee, 2, fee("FEE REG"));
    assert_eq!((books.picture("a").1[2], books.picture("b").1[2]), (dec!(0.01), dec!(0.04)));
    books.check();
    // On a day without trades it is the house's.
    books.activity(ActivityKind::Fee, 7, fee("FEE TAF"));
    assert_eq!((books.picture("a").1[2], books.picture("b").1[2]), (dec!(0.01), dec!(0.04)));
    books.check();
}

#[test]
fn a_reverse_split_sells_the_fraction_of_the_account() {
    let mut books = Books::new(LotMethod::Fifo);
    books.trade("a", 1, Side::Buy, dec!(13), dec!(10), dec!(0));
    books.trade("b", 1, Side::Buy, dec!(12), dec!(10), dec!(0));
    books.activity(ActivityKind::Split, 2, |split| {
        (split.ratio, split.price) = (Some(dec!(0.1)), Some(Price::new(dec!(100))));
    });
    books.check();
    // 1.3 and 1.2: the account keeps 2, half a share is sold, in proportion to 0.3 and 0.2.
    assert_eq!(books.picture("a").0, [(dec!(1), dec!(100), dec!(0))]);
    assert_eq!(books.picture("b").0, [(dec!(1), dec!(100), dec!(0))]);
    assert_eq!(books.picture("a").1[1], dec!(0));
}

#[test]
fn other_shares_take_cost_and_date_with_them() {
    let mut books = Books::new(LotMethod::Fifo);
    books.trade("a", 1, Side::Buy, dec!(10), dec!(100), dec!(1));
    books.activity(ActivityKind::SpinOff, 2, |_| {});
    let id = "action:SpinOff:2".to_owned();
    assert_eq!(books.desk.activities[&*id].state, ActivityState::Flagged);
    let booking = ActionBooking::SpinOff {
        symbol: symbol("CHILD"),
        ratio: dec!(0.5),
        cost_share_pct: dec!(20),
    };
    books.command(Command::ActionBook { activity: id.clone(), booking });
    books.check();
    let mut lots = books.picture("a").0;
    lots.sort();
    assert_eq!(lots, [(dec!(5), dec!(200), dec!(0)), (dec!(10), dec!(800), dec!(1))]);
    books
        .activity(ActivityKind::SymbolChange, 3, |change| change.new_symbol = Some(symbol("APPL")));
    books.check();
    assert_eq!(books.desk.total_qty(books.desk.by_symbol[&symbol("APPL")]), Qty::new(dec!(10)));
    assert_eq!(books.desk.total_qty(books.desk.by_symbol[&symbol("AAPL")]), Qty::ZERO);
}

/// A spin-off that a person books after trades of its day comes to what it would have been at once:
/// who held when its day began gets the shares, and what was sold since cost less.
#[test]
fn a_spin_off_booked_late_is_as_if_it_had_been_at_once() {
    for method in LotMethod::ALL {
        let picture = |late: bool| {
            let mut books = Books::new(method);
            let spin_off = |books: &mut Books| {
                books.activity(ActivityKind::SpinOff, 4, |_| {});
                let booking = ActionBooking::SpinOff {
                    symbol: symbol("CHILD"),
                    ratio: dec!(0.5),
                    cost_share_pct: dec!(20),
                };
                let activity = "action:SpinOff:4".to_owned();
                books.command(Command::ActionBook { activity, booking });
                assert!(books.desk.activities.is_empty(), "{:?}", books.desk.activities);
            };
            books.trade("a", 1, Side::Buy, dec!(10), dec!(100), dec!(1));
            books.trade("a", 2, Side::Buy, dec!(10), dec!(110), dec!(1));
            books.trade("b", 3, Side::Buy, dec!(6), dec!(100), dec!(0));
            if !late {
                spin_off(&mut books);
            }
            // One sells a part, one begins after the day, one sells all.
            books.trade("a", 5, Side::Sell, dec!(12), dec!(90), dec!(0.6));
            books.trade("a", 6, Side::Buy, dec!(4), dec!(95), dec!(0));
            books.trade("b", 6, Side::Sell, dec!(6), dec!(85), dec!(0));
            if late {
                spin_off(&mut books);
            }
            books.check();
            let child = books.desk.by_symbol[&symbol("CHILD")];
            let held = |name: &str| {
                let sleeve = books.desk.named(&slug(name)).unwrap();
                let holding = &books.desk.sleeves[&sleeve].holdings[&child];
                (holding.qty.get(), holding.cost.get())
            };
            (books.picture("a"), books.picture("b"), held("a"), held("b"))
        };
        let (early, late) = (picture(false), picture(true));
        assert_eq!((&late.2, &late.3), (&(dec!(10), dec!(420)), &(dec!(3), dec!(120))));
        assert_eq!(late, early, "{method:?}");
    }
}

/// Cash beside the shares of a merger goes to who held on its day.
#[test]
fn cash_of_a_merger_is_a_dividend_by_hand() {
    let mut books = Books::new(LotMethod::Fifo);
    books.trade("a", 1, Side::Buy, dec!(10), dec!(100), dec!(0));
    books.trade("b", 1, Side::Buy, dec!(5), dec!(100), dec!(0));
    books.activity(ActivityKind::Merger, 3, |merger| merger.net_amount = money(dec!(30)));
    let id = "action:Merger:3".to_owned();
    let booking = ActionBooking::Dividend { per_share: None };
    books.command(Command::ActionBook { activity: id, booking });
    books.check();
    assert_eq!((books.picture("a").1[3], books.picture("b").1[3]), (dec!(20), dec!(10)));
    books.activity(ActivityKind::Merger, 4, |_| {});
    let booking = ActionBooking::Dividend { per_share: Some(Price::new(dec!(0.5))) };
    let activity = "action:Merger:4".to_owned();
    books.command(Command::ActionBook { activity, booking });
    books.check();
    assert_eq!((books.picture("a").1[3], books.picture("b").1[3]), (dec!(25), dec!(12.5)));
}

/// A split that is learnt of late comes to what it would have been in its place.
#[test]
fn a_split_learnt_of_late_is_as_if_it_had_been_known() {
    for method in LotMethod::ALL {
        let picture = |late: bool| {
            let mut books = Books::new(method);
            let split = |books: &mut Books| {
                books.activity(ActivityKind::Split, 4, |split| split.ratio = Some(dec!(2)));
            };
            books.trade("a", 1, Side::Buy, dec!(10), dec!(100), dec!(1));
            books.trade("b", 1, Side::Buy, dec!(3), dec!(100), dec!(0));
            books.trade("a", 2, Side::Sell, dec!(3), dec!(104), dec!(0.5));
            if !late {
                split(&mut books);
            }
            books.trade("a", 5, Side::Buy, dec!(10), dec!(50), dec!(0));
            books.trade("a", 6, Side::Sell, dec!(9), dec!(60), dec!(0.2));
            if late {
                split(&mut books);
            }
            books.check();
            books
                .activity(ActivityKind::Dividend, 6, |d| d.per_share = Some(Price::new(dec!(0.1))));
            books
                .activity(ActivityKind::Dividend, 3, |d| d.per_share = Some(Price::new(dec!(0.1))));
            books.correct("x3", None);
            books.check();
            (books.picture("a"), books.picture("b"))
        };
        assert_eq!(picture(true), picture(false), "{method:?}");
    }
}

/// The price of the market splits once, however many sleeves bring the split with their history.
#[test]
fn a_split_in_every_sleeves_file_is_one_of_the_mark() {
    let mut books = Books::new(LotMethod::Fifo);
    for sleeve in ["a", "b"] {
        books.trade(sleeve, 1, Side::Buy, dec!(10), dec!(100), dec!(0));
        let fills = vec![ImportedFill {
            execution_id: format!("split-{sleeve}"),
            at: Timestamp(2 * DAY),
            symbol: symbol("AAPL"),
            kind: ImportKind::Split { ratio: dec!(4) },
        }];
        books.command(Command::ImportFills { sleeve: slug(sleeve), opening: false, fills });
        let aapl = books.desk.by_symbol[&symbol("AAPL")];
        let mark = books.desk.marks[aapl.index()].unwrap();
        assert_eq!((mark.price, mark.at), (Price::new(dec!(25)), Timestamp(2 * DAY)), "{sleeve}");
    }
    // The account's own split of another day counts again.
    books.activity(ActivityKind::Split, 3, |split| split.ratio = Some(dec!(5)));
    let aapl = books.desk.by_symbol[&symbol("AAPL")];
    assert_eq!(books.desk.marks[aapl.index()].unwrap().price, Price::new(dec!(5)));
    books.check();
}

#[test]
fn a_named_lot_is_closed_first() {
    let mut bench = Bench::new();
    create(&mut bench, "a", dec!(10000));
    bench.price("AAPL", dec!(100));
    for price in [dec!(100), dec!(110)] {
        bench.market("a", "AAPL", Side::Buy, dec!(5));
        bench.fill_all(price);
    }
    let intent = |lot, qty| Intent {
        symbol: symbol("AAPL"),
        side: Side::Sell,
        size: Size::Qty(Qty::new(qty)),
        order_type: OrderType::Market,
        time_in_force: TimeInForce::Day,
        extended_hours: false,
        reason: None,
        tag: None,
        lot: Some(crate::id::LotId(lot)),
    };
    let reply =
        bench.command(Command::OrderSubmit { sleeve: slug("a"), intent: intent(2, dec!(6)) });
    assert_eq!(refusal(&reply), "not_allowed", "more than the lot holds");
    let reply =
        bench.command(Command::OrderSubmit { sleeve: slug("a"), intent: intent(7, dec!(1)) });
    assert_eq!(refusal(&reply), "not_allowed", "no such lot");
    bench.command(Command::OrderSubmit { sleeve: slug("a"), intent: intent(2, dec!(5)) });
    bench.fill_all(dec!(120));
    assert_eq!(bench.sleeve("a").realised.get(), dec!(50));
    bench.check();
}
