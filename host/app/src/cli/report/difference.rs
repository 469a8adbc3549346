//! `stockade report difference`: why two runs over the same bars differ, order by order.
//!
//! Orders and refused intents are matched by symbol, side and time; what is different of a pair is
//! named with its cause as far as the runs tell. What a difference is worth is reckoned so that all
//! of them add up to the difference in profit: each execution at the symbol's last price, less its
//! own price and fee.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde::Serialize;
use stockade_store::query::{At, Number};

use super::runs::{self, Run, RunOrder};
use crate::cli::context::Context;
use crate::cli::screen::{self, Screen};
use crate::failure::Failure;

/// What `--help` says beyond the arguments.
pub(super) const HELP: &str = "\
A run is a folder that backtest --out wrote, DATA_FOLDER[:SLEEVE] with the books of a paper run, or a sleeve of this data folder. \
Every difference has a kind: refused, missing, quantity, unfilled, type, time, price, parts, fee; its cause, and what it changed in B's profit against A's.

Examples:
  stockade report difference backtest-out data:sma
  stockade report difference out/reference out/live --json";

/// Differences that a screen shows.
const SHOWN: usize = 200;

/// What a difference is asked for.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct DifferenceArgs {
    /// The run that is compared with
    #[arg(value_name = "RUN_A")]
    a: String,
    /// The run that may differ
    #[arg(value_name = "RUN_B")]
    b: String,
    /// Seconds that the same order may be apart in the two runs
    #[arg(long, value_name = "SECONDS", default_value_t = 300)]
    within: u32,
    /// One JSON document instead of a table
    #[arg(long)]
    json: bool,
}

/// What a run came to.
#[derive(Debug, Clone, Serialize)]
struct Total {
    run: String,
    orders: usize,
    refused: usize,
    executions: usize,
    fees: Number,
    /// Of executions, at the last prices.
    profit: Number,
}

/// One way in which a pair differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Way {
    kind: &'static str,
    a: String,
    b: String,
    cause: String,
}

/// An order that differs.
#[derive(Debug, Clone, Serialize)]
struct Difference {
    time: At,
    symbol: String,
    side: &'static str,
    /// Their numbers.
    order_a: Option<String>,
    order_b: Option<String>,
    differences: Vec<Way>,
    /// What it changed in B's profit against A's.
    effect: Number,
}

/// The whole report.
#[derive(Debug, Clone, Serialize)]
struct Report {
    a: Total,
    b: Total,
    /// Pairs of orders, and how many of them are the same.
    matched: usize,
    same: usize,
    differences: Vec<Difference>,
    /// How many there are of each kind.
    kinds: BTreeMap<&'static str, usize>,
    /// B's profit less A's; the sum of all effects.
    effect: Number,
}

/// Reads both, compares and prints.
pub(super) async fn show(context: &Context, args: DifferenceArgs) -> Result<(), Failure> {
    let a = runs::read(context, &args.a).await?;
    let b = runs::read(context, &args.b).await?;
    let report = compare(&a, &b, i64::from(args.within) * 1_000_000_000);
    if args.json { screen::json(&report) } else { print(&report) }
}

fn print(report: &Report) -> Result<(), Failure> {
    let mut table = Screen::new(&["", "RUN A", "RUN B"], "");
    let money = |number: Number| screen::money(number);
    for (name, a, b) in [
        ("run", report.a.run.clone(), report.b.run.clone()),
        ("orders", report.a.orders.to_string(), report.b.orders.to_string()),
        ("refused intents", report.a.refused.to_string(), report.b.refused.to_string()),
        ("executions", report.a.executions.to_string(), report.b.executions.to_string()),
        ("fees", money(report.a.fees), money(report.b.fees)),
        ("profit", money(report.a.profit), money(report.b.profit)),
    ] {
        table.row([name.to_owned(), a, b]);
    }
    table.print()?;
    screen::line(&format!(
        "\n{} of {} orders are the same in both; {} differ and change the profit by {}\n",
        report.same,
        report.matched,
        report.differences.len(),
        money(report.effect)
    ))?;
    let headings = ["TIME", "SYMBOL", "SIDE", "WHAT", "A", "B", "CAUSE", ">EFFECT"];
    let mut table = Screen::new(&headings, "no order differs");
    for difference in report.differences.iter().take(SHOWN) {
        for (place, way) in difference.differences.iter().enumerate() {
            let first = |text: String| if place == 0 { text } else { String::new() };
            table.row([
                first(screen::time(difference.time)),
                first(difference.symbol.clone()),
                first(difference.side.to_owned()),
                way.kind.to_owned(),
                way.a.clone(),
                way.b.clone(),
                way.cause.clone(),
                first(money(difference.effect)),
            ]);
        }
    }
    table.print()?;
    if report.differences.len() > SHOWN {
        screen::note(&format!(
            "the first {SHOWN} of {} (--json has all)",
            report.differences.len()
        ));
    }
    Ok(())
}

/// Which orders are the same one: by number in the list of each run.
fn pairs(a: &Run, b: &Run, within: i64) -> Vec<(Option<usize>, Option<usize>)> {
    let names = |run: &Run| -> std::collections::BTreeSet<String> {
        run.orders.iter().map(|order| order.sleeve.clone()).collect()
    };
    // Several sleeves are told apart where both runs have the same.
    let by_sleeve = names(a).len() > 1 && names(a) == names(b);
    let alike = |one: &RunOrder, other: &RunOrder| {
        one.symbol == other.symbol
            && one.buys == other.buys
            && (!by_sleeve || one.sleeve == other.sleeve)
    };
    let mut partner_a: Vec<Option<usize>> = vec![None; a.orders.len()];
    let mut partner_b: Vec<Option<usize>> = vec![None; b.orders.len()];
    for reach in [0, within] {
        let mut first = 0;
        for (place, one) in a.orders.iter().enumerate() {
            if partner_a[place].is_some() {
                continue;
            }
            while b.orders.get(first).is_some_and(|other| other.at < one.at - reach) {
                first += 1;
            }
            let near = b.orders.iter().enumerate().skip(first);
            let near = near.take_while(|(_, other)| other.at <= one.at + reach);
            let free =
                near.filter(|(place, other)| partner_b[*place].is_none() && alike(one, other));
            // Of several the nearest, then one that asks for as much.
            let best = free.min_by_key(|(_, other)| {
                ((other.at - one.at).abs(), other.qty != one.qty, other.refused.is_some())
            });
            if let Some((other, _)) = best {
                (partner_a[place], partner_b[other]) = (Some(other), Some(place));
            }
        }
    }
    let mut all: Vec<(Option<usize>, Option<usize>)> =
        partner_a.iter().enumerate().map(|(place, other)| (Some(place), *other)).collect();
    let alone = partner_b.iter().enumerate().filter(|(_, partner)| partner.is_none());
    all.extend(alone.map(|(place, _)| (None, Some(place))));
    all.sort_by_key(|(one, other)| {
        let of = |run: &Run, place: &Option<usize>| place.map(|place| run.orders[place].at);
        of(a, one).or(of(b, other))
    });
    all
}

/// Compares two runs.
fn compare(a: &Run, b: &Run, within: i64) -> Report {
    let marks = marks(a, b);
    let mut held = Held::default();
    let mut report = Report {
        a: total(a, &marks),
        b: total(b, &marks),
        matched: 0,
        same: 0,
        differences: Vec::new(),
        kinds: BTreeMap::new(),
        effect: Number(Decimal::ZERO),
    };
    report.effect = Number(report.b.profit.0 - report.a.profit.0);
    for (one, other) in pairs(a, b, within) {
        let (one, other) = (one.map(|place| &a.orders[place]), other.map(|place| &b.orders[place]));
        let Some(known) = one.or(other) else { continue };
        report.matched += 1;
        let ways = match (one, other) {
            (Some(one), Some(other)) => ways(one, other),
            _ => vec![held.missing(one, other)],
        };
        let effect = other.map_or(Decimal::ZERO, |order| profit(order, &marks))
            - one.map_or(Decimal::ZERO, |order| profit(order, &marks));
        held.take(one, other);
        if ways.is_empty() {
            report.same += 1;
            continue;
        }
        for way in &ways {
            *report.kinds.entry(way.kind).or_default() += 1;
        }
        report.differences.push(Difference {
            time: At(known.at),
            symbol: known.symbol.clone(),
            side: if known.buys { "buy" } else { "sell" },
            order_a: one.map(|order| order.id.clone()).filter(|id| !id.is_empty()),
            order_b: other.map(|order| order.id.clone()).filter(|id| !id.is_empty()),
            differences: ways,
            effect: Number(effect.normalize()),
        });
    }
    report
}

/// The last price of each symbol: one for both runs, so that what is held at the end counts alike.
fn marks(a: &Run, b: &Run) -> BTreeMap<String, Decimal> {
    let mut marks = BTreeMap::new();
    // A price that is known counts before one that was traded at.
    for run in [b, a] {
        for order in &run.orders {
            if let Some(fill) = order.fills.last() {
                marks.insert(order.symbol.clone(), fill.price);
            }
        }
    }
    for run in [b, a] {
        marks.extend(run.marks.iter().map(|(symbol, price)| (symbol.clone(), *price)));
    }
    marks
}

/// What an order's executions are worth at the last price.
fn profit(order: &RunOrder, marks: &BTreeMap<String, Decimal>) -> Decimal {
    let mark = marks.get(&order.symbol).copied().unwrap_or_default();
    let sign = if order.buys { Decimal::ONE } else { Decimal::NEGATIVE_ONE };
    let of = |fill: &runs::RunFill| sign * fill.qty * (mark - fill.price) - fill.fee;
    order.fills.iter().map(of).sum()
}

fn total(run: &Run, marks: &BTreeMap<String, Decimal>) -> Total {
    let refused = run.orders.iter().filter(|order| order.refused.is_some()).count();
    let profit: Decimal = run.orders.iter().map(|order| profit(order, marks)).sum();
    let fees: Decimal = run.orders.iter().map(RunOrder::fees).sum();
    Total {
        run: run.name.clone(),
        orders: run.orders.len() - refused,
        refused,
        executions: run.orders.iter().map(|order| order.fills.len()).sum(),
        fees: Number(fees.normalize()),
        profit: Number(profit.normalize()),
    }
}

/// What each run holds of each symbol, order by order.
#[derive(Default)]
struct Held(BTreeMap<String, (Decimal, Decimal)>);

impl Held {
    fn take(&mut self, one: Option<&RunOrder>, other: Option<&RunOrder>) {
        for (order, of_b) in [(one, false), (other, true)] {
            let Some(order) = order else { continue };
            let signed = if order.buys { order.filled() } else { -order.filled() };
            let (a, b) = self.0.entry(order.symbol.clone()).or_default();
            *(if of_b { b } else { a }) += signed;
        }
    }

    /// An order that only one of the runs has.
    fn missing(&self, one: Option<&RunOrder>, other: Option<&RunOrder>) -> Way {
        let text = |order: Option<&RunOrder>| order.map_or_else(|| "no order".to_owned(), sketch);
        let symbol = one.or(other).map_or("", |order| &order.symbol);
        let (a, b) = self.0.get(symbol).copied().unwrap_or_default();
        let cause = if a != b {
            format!(
                "follows from an earlier difference: A held {} and B {}",
                a.normalize(),
                b.normalize()
            )
        } else {
            "both held the same: the bots saw or decided something else (other parameters, version, \
             bars or a start at another time)"
                .to_owned()
        };
        Way { kind: "missing", a: text(one), b: text(other), cause }
    }
}

fn sketch(order: &RunOrder) -> String {
    let qty = order.qty.map_or_else(String::new, |qty| format!("{} ", qty.normalize()));
    match &order.refused {
        Some((code, _)) => format!("{qty}refused ({code})"),
        None => format!("{qty}{}, {}", order.wanted, order.status),
    }
}

/// How the two of a pair differ, with the causes.
fn ways(a: &RunOrder, b: &RunOrder) -> Vec<Way> {
    let way = |kind, a: String, b: String, cause: String| Way { kind, a, b, cause };
    match (&a.refused, &b.refused) {
        (Some((one, _)), Some((other, _))) if one == other => return Vec::new(),
        (None, None) => {}
        (refused_a, refused_b) => {
            let said = |run: &str, refused: &Option<(String, String)>| {
                refused.as_ref().map(|(code, words)| format!("control {code} in {run}: {words}"))
            };
            let causes: Vec<String> =
                said("A", refused_a).into_iter().chain(said("B", refused_b)).collect();
            return vec![way("refused", sketch(a), sketch(b), causes.join("; "))];
        }
    }
    let mut ways = Vec::new();
    let number = |number: Option<Decimal>| {
        number.map_or_else(|| "-".to_owned(), |number| number.normalize().to_string())
    };
    if a.qty != b.qty {
        let cause =
            "the bots asked for different quantities: they held or could pay for different ones";
        ways.push(way("quantity", number(a.qty), number(b.qty), cause.to_owned()));
    }
    if a.sent != b.sent {
        let cause = sent_cause(a, b);
        ways.push(way("type", a.sent.clone(), b.sent.clone(), cause));
    }
    if a.at != b.at {
        let cause = format!("the same order came {}", apart(b.at - a.at));
        ways.push(way("time", At(a.at).to_string(), At(b.at).to_string(), cause));
    }
    if a.filled() != b.filled() {
        let ended = |order: &RunOrder| match order.end_reason.as_str() {
            "" => order.status.clone(),
            why => format!("{}: {why}", order.status),
        };
        let cause = if a.qty == b.qty {
            format!("ended as {} in A and {} in B", ended(a), ended(b))
        } else {
            "follows from the quantity".to_owned()
        };
        let text = |order: &RunOrder| format!("{} filled", order.filled().normalize());
        ways.push(way("unfilled", text(a), text(b), cause));
    }
    fill_ways(a, b, &mut ways);
    ways
}

fn sent_cause(a: &RunOrder, b: &RunOrder) -> String {
    let collared = |order: &RunOrder| order.wanted == "market" && order.sent != "market";
    match (collared(a), collared(b)) {
        (true, false) => "A's rules send a market order as a limit at the collar".to_owned(),
        (false, true) => "B's rules send a market order as a limit at the collar".to_owned(),
        (true, true) => "the collars began from different prices".to_owned(),
        (false, false) => "the bots asked for something else".to_owned(),
    }
}

/// Time, price, parts and fee of the executions.
fn fill_ways(a: &RunOrder, b: &RunOrder, ways: &mut Vec<Way>) {
    let (Some(first_a), Some(first_b)) = (a.fills.first(), b.fills.first()) else { return };
    let mut push = |kind, a: String, b: String, cause: String| ways.push(Way { kind, a, b, cause });
    if a.fills.len() != b.fills.len() {
        let text = |order: &RunOrder| format!("{} executions", order.fills.len());
        let cause = "the broker filled it in parts: its volume or a partial fill".to_owned();
        push("parts", text(a), text(b), cause);
    }
    let later = first_b.at - first_a.at;
    if later != 0 {
        let cause = if a.at == b.at {
            format!("filled {}: the market or session that it met came then", apart(later))
        } else {
            format!("filled {}, as it was sent {}", apart(later), apart(b.at - a.at))
        };
        push("time", At(first_a.at).to_string(), At(first_b.at).to_string(), cause);
    }
    if let (Some(price_a), Some(price_b)) = (a.average(), b.average())
        && price_a != price_b
    {
        let bps = ((price_b - price_a) * Decimal::from(10_000)).checked_div(price_a);
        let bps = bps.map_or_else(String::new, |bps| format!(", {} bps", bps.round_dp(2)));
        let cause = match (later == 0, a.fills.len() == b.fills.len()) {
            (true, true) => {
                "the same moment at another price: slippage, spread or what it was filled at"
            }
            (_, false) => "its parts were filled at other prices",
            (false, true) => "filled at another moment, at that moment's price",
        };
        push("price", price_a.to_string(), price_b.to_string(), format!("{cause}{bps}"));
    }
    if a.fees() != b.fees() {
        let cause = if a.filled() == b.filled() {
            "the runs charge different fees"
        } else {
            "follows from the filled quantity"
        };
        let text = |order: &RunOrder| order.fees().normalize().to_string();
        push("fee", text(a), text(b), cause.to_owned());
    }
}

/// Between two times, in words.
fn apart(nanos: i64) -> String {
    let way = if nanos < 0 { "earlier" } else { "later" };
    let seconds = Decimal::new(nanos.abs() / 1_000_000, 3).normalize();
    format!("{seconds} s {way} in B")
}

#[cfg(test)]
mod tests {
    use super::runs::RunFill;
    use super::*;

    const SECOND: i64 = 1_000_000_000;

    fn d(text: &str) -> Decimal {
        text.parse().unwrap()
    }

    fn order(at: i64, buys: bool, qty: &str, fill: Option<(i64, &str, &str)>) -> RunOrder {
        let fills = fill.into_iter().map(|(at, price, fee)| RunFill {
            at: at * SECOND,
            qty: d(qty),
            price: d(price),
            fee: d(fee),
        });
        RunOrder {
            at: at * SECOND,
            id: at.to_string(),
            sleeve: "s".to_owned(),
            symbol: "AAPL".to_owned(),
            buys,
            qty: Some(d(qty)),
            wanted: "market".to_owned(),
            sent: "market".to_owned(),
            status: "filled".to_owned(),
            fills: fills.collect(),
            ..RunOrder::default()
        }
    }

    fn run(orders: Vec<RunOrder>) -> Run {
        let marks = BTreeMap::from([("AAPL".to_owned(), d("120"))]);
        Run { name: "r".to_owned(), orders, marks }
    }

    #[test]
    fn the_same_run_has_no_difference() {
        let one = run(vec![
            order(60, true, "10", Some((120, "100", "1"))),
            order(180, false, "10", Some((240, "110", "1"))),
        ]);
        let report = compare(&one, &one.clone(), 300 * SECOND);
        assert_eq!((report.matched, report.same), (2, 2));
        assert!(report.differences.is_empty());
        assert_eq!(report.a.profit.0, d("98"));
        assert_eq!(report.effect.0, Decimal::ZERO);
    }

    #[test]
    fn every_difference_has_its_kind_and_effects_add_up() {
        let a = run(vec![
            order(60, true, "10", Some((120, "100", "0"))),
            order(180, false, "10", Some((240, "110", "0"))),
            order(900, true, "5", Some((960, "111", "0"))),
        ]);
        let mut collared = order(60, true, "10", Some((120, "100.5", "0.25")));
        collared.sent = "limit limit 104".to_owned();
        let mut refused = order(900, true, "5", None);
        refused.status = "refused".to_owned();
        refused.refused = Some(("max_order_value".to_owned(), "555 is above 500".to_owned()));
        let b = run(vec![collared, order(200, false, "10", Some((300, "108", "0"))), refused]);
        let report = compare(&a, &b, 300 * SECOND);
        let kinds: Vec<Vec<&str>> = report
            .differences
            .iter()
            .map(|one| one.differences.iter().map(|way| way.kind).collect())
            .collect();
        let wanted = [vec!["type", "price", "fee"], vec!["time", "time", "price"], vec!["refused"]];
        assert_eq!(kinds, wanted, "{report:#?}");
        assert!(report.differences[0].differences[0].cause.contains("at the collar"));
        assert!(report.differences[2].differences[0].cause.contains("max_order_value"));
        // By hand: 10 x 0.5 and 0.25 of fee; 10 x 2; 5 x (120 - 111) that were not earned.
        let effects: Vec<Decimal> = report.differences.iter().map(|one| one.effect.0).collect();
        assert_eq!(effects, [d("-5.25"), d("-20"), d("-45")]);
        assert_eq!(effects.iter().sum::<Decimal>(), report.effect.0);
        assert_eq!(report.b.profit.0 - report.a.profit.0, report.effect.0);
    }

    #[test]
    fn what_follows_from_an_earlier_difference_says_so() {
        let a = run(vec![
            order(60, true, "10", Some((120, "100", "0"))),
            order(4_000, false, "10", Some((4_060, "110", "0"))),
        ]);
        let report = compare(&a, &run(Vec::new()), 300 * SECOND);
        let causes: Vec<&str> =
            report.differences.iter().map(|one| one.differences[0].cause.as_str()).collect();
        assert!(causes[0].contains("decided something else"), "{causes:?}");
        assert!(causes[1].contains("A held 10 and B 0"), "{causes:?}");
        assert_eq!(report.effect.0, -report.a.profit.0);
    }
}
