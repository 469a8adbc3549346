//! The last scene: the bots stop, nothing is in flight any more, and the books are compared with
//! the broker to the cent.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use rust_decimal::Decimal;
use stockade_core::broker::{BrokerSnapshot, BrokerStatus};
use stockade_core::desk::Command;
use stockade_core::{OrderId, Slug};
use stockade_store::Invariant;
use stockade_store::query::{Filter, Holding, Number, equity_curve};

use super::document::{Account, Contained, Document};
use super::plan::{self, BOTS, HOSTILE_BOT, Plan, RELOADED_BOT};
use super::tour::{Books, Tour};
use super::voice::Voice;
use super::{page, table};
use crate::cli::screen::{self, Screen, money, quantity};
use crate::cli::{reconcile, sleeve};
use crate::failure::Failure;
use crate::link::{Answer, Comparison, HostReply, HostRequest, Task};

/// How long orders may take to end, and the comparison to come out even.
const QUIET_MAX: Duration = Duration::from_secs(30);

/// How long the host may take to see the market's last bars; one that came back too late never does.
const LAST_BARS_MAX: Duration = Duration::from_secs(3);

/// The tour's result.
pub(super) struct Ended {
    pub(super) document: Document,
    pub(super) invariants: Vec<Invariant>,
    /// The report's path.
    report: String,
    data: String,
    /// What did not hold.
    wrong: Vec<String>,
}

/// Plays it.
pub(super) async fn play(tour: &mut Tour<'_>) -> Result<Ended> {
    tour.voice
        .scene("the market has closed for the tour: the books are compared with the broker")?;
    last_bars(tour).await?;
    stop_bots(tour).await?;
    quiet(tour).await?;
    let reconcile = compare(tour).await?;
    // Its last act is a sample of every sleeve; then nobody writes the books any more.
    tour.stage.end_host().await?;
    let snapshot = tour.stage.broker()?.snapshot(Plan::market_after(0)).await?;
    tour.look().await?;
    collect(tour, reconcile, &snapshot).await
}

/// Gives the host time for the market's last bars, so that its marks are the broker's prices.
async fn last_bars(tour: &Tour<'_>) -> Result<()> {
    let began = std::time::Instant::now();
    let last = Filter { limit: Some(1), ..Filter::default() };
    let end = Plan::market_after(tour.plan.minutes).0;
    while began.elapsed() < LAST_BARS_MAX {
        let points = equity_curve(tour.stage.store()?.reads(), &last).await?;
        if points.first().is_some_and(|point| point.at.0 >= end) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}

async fn stop_bots(tour: &Tour<'_>) -> Result<()> {
    for bot in BOTS.iter().filter(|bot| bot.name != HOSTILE_BOT) {
        tour.stage.command(Command::BotStop { name: Slug::new(bot.name)? }).await?;
    }
    Ok(())
}

/// Cancels what is open and waits until neither side has anything open.
async fn quiet(tour: &mut Tour<'_>) -> Result<()> {
    let open = |books: &Books| -> Vec<i64> {
        let is_final = |status: &str| {
            matches!(
                status,
                "filled"
                    | "cancelled"
                    | "canceled"
                    | "expired"
                    | "rejected"
                    | "replaced"
                    | "abandoned"
            )
        };
        books.orders.iter().filter(|order| !is_final(&order.status)).map(|order| order.id).collect()
    };
    tour.look().await?;
    for id in open(&tour.books) {
        // One that has ended meanwhile can't be cancelled; what is still open shows below.
        let order = OrderId(u64::try_from(id)?);
        let _ = tour.stage.command(Command::OrderCancel { order }).await;
    }
    tour.until("nothing is in flight", QUIET_MAX, async |stage, books| {
        if !open(books).is_empty() {
            return Ok(None);
        }
        let snapshot = stage.broker()?.snapshot(Plan::market_after(0)).await?;
        let alive = |status: &BrokerStatus| {
            matches!(status, BrokerStatus::Open | BrokerStatus::PartiallyFilled)
        };
        Ok((!snapshot.orders.iter().any(|order| alive(&order.status))).then_some(()))
    })
    .await
}

/// The host's own comparison. A difference counts once it stays.
async fn compare(tour: &mut Tour<'_>) -> Result<Comparison> {
    let began = std::time::Instant::now();
    loop {
        let answer = tour.stage.ask(Task::Host(HostRequest::Reconcile)).await?;
        let Answer::Host(HostReply::Compared(comparison)) = answer else {
            bail!("the host gave no comparison: {answer:?}");
        };
        if comparison.balanced || began.elapsed() > QUIET_MAX {
            return Ok(comparison);
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

async fn collect(
    tour: &mut Tour<'_>,
    reconcile: Comparison,
    snapshot: &BrokerSnapshot,
) -> Result<Ended> {
    let store = tour.stage.store()?;
    let label = tour.stage.broker()?.label.clone();
    let invariants = store.db_check(&label).await?;
    let (first, last) = (Plan::market_after(0), Plan::market_after(tour.plan.minutes));
    let symbols: Vec<&str> = plan::SYMBOLS.split(',').collect();
    let bars = tour.stage.broker()?.bars(&symbols, first, last).await?;
    let books = &tour.books;
    let contained =
        books.bots.iter().filter(|bot| bot.state == "quarantined").map(|bot| Contained {
            bot: bot.name.clone(),
            cause: bot.state_reason.clone().unwrap_or_default(),
            state: bot.state.clone(),
        });
    let document = Document {
        seconds: tour.began.elapsed().as_secs(),
        events: bars.len(),
        orders: books.orders.len(),
        executions: books.executions.len(),
        sleeves: books.sleeves.clone(),
        account: account(snapshot),
        reconcile,
        contained: contained.collect(),
        reloads: std::mem::take(&mut tour.reloads),
        crash: tour.crash.context("the host was never killed")?,
        out: tour.stage.out.display().to_string(),
    };
    let report =
        page::write(tour.stage, tour.plan, &tour.books, &bars, &document, &invariants).await?;
    let wrong = wrong(&document, &tour.books, &invariants, snapshot);
    let data = tour.stage.data().display().to_string();
    Ok(Ended { document, invariants, report, data, wrong })
}

fn account(snapshot: &BrokerSnapshot) -> Account {
    let held = snapshot.positions.iter().map(|position| Holding {
        symbol: position.symbol.to_string(),
        qty: Number(position.qty.get()),
    });
    Account {
        cash: Number(snapshot.cash.get()),
        equity: Number(snapshot.equity.get()),
        positions: held.collect(),
    }
}

/// What should have been and is not.
fn wrong(
    document: &Document,
    books: &Books,
    invariants: &[Invariant],
    snapshot: &BrokerSnapshot,
) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut claim = |holds: bool, otherwise: String| {
        if !holds {
            wrong.push(otherwise);
        }
    };
    claim(document.reconcile.balanced, "books and broker differ".to_owned());
    let cash = table::total(&books.sleeves, |sleeve| sleeve.cash);
    claim(
        same_cents(cash, snapshot.cash.get()),
        format!("the sleeves' cash is {cash} together, the broker's {}", snapshot.cash),
    );
    // At the broker's own prices: a mark of ours may be older.
    let equity = cash + at_broker_prices(books, snapshot);
    claim(
        same_cents(equity, snapshot.equity.get()),
        format!(
            "the sleeves are worth {equity} together, the broker's equity is {}",
            snapshot.equity
        ),
    );
    for invariant in invariants.iter().filter(|invariant| !invariant.ok) {
        claim(
            false,
            format!("invariant {} does not hold: {}", invariant.id, invariant.rows.join("; ")),
        );
    }
    for bot in BOTS.iter().filter(|bot| bot.name != HOSTILE_BOT) {
        let traded = books.executions.iter().any(|execution| execution.sleeve == bot.name);
        claim(traded, format!("{} never traded", bot.name));
    }
    claim(
        document.contained.iter().any(|contained| contained.bot == HOSTILE_BOT),
        format!("{HOSTILE_BOT} is not in quarantine"),
    );
    claim(document.contained.len() == 1, "a well-behaved bot was contained".to_owned());
    claim(!document.reloads.is_empty(), format!("{RELOADED_BOT} was not reloaded"));
    wrong
}

/// What all sleeves hold together, at the prices that the broker values it with.
fn at_broker_prices(books: &Books, snapshot: &BrokerSnapshot) -> Decimal {
    let price = |symbol: &str| {
        let position = snapshot.positions.iter().find(|p| p.symbol.as_str() == symbol);
        position
            .and_then(|position| position.current_price)
            .map_or(Decimal::ZERO, |price| price.get())
    };
    let held = books.sleeves.iter().flat_map(|sleeve| &sleeve.positions);
    held.map(|held| held.qty.0 * price(&held.symbol)).sum()
}

/// The broker prints cents.
fn same_cents(ours: Decimal, broker: Decimal) -> bool {
    ours.round_dp(2) == broker.round_dp(2)
}

impl Ended {
    /// Shows it all: tables, or one document.
    pub(super) fn say(&self, voice: &Voice, json: bool) -> Result<(), Failure> {
        if json {
            return screen::json(&self.document);
        }
        let document = &self.document;
        voice.say("\nsleeves, from the database")?;
        sleeve::table(&document.sleeves).print()?;
        voice.say("\nthe account, from the broker")?;
        self.account().print()?;
        voice.say("\nbooks and broker side by side, from the host")?;
        reconcile::show(&document.reconcile)?;
        let held = self.invariants.iter().filter(|invariant| invariant.ok).count();
        voice.say(&format!(
            "\n{held} of {} invariants of the books hold; {} bars, {} orders, {} executions in {} s",
            self.invariants.len(),
            document.events,
            document.orders,
            document.executions,
            document.seconds
        ))?;
        voice.say(&format!("report with equity curves: {}", self.report))?;
        voice.say("\nwhat to type next")?;
        for (command, meaning) in next(&self.data) {
            voice.say(&format!("  {command}\n      {meaning}"))?;
        }
        Ok(())
    }

    fn account(&self) -> Screen {
        let account = &self.document.account;
        let held: Vec<String> = account
            .positions
            .iter()
            .map(|held| format!("{} {}", quantity(held.qty), held.symbol))
            .collect();
        let mut screen = Screen::new(&[">CASH", ">EQUITY", "POSITIONS"], "");
        screen.row([money(account.cash), money(account.equity), held.join(", ")]);
        screen
    }

    /// An error where anything did not hold.
    pub(super) fn verdict(&self) -> Result<(), Failure> {
        if self.wrong.is_empty() {
            return Ok(());
        }
        Err(Failure::Failed(anyhow::anyhow!(
            "the tour found something wrong: {}",
            self.wrong.join("; ")
        )))
    }
}

/// Commands that work on what the tour leaves.
pub(super) fn next(data: &str) -> Vec<(String, &'static str)> {
    let command = |words: &str| format!("stockade --data {data} {words}");
    vec![
        (command("position list"), "who holds what, and its share of the account's position"),
        (command("roundtrip list --sleeve dip"), "each trade with its profit"),
        (command("bot show rogue"), "what became of the hostile bot"),
        (command("journal list --limit 10"), "the balanced entries behind every figure"),
        (command("figures trend"), "what the equity curve says"),
        (command("db check"), "asks every rule of the books once more"),
    ]
}
