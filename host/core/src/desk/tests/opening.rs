//! History of a sleeve on an account that had positions when it was opened.

use super::*;
use crate::row::ExecutionRow;

/// A desk whose broker held 30 AAPL at $12 and 0.5 BTCUSDT at its first sight.
fn opened() -> Bench {
    let mut bench = Bench::new();
    let rows =
        Rows::new_account(slug("main"), "e1".to_owned(), true, Controls::default(), Now::default());
    let settings = Settings { market_as_limit: false, budgeted: false, ..Settings::default() };
    bench.desk = Desk::restore(rows, settings).unwrap();
    bench.rows.clear();
    for name in ["AAPL", "BTCUSDT"] {
        bench.put(Event::Instruments { instruments: vec![Instrument::equity(symbol(name))] });
    }
    bench.put(Event::Started { epoch: 1, take_over: false });
    bench.put(Event::AccountStream { up: true });
    let held = |name: &str, qty, price| PositionReport {
        symbol: symbol(name),
        qty: Qty::new(qty),
        average_entry: Price::new(price),
        current_price: None,
    };
    let value = BrokerSnapshot {
        account_id: "acc".to_owned(),
        cash: money(bench.cash),
        equity: money(bench.cash),
        buying_power: money(bench.cash),
        trading_blocked: false,
        positions: vec![held("AAPL", dec!(30), dec!(12)), held("BTCUSDT", dec!(0.5), dec!(100))],
        orders: Vec::new(),
        fills: Vec::new(),
        since: Timestamp(0),
        began: Timestamp(bench.time),
        sessions: Vec::new(),
        activities: Vec::new(),
        corrections: Vec::new(),
    };
    bench.put(Event::Snapshot { answer: Answer::Done { value } });
    bench.snapshot(Vec::new());
    bench.snapshot(Vec::new());
    assert!(bench.desk.is_ready() && bench.desk.reconciliation().balanced);
    create(&mut bench, "alpha", dec!(10000));
    bench
}

fn trade(id: &str, at: i64, name: &str, side: Side, qty: Decimal, price: Decimal) -> ImportedFill {
    let kind = ImportKind::Trade {
        side,
        qty: Qty::new(qty),
        price: Price::new(price),
        fee: money(dec!(0.37)),
    };
    ImportedFill { execution_id: id.to_owned(), at: Timestamp(at), symbol: symbol(name), kind }
}

/// 40 bought, 25 sold over two lots, split 2:1, 5 sold: 25 are left.
fn history() -> Vec<ImportedFill> {
    vec![
        trade("h1", 10, "AAPL", Side::Buy, dec!(20), dec!(10)),
        trade("h2", 20, "AAPL", Side::Buy, dec!(20), dec!(11)),
        trade("h3", 30, "BTCUSDT", Side::Buy, dec!(0.3), dec!(90)),
        trade("h4", 40, "AAPL", Side::Sell, dec!(25), dec!(13)),
        ImportedFill {
            execution_id: "h5".to_owned(),
            at: Timestamp(50),
            symbol: symbol("AAPL"),
            kind: ImportKind::Split { ratio: dec!(2) },
        },
        trade("h6", 60, "AAPL", Side::Sell, dec!(5), dec!(7)),
        trade("h7", 70, "BTCUSDT", Side::Sell, dec!(0.3), dec!(95)),
    ]
}

fn import(bench: &mut Bench, fills: Vec<ImportedFill>) -> Reply {
    bench.command(Command::ImportFills { sleeve: slug("alpha"), opening: true, fills })
}

fn qty(bench: &Bench, id: SleeveId, name: &str) -> Decimal {
    let instrument = bench.desk.by_symbol[&symbol(name)];
    let found = bench.desk.holdings(id).find(|(id, _)| *id == instrument);
    found.map_or(Decimal::ZERO, |(_, holding)| holding.qty.get())
}

fn counts(reply: &Reply) -> (u64, u64) {
    match reply {
        Reply::Done { booked, known, .. } => (booked.unwrap(), known.unwrap()),
        Reply::Refused { refusal } => panic!("{refusal}"),
    }
}

#[test]
fn history_takes_its_shares_out_of_suspense_and_moves_no_cash() {
    let mut bench = opened();
    let cash = bench.sleeve("alpha").cash;
    let reply = import(&mut bench, history());
    assert_eq!(counts(&reply), (7, 0));
    let alpha = bench.sleeve("alpha").id;
    assert_eq!(qty(&bench, alpha, "AAPL"), dec!(25));
    assert_eq!(qty(&bench, SleeveId::SUSPENSE, "AAPL"), dec!(5));
    assert_eq!(qty(&bench, SleeveId::SUSPENSE, "BTCUSDT"), dec!(0.5));
    assert_eq!(bench.sleeve("alpha").cash, cash);
    bench.check();
    bench.snapshot(Vec::new());
    assert!(bench.desk.reconciliation().balanced, "{:?}", bench.desk.reconciliation());
    assert_eq!(bench.desk.breaks().count(), 0);
    // 20 of the first lot at 10 and 5 of the second at 11 sold at 13, then 5 of 30 at 5.50 at 7, and
    // 0.3 from 90 to 95; fees: 0.37 of each sale, the first lot's, and its share of the others'.
    let gross = dec!(60) + dec!(10) + dec!(7.5) + dec!(1.5);
    let opening = dec!(0.37) + dec!(0.0925) + dec!(0.04625) + dec!(0.37);
    let fees = dec!(3) * dec!(0.37) + opening;
    assert_eq!(bench.sleeve("alpha").realised.get().normalize(), (gross - fees).normalize());
    assert_eq!(bench.sleeve("alpha").fees.get().normalize(), (dec!(6) * dec!(0.37)).normalize());
    // What the history paid, net: it is the sleeve's capital.
    let paid = dec!(200) + dec!(220) + dec!(27) - dec!(325) - dec!(35) - dec!(28.5) + dec!(2.22);
    assert_eq!(bench.sleeve("alpha").added.get().normalize(), paid.normalize());
    let executions: Vec<&ExecutionRow> = bench
        .rows
        .iter()
        .filter_map(|row| match row {
            Row::Execution(row) => Some(row),
            _ => None,
        })
        .collect();
    assert_eq!(executions.len(), 6);
    assert!(executions.iter().all(|row| row.source == ExecutionSource::Opening));
}

#[test]
fn the_same_history_twice_is_booked_once() {
    let mut bench = opened();
    import(&mut bench, history());
    let sleeve = bench.sleeve("alpha").clone();
    let rows = bench.rows.len();
    assert_eq!(counts(&import(&mut bench, history())), (0, 7));
    assert_eq!(*bench.sleeve("alpha"), sleeve);
    let new = &bench.rows[rows..];
    assert!(new.iter().all(|row| matches!(row, Row::Account(_) | Row::Input(_) | Row::Sleeve(_))));
    // A history that has grown at its end.
    let mut grown = history();
    grown.push(trade("h8", 80, "AAPL", Side::Buy, dec!(5), dec!(6)));
    assert_eq!(counts(&import(&mut bench, grown)), (1, 7));
    assert_eq!(qty(&bench, SleeveId::SUSPENSE, "AAPL"), Decimal::ZERO);
    bench.check();
}

#[test]
fn a_history_that_leaves_more_than_the_account_held_is_refused_whole() {
    let mut bench = opened();
    let mut fills = history();
    fills.push(trade("h8", 80, "AAPL", Side::Buy, dec!(6), dec!(6)));
    let reply = import(&mut bench, fills.clone());
    assert_eq!(refusal(&reply), "opening_qty");
    let Reply::Refused { refusal: found } = &reply else { unreachable!() };
    let words = found.to_string();
    assert!(words.contains("31 AAPL") && words.contains("30"), "{words}");
    // A history that ends short, and one that sells what an earlier one had left.
    let short = vec![trade("s1", 10, "AAPL", Side::Sell, dec!(1), dec!(6))];
    assert_eq!(refusal(&import(&mut bench, short.clone())), "opening_qty");
    let booked = |row: &&Row| matches!(row, Row::Entry(_) | Row::Execution(_) | Row::Lot(_));
    let before = bench.rows.iter().filter(booked).count();
    let alpha = bench.sleeve("alpha").id;
    assert_eq!(qty(&bench, alpha, "AAPL"), Decimal::ZERO);
    import(&mut bench, history());
    assert!(bench.rows.iter().filter(booked).count() > before, "nothing of the refused was kept");
    assert_eq!(refusal(&import(&mut bench, short)), "opening_qty");
    // Trades since the opening are the broker's to tell.
    let late = vec![trade("l1", bench.time, "AAPL", Side::Buy, dec!(1), dec!(6))];
    assert_eq!(refusal(&import(&mut bench, late)), "not_allowed");
    bench.check();
}

#[test]
fn history_leaves_lots_since_the_opening_alone() {
    let mut bench = opened();
    // The sleeve has bought one share since, of a symbol that suspense does not freeze.
    let assign = Command::PositionAssign {
        symbol: symbol("AAPL"),
        qty: Qty::new(dec!(5)),
        to: slug("alpha"),
        cost: money(dec!(60)),
        opened: Timestamp(bench.time),
    };
    bench.command(assign);
    import(&mut bench, history());
    let alpha = bench.sleeve("alpha").id;
    assert_eq!(qty(&bench, alpha, "AAPL"), dec!(30));
    assert_eq!(qty(&bench, SleeveId::SUSPENSE, "AAPL"), Decimal::ZERO);
    let lots: Vec<Decimal> = bench
        .desk
        .holdings(alpha)
        .flat_map(|(_, holding)| holding.lots())
        .map(|lot| lot.remaining.get().normalize())
        .collect();
    assert_eq!(lots, [dec!(25), dec!(5)], "the later lot was neither sold nor split");
    bench.check();
}

#[test]
fn history_at_average_cost_comes_before_any_other_share() {
    let mut bench = opened();
    bench.command(Command::SleeveSet { name: slug("alpha"), lots: LotMethod::Average });
    let rest = history()[4..].to_vec();
    assert_eq!(counts(&import(&mut bench, history())), (7, 0));
    let alpha = bench.sleeve("alpha").id;
    assert_eq!(qty(&bench, alpha, "AAPL"), dec!(25));
    assert_eq!(counts(&import(&mut bench, rest)), (0, 3));
    let later = vec![trade("h8", 80, "AAPL", Side::Buy, dec!(1), dec!(6))];
    assert_eq!(refusal(&import(&mut bench, later)), "not_allowed");
    bench.check();
}
