//! The table of sleeves while the tour runs, and what one line of it says.

use rust_decimal::Decimal;
use stockade_store::query::{At, Execution, Number, Order, Position, Sleeve};

use crate::cli::screen::{Screen, money, percent, price, quantity};

/// Every sleeve with its positions and profit.
pub(super) fn sleeves(sleeves: &[Sleeve], orders: &[Order], executions: &[Execution]) -> Screen {
    let headings = [
        "SLEEVE",
        ">CAPITAL",
        ">CASH",
        "POSITIONS",
        ">EQUITY",
        ">PROFIT",
        ">RETURN %",
        ">ORDERS",
        ">FILLS",
    ];
    let mut screen = Screen::new(&headings, "no sleeves yet");
    for sleeve in sleeves {
        screen.row([
            sleeve.name.clone(),
            money(sleeve.initial_capital),
            money(sleeve.cash),
            positions(sleeve),
            money(sleeve.equity),
            money(profit(sleeve)),
            percent(sleeve.return_pct),
            orders.iter().filter(|order| order.sleeve == sleeve.name).count().to_string(),
            executions
                .iter()
                .filter(|execution| execution.sleeve == sleeve.name)
                .count()
                .to_string(),
        ]);
    }
    screen
}

/// Realised and unrealised together.
pub(super) fn profit(sleeve: &Sleeve) -> Number {
    Number(sleeve.realised.0 + sleeve.unrealised.0)
}

/// What a sleeve holds, on one line.
pub(super) fn positions(sleeve: &Sleeve) -> String {
    let held: Vec<String> = sleeve
        .positions
        .iter()
        .map(|held| format!("{} {}", quantity(held.qty), held.symbol))
        .collect();
    if held.is_empty() { "-".to_owned() } else { held.join(", ") }
}

/// The time of day of the market, UTC.
pub(super) fn clock(at: At) -> String {
    let text = at.to_string();
    text.get(11..19).unwrap_or(&text).to_owned()
}

/// A fill on one line.
pub(super) fn fill(execution: &Execution) -> String {
    let order = execution.order_id.map_or_else(String::new, |order| format!(", order {order}"));
    format!(
        "{}  {:<8} {} {} {} at {}{order} (booked from the {})",
        clock(execution.at),
        execution.sleeve,
        if execution.side == "buy" { "bought" } else { "sold" },
        quantity(execution.qty),
        execution.symbol,
        price(execution.price),
        if execution.source == "stream" { "stream" } else { "account's activities" },
    )
}

/// A sleeve's part of the account's position.
pub(super) fn share(position: &Position) -> String {
    let (sleeve, qty) = (&position.sleeve, quantity(position.qty));
    format!("{sleeve} has {qty} ({} %)", percent(position.share_of_account_pct))
}

/// Amounts of all sleeves together.
pub(super) fn total(sleeves: &[Sleeve], of: impl Fn(&Sleeve) -> Number) -> Decimal {
    sleeves.iter().map(|sleeve| of(sleeve).0).sum()
}
