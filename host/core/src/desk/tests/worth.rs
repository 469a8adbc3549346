//! What sleeves are worth, kept as inputs come; the loss of a day; and amounts at the edge of what
//! can be booked.

use super::*;
use crate::decimal::{of_smallest_units, smallest_units};
use crate::limits;
use crate::time::Session;

/// Books without a broker: two sleeves, and fills from files.
struct Books {
    desk: Desk,
    rows: Vec<Row>,
    actions: Vec<Action>,
    fills: u32,
}

impl Books {
    fn new() -> Self {
        let now = Now { market: Timestamp(1_000), machine: Timestamp(1_000) };
        let (label, era) = (slug("books"), "e1".to_owned());
        let rows = Rows::new_account(label, era, false, Controls::default(), now);
        let desk = Desk::restore(rows, Settings::default()).unwrap();
        let mut books = Self { desk, rows: Vec::new(), actions: Vec::new(), fills: 0 };
        books.put(Event::Started { epoch: 1, take_over: false });
        for name in ["alpha", "beta"] {
            let (name, capital) = (slug(name), money(dec!(10000)));
            books.command(Command::SleeveCreate { name, capital, lots: LotMethod::Fifo });
        }
        books
    }

    fn put(&mut self, event: Event) -> Option<Reply> {
        let at = self.desk.now().market.plus(1);
        let mut out = Effects::default();
        step(&mut self.desk, Input { now: Now { market: at, machine: at }, event }, &mut out);
        self.rows.append(&mut out.rows);
        self.actions.append(&mut out.actions);
        out.reply
    }

    fn command(&mut self, command: Command) -> Reply {
        self.put(Event::Command { command }).unwrap()
    }

    fn fill(&mut self, sleeve: &str, side: Side, qty: Decimal, price: Decimal) -> Reply {
        self.fills += 1;
        let fill = ImportedFill {
            execution_id: format!("x-{}", self.fills),
            at: self.desk.now().market,
            symbol: symbol("AAPL"),
            kind: ImportKind::Trade {
                side,
                qty: Qty::new(qty),
                price: Price::new(price),
                fee: Money::ZERO,
            },
        };
        let fills = vec![fill];
        self.command(Command::ImportFills { sleeve: slug(sleeve), opening: false, fills })
    }

    fn price(&mut self, price: Decimal) {
        let id = self.desk.by_symbol[&symbol("AAPL")];
        let (close, at) = (Price::new(price), self.desk.now().market);
        let trade = crate::market::Trade { instrument: id, at, price: close, size: Qty::ZERO };
        self.put(Event::Market { market: MarketEvent::Trade(trade) });
    }

    fn id(&self, name: &str) -> SleeveId {
        self.desk.sleeve(&slug(name)).unwrap().id
    }

    fn equity(&self, name: &str) -> Decimal {
        self.desk.equity(self.id(name)).get()
    }

    fn lost(&self, name: &str) -> (Decimal, bool) {
        let id = self.id(name);
        (self.desk.lost_today(id).get(), self.desk.is_loss_reached(id))
    }

    fn limit(&mut self, scope: Scope, value: &str) {
        let settings = vec![("daily_loss".to_owned(), value.to_owned())];
        let set = Command::RiskSet { scope, settings };
        assert!(matches!(self.command(set), Reply::Done { .. }));
    }
}

fn of(name: &str) -> Scope {
    Scope::Sleeve { name: slug(name) }
}

#[test]
fn a_price_reaches_every_holder() {
    let mut books = Books::new();
    books.fill("alpha", Side::Buy, dec!(10), dec!(100));
    books.fill("beta", Side::Sell, dec!(2.5), dec!(100));
    books.price(dec!(104.123456789));
    assert_eq!(books.equity("alpha"), dec!(10041.23456789));
    assert_eq!(books.equity("beta"), dec!(9989.6913580275));
    books.fill("alpha", Side::Sell, dec!(10), dec!(103));
    books.price(dec!(1));
    assert_eq!(books.equity("alpha"), dec!(10030), "who holds nothing has nothing to lose");
    assert_eq!(books.equity("beta"), dec!(10247.5));
    books.desk.check_worth().unwrap();
    // A mid with ten decimals times a quantity with nine has more than can be stored.
    books.fill("alpha", Side::Buy, dec!(0.123456789), dec!(1));
    books.price(dec!(1.0000000001));
    books.desk.check_worth().unwrap();
    let mark = &mut books.desk.marks[0].as_mut().unwrap().price;
    *mark = Price::new(dec!(2));
    assert!(books.desk.check_worth().is_err(), "a mark behind its back shows");
}

#[test]
fn the_days_loss_leaves_capital_out() {
    let mut books = Books::new();
    books.limit(of("alpha"), "100");
    books.fill("alpha", Side::Buy, dec!(10), dec!(100));
    books.price(dec!(95));
    assert_eq!(books.lost("alpha"), (dec!(50), false));
    let amount = money(dec!(5000));
    books.command(Command::CapitalWithdraw { name: slug("alpha"), amount });
    assert_eq!(books.lost("alpha"), (dec!(50), false), "what was taken out is no loss");
    books.price(dec!(90.01));
    assert_eq!(books.lost("alpha"), (dec!(99.9), false));
    books.price(dec!(90));
    assert_eq!(books.lost("alpha"), (dec!(100), true));
    books.command(Command::CapitalAdd { name: slug("alpha"), amount });
    assert_eq!(books.lost("alpha"), (dec!(100), true), "what was brought is no gain");
    // Shares that change hands take their worth with them.
    let (from, to) = (slug("alpha"), slug("beta"));
    let (symbol, qty) = (symbol("AAPL"), Qty::new(dec!(4)));
    let moved = books.command(Command::PositionMove { from, to, symbol, qty });
    assert!(matches!(moved, Reply::Done { .. }), "{moved:?}");
    assert_eq!(books.lost("alpha"), (dec!(100), true));
    assert_eq!(books.lost("beta").0, dec!(0));
    books.limit(of("alpha"), "100.01");
    assert_eq!(books.lost("alpha"), (dec!(100), false));
    books.limit(Scope::Account, "60");
    assert_eq!(books.lost("alpha"), (dec!(100), true));
    books.desk.check_worth().unwrap();
    // The next day begins with what is there.
    let at = books.desk.now().market.plus(2 * 86_400 * limits::NANOS_PER_SECOND);
    let event = Event::Timer;
    let mut out = Effects::default();
    step(&mut books.desk, Input { now: Now { market: at, machine: at }, event }, &mut out);
    assert_eq!(books.lost("alpha"), (dec!(0), false));
    let written = out.rows.iter().any(|row| {
        matches!(row, Row::Sleeve(row) if row.name == slug("alpha") && row.day == books.desk.day)
    });
    assert!(written, "the day's start is written down");
    books.desk.check_worth().unwrap();
}

#[test]
fn a_day_begins_with_the_calendar_of_the_broker() {
    let mut bench = Bench::new();
    bench.time += 3 * 86_400 * limits::NANOS_PER_SECOND;
    create(&mut bench, "alpha", dec!(10000));
    let settings = vec![("daily_loss".to_owned(), "10".to_owned())];
    bench.command(Command::RiskSet { scope: of("alpha"), settings });
    let id = bench.sleeve("alpha").id;
    assert_ne!(bench.sleeve("alpha").day, bench.desk.day, "no calendar, no day");
    let close = Timestamp(bench.time + 1_000_000_000);
    let session = Session { day: 19_700_104, open: Timestamp(0), close };
    bench.put(Event::Sessions { sessions: vec![session] });
    assert_eq!(bench.sleeve("alpha").day, 19_700_104);
    bench.price("AAPL", dec!(100));
    bench.market("alpha", "AAPL", Side::Buy, dec!(5));
    bench.fill_all(dec!(100));
    bench.price("AAPL", dec!(98));
    assert!(bench.desk.is_loss_reached(id));
    assert_eq!(refusal(&bench.market("alpha", "AAPL", Side::Buy, dec!(1))), "daily_loss");
    assert!(matches!(bench.market("alpha", "AAPL", Side::Sell, dec!(1)), Reply::Done { .. }));
    bench.desk.check_worth().unwrap();
}

#[test]
fn a_loss_that_was_reached_stays_reached_over_a_restart() {
    let session = Session { day: 19_700_104, open: Timestamp(0), close: Timestamp(i64::MAX) };
    let sessions = || Event::Sessions { sessions: vec![session] };
    let controls = Controls { daily_loss: Some(money(dec!(10))), ..Controls::default() };
    let now = Now { market: Timestamp(1_000), machine: Timestamp(1_000) };
    let (label, era) = (slug("main"), "e1".to_owned());
    let mut rows = Rows::new_account(label, era, true, controls, now);
    let house =
        rows.sleeves.iter_mut().find(|row| row.kind == crate::row::SleeveKind::House).unwrap();
    (house.day, house.day_start_equity) = (session.day, money(dec!(25)));
    let id = house.id;
    let mut desk = Desk::restore(rows, Settings::default()).unwrap();
    assert_ne!(desk.day, session.day, "the calendar comes after the rows");
    step(&mut desk, Input { now, event: sessions() }, &mut Effects::default());
    assert_eq!((desk.lost_today(id), desk.is_loss_reached(id)), (money(dec!(25)), true));
    desk.check_worth().unwrap();
}

#[test]
fn amounts_beyond_28_digits_are_refused_and_nothing_is_kept() {
    let mut books = Books::new();
    let (name, amount) = (slug("alpha"), money(dec!(900000000000)));
    books.command(Command::CapitalAdd { name, amount });
    let rows = books.rows.len();
    // Eighteen decimals beside twelve digits before the point.
    let reply = books.fill("alpha", Side::Buy, dec!(0.123456789), dec!(0.123456789));
    let Reply::Refused { refusal } = reply else { panic!("booked: {reply:?}") };
    assert!(refusal.to_string().contains("can't be booked"), "{refusal}");
    assert_eq!(books.rows.len(), rows, "nothing of it is kept");
    let last = books.actions.last();
    assert!(matches!(last, Some(Action::Refuse { .. })), "{last:?}");
    // What changed here is worth nothing: this desk takes no input any more.
    let reply = books.fill("beta", Side::Buy, dec!(1), dec!(1));
    assert!(matches!(reply, Reply::Refused { .. }));
    assert_eq!(books.rows.len(), rows);
}

#[test]
fn the_largest_numbers_do_not_panic() {
    let (price, qty) = (dec!(99999999.999999999), dec!(999999999.999999999));
    let mut books = Books::new();
    let reply = books.fill("alpha", Side::Buy, qty, price);
    assert_eq!(refusal(&reply), "fill", "a row beyond the limit of an amount is refused");
    let reply = books.fill("alpha", Side::Buy, dec!(9000.000000001), price);
    assert!(matches!(reply, Reply::Done { .. }), "{reply:?}");
    books.price(dec!(0.000000001));
    books.price(price);
    assert!((books.equity("alpha") - dec!(10000)).abs() < dec!(0.000000000001));
    let huge = Price::new(price).value_of(Qty::new(qty));
    assert!(huge.get() > dec!(99999999999999998));
    assert!((huge + money(dec!(0.000000000000000001))).get() >= huge.get());
    let most = Money::new(Decimal::MAX);
    assert_eq!((most + most).get(), Decimal::MAX);
    assert_eq!((-most + -most).get(), Decimal::MIN);
    // More decimals than can be stored: the value is rounded at once.
    let value = Price::new(dec!(0.333333333333)).value_of(Qty::new(dec!(0.123456789)));
    assert_eq!(value.get(), dec!(0.041152263));
}

#[test]
fn smallest_units_are_exact() {
    for text in ["0", "-1.5", "79228162514.264337593543950335", "0.000000000000000001", "123456789"]
    {
        let value: Decimal = text.parse().unwrap();
        let units = smallest_units(value).unwrap();
        assert_eq!(of_smallest_units(units), value, "{text}");
    }
    assert_eq!(smallest_units(dec!(1.0000000000000000001)), None);
    assert_eq!(smallest_units(dec!(1.5000000000000000000)), smallest_units(dec!(1.5)));
    assert_eq!(smallest_units(Decimal::MAX), None);
    // What 28 digits don't hold is rounded half to even: at twelve places, or at none.
    let beyond = smallest_units(dec!(99999999999)).unwrap();
    assert_eq!(of_smallest_units(beyond + 500_000), dec!(99999999999));
    assert_eq!(of_smallest_units(beyond + 1_500_000), dec!(99999999999.000000000002));
    assert_eq!(of_smallest_units(-beyond - 1_500_000), dec!(-99999999999.000000000002));
}
