//! What must hold for every sequence of calls: the journal gives cash and positions, the same calls give the same
//! events, a stored state goes on as if nothing had happened, and no input panics.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use rust_decimal::Decimal;
use stockade_exchange::market::{Listing, Market};
use stockade_exchange::rng::Rng;
use stockade_exchange::{
    ActivityKind, ActivityQuery, Changes, Config, EventKind, Exchange, NewOrder, OrderType, Quote,
    Sessions, Side, State, StateError, SymbolId, TimeInForce,
};

use crate::{MINUTE, d, minute, plain_paper};

const SYMBOLS: [&str; 3] = ["SPY", "PENNY", "BTC/USD"];

fn exchange(config: Config, seed: u64) -> Exchange {
    let mut x = Exchange::new(config, seed, minute(-60)).unwrap();
    for symbol in SYMBOLS {
        x.intern(symbol).unwrap();
    }
    x
}

fn market(seed: u64) -> Market {
    let cents = [25_000, 90, 3_600_000];
    let listings: Vec<Listing> = (0..3)
        .map(|n| Listing { symbol: SymbolId(n), cents: cents[n as usize], crypto: n == 2 })
        .collect();
    Market::new(seed, &listings, minute(-5), MINUTE, Sessions::Calendar)
}

/// Anything that a client could ask, sensible or not.
fn random_order(x: &Exchange, rng: &mut Rng) -> NewOrder {
    let pick = |rng: &mut Rng, n: usize| usize::try_from(rng.below(n as u64)).unwrap();
    let place = pick(rng, 3);
    let symbol = SYMBOLS[place];
    let last = x.last_price(SymbolId(u32::try_from(place).unwrap())).unwrap_or(d("100"));
    let price = |rng: &mut Rng| {
        let factor = Decimal::new(rng.between(9_950, 10_050), 4);
        Some((last * factor).round_dp(2).max(d("0.01")))
    };
    let order_type = OrderType::ALL[pick(rng, 4)];
    let limit = matches!(order_type, OrderType::Limit | OrderType::StopLimit);
    let stop = matches!(order_type, OrderType::Stop | OrderType::StopLimit);
    let notional = rng.permille(100);
    let scale = if rng.permille(200) { 9 } else { 0 };
    NewOrder {
        client_order_id: rng.permille(100).then(|| rng.below(50).to_string()),
        symbol: symbol.to_owned(),
        side: Side::ALL[pick(rng, 2)],
        qty: (!notional)
            .then(|| Decimal::from(rng.between(-1, 40)) + Decimal::new(rng.between(0, 9), scale)),
        notional: notional.then(|| Decimal::new(rng.between(0, 1_000_000), 2)),
        order_type,
        time_in_force: [TimeInForce::Day, TimeInForce::ALL[pick(rng, 6)]][pick(rng, 2)],
        limit_price: if limit { price(rng) } else { None },
        stop_price: if stop { price(rng) } else { None },
        extended_hours: rng.permille(100),
    }
}

/// One step of a driver's life.
fn act(x: &mut Exchange, market: &mut Market, rng: &mut Rng) {
    match rng.below(10) {
        0..5 => {
            let _ = x.submit(random_order(x, rng), x.now());
        }
        5 => {
            let open: Vec<_> = x.open_orders().map(|o| o.id).collect();
            if let Some(&id) = open.get(usize::try_from(rng.below(4)).unwrap()) {
                let changes =
                    Changes { qty: Some(Decimal::from(rng.between(1, 50))), ..Changes::default() };
                let _ = if rng.permille(500) {
                    x.cancel(id, x.now())
                } else {
                    x.replace(id, changes, x.now()).map(|_| ())
                };
            }
        }
        6 => {
            let symbol = SymbolId(u32::try_from(rng.below(4)).unwrap());
            if let Some(price) = x.last_price(symbol) {
                let quote = Quote {
                    symbol,
                    at: x.now(),
                    bid: price,
                    bid_size: d("1"),
                    ask: price + d("0.01"),
                    ask_size: d("1"),
                };
                x.on_quote(&quote);
            }
        }
        7 if rng.permille(20) => {
            let _ = x.split(
                "SPY",
                d(["2", "0.1", "1.5"][usize::try_from(rng.below(3)).unwrap()]),
                x.now(),
            );
            let _ = x.dividend("SPY", d("0.37"), x.now());
        }
        7 if rng.permille(100) => {
            let query =
                ActivityQuery { kinds: vec![ActivityKind::Fill], ..ActivityQuery::default() };
            let page = x.activities(&query);
            let place = usize::try_from(rng.below(page.len().max(1) as u64)).unwrap();
            let Some(one) = page.get(place).map(|one| (*one).clone()) else { return };
            let fill = one.fill.unwrap();
            // Some of them can't be: taken back already, or split since.
            let _ = if rng.permille(500) {
                x.bust(one.uuid, x.now())
            } else {
                x.correct(one.uuid, fill.qty, fill.price + d("0.01"), x.now())
            };
        }
        8 if rng.permille(100) => x.advance(x.now().plus(9 * 60 * MINUTE)),
        _ => {
            let mut bars = market.next_group().to_vec();
            while bars[0].at < x.now().plus(-5 * MINUTE) {
                bars = market.next_group().to_vec();
            }
            x.on_bars(&bars);
            x.advance(bars[0].end());
        }
    }
}

fn configs() -> impl Strategy<Value = Config> {
    (any::<bool>(), 0_u32..=1000, any::<bool>(), any::<bool>(), 0_i64..50).prop_map(
        |(paper, permille, short, kind, bps)| {
            let base = if paper { plain_paper() } else { Config::reference(d("100000")) };
            Config {
                partial_fill_permille: permille,
                cancel_race_permille: permille,
                shorting: short,
                fee_bps: Decimal::from(bps),
                crypto_fee_bps: Decimal::from(bps),
                crypto_fee_in_kind: kind,
                slippage_bps: Decimal::from(bps),
                max_participation: kind.then(|| d("0.001")),
                ..base
            }
        },
    )
}

fn check(x: &Exchange) {
    let mut cash = Decimal::ZERO;
    let mut positions = BTreeMap::<String, Decimal>::new();
    let mut executions = BTreeSet::new();
    for (seq, line) in (0..).zip(x.journal()) {
        assert_eq!(line.seq, seq);
        assert!(line.cash_delta.scale() <= 2 || line.cash_delta.round_dp(2) == line.cash_delta);
        cash += line.cash_delta;
        if let Some(symbol) = &line.symbol {
            *positions.entry(symbol.to_string()).or_default() += line.qty_delta;
        }
        if line.kind == stockade_exchange::JournalKind::Fill {
            assert!(executions.insert(line.execution_id.unwrap()), "an execution is booked once");
        }
    }
    positions.retain(|_, qty| !qty.is_zero());
    assert_eq!(x.cash(), cash);
    let reported: BTreeMap<_, _> =
        x.positions().into_iter().map(|p| (p.asset_symbol.to_string(), p.qty)).collect();
    assert_eq!(reported, positions);
    for order in x.open_orders() {
        assert!(order.remaining().is_none_or(|left| left > Decimal::ZERO), "{order:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn journal_events_and_state_agree(config in configs(), seed in any::<u64>()) {
        let (mut x, mut twin) = (exchange(config.clone(), seed), exchange(config.clone(), seed));
        let (mut bars, mut twin_bars) = (market(seed), market(seed));
        let (mut rng, mut twin_rng) = (Rng::new(seed), Rng::new(seed));
        let mut filled = Decimal::ZERO;
        let mut taken_back = false;
        for step in 0..400 {
            act(&mut x, &mut bars, &mut rng);
            act(&mut twin, &mut twin_bars, &mut twin_rng);
            if step % 40 == 0 {
                // The twin is stopped and started again, with events still undelivered.
                let text = serde_json::to_string(&twin.to_state()).unwrap();
                twin = Exchange::from_state(serde_json::from_str::<State>(&text).unwrap()).unwrap();
            }
            if step % 50 == 49 {
                let events = x.drain_events();
                prop_assert_eq!(&events, &twin.drain_events());
                for e in &events {
                    taken_back |= e.previous_execution_id.is_some();
                    if e.event == EventKind::TradeBust { continue }
                    filled += e.order.side.signed(e.qty.unwrap_or_default());
                    // Shares of an execution that is taken back may be sold already.
                    if config.shorting || taken_back { continue }
                    prop_assert!(!config.check_quantity || e.position_qty.is_none_or(|q| q >= Decimal::ZERO));
                }
                check(&x);
            }
        }
        x.finish(x.now());
        check(&x);
        let day_left = x.open_orders().any(|o| o.time_in_force != TimeInForce::Gtc);
        prop_assert!(!day_left);
        let booked: Decimal = x.journal().iter()
            .filter(|line| line.kind == stockade_exchange::JournalKind::Fill).map(|line| line.qty_delta).sum();
        prop_assert_eq!(booked, filled, "events tell every execution");
    }

    #[test]
    fn extreme_numbers_do_not_panic(mantissa in any::<i128>(), scale in 0_u32..=28, price in any::<i64>(), price_scale in 0_u32..=18) {
        let number = Decimal::try_from_i128_with_scale(mantissa >> 31, scale).unwrap_or(Decimal::MAX);
        let price = Decimal::new(price, price_scale);
        for config in [plain_paper(), Config::reference(d("100000"))] {
            let mut x = exchange(config, 1);
            let bar = stockade_exchange::Bar { symbol: SymbolId(0), at: minute(0), interval: MINUTE,
                open: price, high: price, low: price, close: price, volume: number };
            x.on_bar(&bar);
            for side in [Side::Buy, Side::Sell] {
                let _ = x.submit(NewOrder::market("SPY", side, number), minute(1));
                let _ = x.submit(NewOrder::limit("SPY", side, number, price), minute(1));
                let _ = x.submit(NewOrder::stop("BTCUSD", side, price, number), minute(1));
                let order = NewOrder { qty: None, notional: Some(number), ..NewOrder::market("SPY", side, price) };
                let _ = x.submit(order.tif(TimeInForce::Day), minute(1));
            }
            x.on_bar(&stockade_exchange::Bar { at: minute(2), ..bar });
            x.advance(stockade_exchange::Nanos::MAX);
            let _ = (x.account(), x.positions());
            check(&x);
        }
    }
}

#[test]
fn the_random_driver_gets_everywhere() {
    let config = Config { partial_fill_permille: 300, cancel_race_permille: 300, ..plain_paper() };
    let mut seen = BTreeMap::new();
    for seed in 0..20 {
        let (mut x, mut bars, mut rng) =
            (exchange(config.clone(), seed), market(seed), Rng::new(seed));
        for _ in 0..400 {
            act(&mut x, &mut bars, &mut rng);
        }
        for event in x.drain_events() {
            *seen.entry(event.event.as_str()).or_insert(0) += 1;
        }
    }
    for kind in EventKind::ALL.iter().filter(|&&kind| kind != EventKind::Rejected) {
        assert!(seen.get(kind.as_str()).is_some_and(|&n| n > 10), "{kind}: {seen:?}");
    }
}

#[test]
fn another_seed_gives_other_ids() {
    let id = |seed| exchange(plain_paper(), seed).account().id;
    assert_eq!(id(1), id(1));
    assert_ne!(id(1), id(2));
}

#[test]
fn a_state_that_contradicts_itself_is_refused() {
    let text = serde_json::to_string(&exchange(plain_paper(), 1).to_state()).unwrap();
    let edited = |from: &str, to: &str| {
        assert!(text.contains(from), "{from}");
        Exchange::from_state(serde_json::from_str(&text.replacen(from, to, 1)).unwrap())
    };
    assert!(matches!(
        edited("\"version\":1", "\"version\":2"),
        Err(StateError::Version { found: 2 })
    ));
    assert!(matches!(
        edited("\"cash_delta\":\"100000\"", "\"cash_delta\":\"99999\""),
        Err(StateError::Cash { .. })
    ));
    assert!(matches!(edited("\"multiplier\":1", "\"multiplier\":9"), Err(StateError::Config(_))));
}
