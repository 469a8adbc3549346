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
