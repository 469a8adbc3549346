use super::*;
use crate::{Context, Description, OrderEvent, OrderStatus, Reader, Side, Writer, qty};

/// Buys at every third close and sells when the fill is heard; counts what it sees.
struct Third {
    bars: u64,
    order: u64,
    calls: Vec<(Timestamp, Decimal)>,
}

impl Strategy for Third {
    fn describe() -> Description {
        Description::new("third", "1")
            .with_param(Param::integer("size", 1).between(1, 5))
            .with_param(Param::required("note", ParamType::Text))
    }

    fn new(config: &Config) -> Result<Self, String> {
        if config.text("note")? == "bad" {
            return Err("the note is bad".into());
        }
        Ok(Self { bars: 0, order: 0, calls: Vec::new() })
    }

    fn on_bar(&mut self, ctx: &mut Context<'_>, bar: &Bar) {
        self.bars += 1;
        let equity = ctx.equity().expect("priced");
        self.calls.push((ctx.at(), equity));
        if self.bars.is_multiple_of(3) {
            let before = ctx.buying_power();
            let order = ctx.buy(bar.instrument, qty("2")).reason("third").submit();
            if let Ok(id) = order {
                self.order = id;
                assert_eq!(before - ctx.buying_power(), bar.close() * qty("2"));
                assert!(ctx.has_open_order(bar.instrument));
            }
            crate::info!(ctx, "asked at {}", bar.close());
        }
    }

    fn on_order(&mut self, ctx: &mut Context<'_>, order: &OrderEvent) {
        if order.side == Side::Buy {
            let limit = order.last_price.expect("a fill") + qty("1");
            ctx.sell(order.instrument, order.last_qty).limit(limit).submit().expect("owned");
        }
    }

    fn save(&self) -> Vec<u8> {
        let mut out = Writer::new();
        out.u64(self.bars);
        out.finish()
    }

    fn restore(&mut self, state: &[u8]) -> Result<(), String> {
        let mut from = Reader::new(state)?;
        self.bars = from.u64()?;
        Ok(from.finish()?)
    }
}

fn harness() -> Harness<Third> {
    Harness::new("1000", &["AAPL", "BTCUSD"], &[("note", "x")]).expect("starts")
}

const CLOSES: [&str; 9] = ["10", "11", "12", "13", "15", "14", "16", "12", "18"];

#[test]
fn fills_follow_the_reference_behaviour() {
    let mut h = harness();
    h.closes("AAPL", &CLOSES);
    let orders = h.orders();
    // Asked at the third close, filled at the fourth open; sold by limit when 15 opens above 14.
    assert_eq!((orders[0].at, orders[0].filled_at), (START + 3 * MINUTE, Some(START + 4 * MINUTE)));
    assert_eq!(orders[0].price, Some(qty("13")));
    assert_eq!(orders[1].price, Some(qty("15")));
    assert_eq!(orders[0].reason.as_deref(), Some("third"));
    assert_eq!(h.cash(), qty("1000") - qty("26") + qty("30") - qty("32") + qty("36"));
    assert_eq!(h.position("AAPL").qty, Decimal::ZERO);
    assert_eq!(orders[4].status, OrderStatus::Acknowledged);
    assert_eq!(h.log_lines()[0], (LogLevel::Info, "asked at 12".into()));
}

#[test]
fn a_list_means_what_single_calls_mean() {
    let (mut batched, mut single) = (harness(), harness().one_by_one());
    batched.closes("AAPL", &CLOSES);
    single.closes("AAPL", &CLOSES);
    assert_eq!(batched.orders(), single.orders());
    assert_eq!(batched.strategy().calls, single.strategy().calls);
    assert_eq!(batched.save(), single.save());
}

#[test]
fn a_list_ends_after_the_time_stamp_of_the_first_intent() {
    let mut h = harness();
    let bar = |symbol, minute| h.flat_bar(symbol, "10", START + minute * MINUTE);
    // The third bar asks, the fourth shares its time stamp.
    let list = [bar("AAPL", 1), bar("AAPL", 2), bar("AAPL", 3), bar("BTCUSD", 3), bar("AAPL", 4)];
    h.account.begin_bars(&list, false);
    assert_eq!(h.running.bars(&h.account, &list, false), 4);
}

#[test]
fn a_refused_intent_ends_a_list_too() {
    let mut h = Harness::<Third>::new("1", &["AAPL"], &[("note", "x")]).expect("starts");
    let list: Vec<Bar> = (1..6).map(|m| h.flat_bar("AAPL", "10", START + m * MINUTE)).collect();
    h.account.begin_bars(&list, false);
    assert_eq!(h.running.bars(&h.account, &list, false), 3);
    assert_eq!(h.refusals()[0].code, "capital");
    assert!(h.orders().is_empty());
}

#[test]
fn warm_up_refuses_and_is_seen() {
    let mut h = harness();
    h.set_warm_up(true);
    h.closes("AAPL", &CLOSES[..4]);
    assert_eq!(h.refusals()[0].code, "warm_up");
    assert!(h.orders().is_empty());
}

#[test]
fn a_reload_carries_state_and_prices_over() {
    let (mut reloaded, mut straight) = (harness(), harness());
    for close in CLOSES {
        reloaded.closes("AAPL", &[close]);
        reloaded.reload().expect("restores");
        straight.closes("AAPL", &[close]);
    }
    assert_eq!(reloaded.orders(), straight.orders());
    assert_eq!(reloaded.save(), straight.save());
    let mut state = reloaded.save();
    state[3] ^= 1;
    assert!(reloaded.restore(1, &state).is_err_and(|e| e.contains("checksum")));
}

#[test]
fn parameters_are_checked_by_name() {
    let start = |params: &[(&str, &str)]| {
        Harness::<Third>::new("1", &["AAPL"], params).err().unwrap_or_default()
    };
    assert!(start(&[]).contains("\"note\" has no default"));
    assert!(start(&[("note", "x"), ("sizes", "1")]).contains("\"sizes\" is unknown"));
    assert!(start(&[("note", "x"), ("size", "6")]).contains("above its maximum"));
    assert!(start(&[("note", "x"), ("size", "1.5")]).contains("not of its type"));
    assert_eq!(start(&[("note", "bad")]), "the note is bad");
}

/// Writes down what reaches it, and what it can ask there.
#[derive(Default)]
struct Ear {
    heard: Vec<String>,
}

impl Strategy for Ear {
    fn describe() -> Description {
        Description::new("ear", "1").with_state_schema(3)
    }

    fn new(_: &Config) -> Result<Self, String> {
        Ok(Self::default())
    }

    fn on_bar(&mut self, ctx: &mut Context<'_>, bar: &Bar) {
        let past: Vec<String> =
            ctx.history(bar.instrument, 2).iter().map(|bar| bar.close().to_string()).collect();
        self.heard.push(format!("bar {} after {}", bar.close(), past.join(" ")));
    }

    fn on_quote(&mut self, ctx: &mut Context<'_>, quote: &crate::Quote) {
        self.heard.push(format!("quote {} {} {}", quote.bid(), quote.ask_size(), ctx.at()));
    }

    fn on_trade(&mut self, ctx: &mut Context<'_>, trade: &crate::Trade) {
        let price = ctx.price(trade.instrument);
        self.heard.push(format!("trade {} {} {price:?}", trade.price(), trade.size()));
    }

    fn on_timer(&mut self, ctx: &mut Context<'_>, timer: &TimerEvent) {
        self.heard.push(format!("timer {} {}", timer.at, ctx.is_warm_up()));
    }

    fn on_session(&mut self, _: &mut Context<'_>, session: &SessionEvent) {
        self.heard.push(format!("session {:?} {}", session.kind, session.day));
    }

    fn on_action(&mut self, _: &mut Context<'_>, action: &ActionEvent) {
        let (new, old) = (action.ratio_new, action.ratio_old);
        self.heard.push(format!("action {:?} {new} for {old}", action.kind));
    }

    fn save(&self) -> Vec<u8> {
        Vec::new()
    }

    fn migrate(&self, schema: u32, state: &[u8]) -> Result<Vec<u8>, String> {
        if schema == 2 { Ok(Vec::new()) } else { Err(format!("{schema}, {} bytes", state.len())) }
    }
}

#[test]
fn every_kind_of_event_reaches_its_handler() {
    let mut h = Harness::<Ear>::new("1", &["AAPL"], &[]).expect("starts");
    h.closes("AAPL", &["1", "2", "3.5"]);
    h.quote(Quote {
        at: 7,
        instrument: 0,
        price_scale: 2,
        size_scale: 0,
        bid: 1_025,
        bid_size: 3,
        ask: 1_030,
        ask_size: 4,
    });
    let scales = (2, 1);
    let (price_scale, size_scale) = scales;
    h.trade(Trade { at: 8, instrument: 0, price_scale, size_scale, price: 1_025, size: 15 });
    h.set_warm_up(true);
    h.timer();
    h.session(SessionKind::Close, 20_240_102);
    h.action(ActionEvent {
        at: 9,
        instrument: 0,
        kind: crate::ActionKind::Split,
        ratio_new: qty("3"),
        ratio_old: qty("2"),
        amount: Decimal::ZERO,
        symbol: None,
    });
    let want = [
        "bar 1 after ",
        "bar 2 after 1",
        "bar 3.5 after 1 2",
        "quote 10.25 4 7",
        "trade 10.25 1.5 Some(Decimal { mantissa: 1025, scale: 2 })",
        "timer 8 true",
        "session SessionKind::Close 20240102",
        "action ActionKind::Split 3 for 2",
    ];
    assert_eq!(h.strategy().heard, want);
}

#[test]
fn a_state_of_another_schema_is_migrated_or_refused_by_number() {
    let mut h = Harness::<Ear>::new("1", &["AAPL"], &[]).expect("starts");
    h.closes("AAPL", &["4"]);
    let state = h.save();
    assert_eq!(h.restore(3, &state), Ok(()));
    assert_eq!(h.restore(2, &state), Ok(()));
    assert_eq!(h.restore(1, &state), Err("1, 0 bytes".into()));
    let refused = harness().restore(9, &harness().save());
    assert_eq!(refused, Err("the state has schema 9, this version reads 1".into()));
}

/// Buys twice, sells the second lot by its number, and moves a stop.
#[derive(Default)]
struct Lots {
    opened: Vec<u64>,
    stop: Option<u64>,
    seen: u32,
}

impl Strategy for Lots {
    fn describe() -> Description {
        Description::new("lots", "1")
    }

    fn new(_: &Config) -> Result<Self, String> {
        Ok(Self::default())
    }

    fn on_bar(&mut self, ctx: &mut Context<'_>, bar: &Bar) {
        self.seen += 1;
        let id = bar.instrument;
        match self.seen {
            1 | 2 => drop(ctx.buy(id, qty("1")).submit()),
            4 => {
                let unknown = ctx.sell(id, qty("1")).lot(99).submit();
                assert_eq!(unknown.map_err(|refusal| refusal.code), Err("not_allowed".into()));
                ctx.sell(id, qty("1")).lot(self.opened[1]).submit().expect("it is open");
            }
            6 => self.stop = ctx.sell(id, qty("1")).stop(qty("5")).submit().ok(),
            7 => {
                let order = self.stop.expect("open");
                let limit = ctx.replace(order).limit(qty("6")).submit();
                assert_eq!(limit.map_err(|refusal| refusal.code), Err("not_allowed".into()));
                ctx.replace(order).stop(qty("9")).submit().expect("it has a stop");
            }
            _ => {}
        }
    }

    fn on_order(&mut self, _: &mut Context<'_>, order: &OrderEvent) {
        self.opened.extend(order.lot);
    }
}

#[test]
fn lots_are_named_and_stops_are_moved() {
    let mut h = Harness::<Lots>::new("1000", &["AAPL"], &[]).expect("starts");
    h.closes("AAPL", &["10", "11", "20", "30", "31", "30", "30"]);
    assert_eq!(h.strategy().opened, [1, 2]);
    // The lot that was opened at 20 is gone, the one of 11 is left.
    assert_eq!((h.position("AAPL").qty, h.position("AAPL").cost), (qty("1"), qty("11")));
    h.closes("AAPL", &["8"]);
    assert_eq!(h.position("AAPL").qty, Decimal::ZERO);
    assert_eq!(h.orders().last().and_then(|order| order.price), Some(qty("8")));
}
