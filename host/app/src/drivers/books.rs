//! Commands for books that no host holds: the lease, the rows, the same `step`, and out.
//!
//! What would need a broker is refused by the desk itself: it was never compared in this process.
//! The account of a replay can be prepared before its first run: bots deployed, limits set.

use std::collections::VecDeque;

use anyhow::{Context, Result};
use stockade_core::Slug;
use stockade_core::broker::Answer;
use stockade_core::desk::{
    Action, Command, Desk, Effects, Event, Input, Reply, Settings as DeskSettings, step,
};
use stockade_core::risk::{Controls, Refusal};
use stockade_core::row::Rows;
use stockade_core::{Now, Timestamp};
use stockade_store::{Group, Store, WriterHandle, WriterOptions};

use super::{base, paper};
use crate::config::Settings;

/// Commits that the desk is ahead of the database: an import's rows are encoded and decided while
/// the ones before are written.
const COMMITS_AHEAD: usize = 3;

/// The label of the account without a broker.
pub(crate) const BOOKS: &str = "books";

/// Carries commands out, one after the other; gives their replies once all of them are committed.
/// Ends at the first refusal. `None` when a host has begun to serve the folder meanwhile: nothing was done.
pub(crate) async fn execute(
    settings: &Settings,
    account: &str,
    commands: Vec<Command>,
) -> Result<Option<Vec<Reply>>> {
    std::fs::create_dir_all(&settings.data)
        .with_context(|| format!("can't make the data folder {}", settings.data.display()))?;
    let base = base::open(settings).await?;
    let socket = settings.socket();
    let outcome = on_store(&base.store, account, commands, || base::serves(&socket)).await;
    let closed = base.close().await;
    let replies = outcome?;
    closed?;
    // Capital of an account that no host has seen yet: one that is just starting has the answer.
    let unseen =
        |reply: &Reply| matches!(reply, Reply::Refused { refusal: Refusal::Reconciling { .. } });
    if replies.as_ref().is_some_and(|replies| replies.first().is_some_and(unseen))
        && base::serves_soon(&settings.socket()).await
    {
        return Ok(None);
    }
    Ok(replies)
}

/// The lease comes first: rows that were read before it are what another writer has changed since.
async fn on_store(
    store: &Store,
    account: &str,
    commands: Vec<Command>,
    served: impl Fn() -> bool,
) -> Result<Option<Vec<Reply>>> {
    let Some(epoch) = base::lease_for_command(store, account, served).await? else {
        return Ok(None);
    };
    let outcome = under_lease(store, account, epoch, commands).await;
    let released = store.lease_release(account, epoch).await;
    let replies = outcome?;
    released?;
    Ok(Some(replies))
}

async fn under_lease(
    store: &Store,
    account: &str,
    epoch: u64,
    commands: Vec<Command>,
) -> Result<Vec<Reply>> {
    let label = Slug::new(account)?;
    let machine = base::machine();
    let (rows, first) = match store.account_load(account).await? {
        Some(rows) => (rows, None),
        None if account == paper::LABEL => {
            // Its broker is not running and needs not to: it is known how it begins.
            let (now, seen) = (Now { market: Timestamp(0), machine }, paper::first_sight()?);
            (create(store, label, now).await?, Some(seen))
        }
        None => (create(store, label, Now { market: machine, machine }).await?, None),
    };
    let mut writer = WriterHandle::spawn(store, account, epoch, WriterOptions::default()).await?;
    // The market stands where it was; an account without a broker lives in the machine's time.
    let market = if rows.account.has_broker { rows.account.now.market } else { machine };
    let now = Now { market, machine };
    let mut desk = Desk::restore(rows, DeskSettings::default())?;
    let mut replies = Vec::new();
    let mut waiting = VecDeque::new();
    if let Some(value) = first {
        let mut out = Effects::default();
        for event in [
            Event::Started { epoch, take_over: false },
            Event::Snapshot { answer: Answer::Done { value } },
        ] {
            step(&mut desk, Input { now, event }, &mut out);
        }
        writer.commit(Group { rows: out.rows }).await?;
    }
    for command in commands {
        let mut out = Effects::default();
        let event = Event::Command { command };
        if let Some(question) = desk.recall(&event) {
            let answer = store.answer(account, &question).await?;
            step(&mut desk, Input { now, event: Event::Books { answer } }, &mut out);
        }
        step(&mut desk, Input { now, event }, &mut out);
        let reply = out.reply.take().context("a command got no answer")?;
        if out.actions.iter().any(|action| matches!(action, Action::ReadBooks { .. })) {
            settle(store, account, &mut writer, &mut desk, out).await?;
        } else if !out.rows.is_empty() {
            // The next command is decided while this one's rows are on their way.
            waiting.push_back(writer.submit(Group { rows: out.rows }).await?);
            if waiting.len() > COMMITS_AHEAD
                && let Some(earliest) = waiting.pop_front()
            {
                earliest.outcome().await?;
            }
        }
        let refused = matches!(reply, Reply::Refused { .. });
        replies.push(reply);
        if refused {
            break;
        }
    }
    for commit in waiting {
        commit.outcome().await?;
    }
    writer.close().await;
    Ok(replies)
}

/// Commits what came of an input, and answers what it asked of the books, until nothing is asked.
async fn settle(
    store: &Store,
    account: &str,
    writer: &mut WriterHandle,
    desk: &mut Desk,
    mut out: Effects,
) -> Result<()> {
    loop {
        writer.commit(Group { rows: std::mem::take(&mut out.rows) }).await?;
        let asked = out.actions.drain(..).find_map(|action| match action {
            Action::ReadBooks { question } => Some(question),
            _ => None,
        });
        let Some(question) = asked else { return Ok(()) };
        let answer = store.answer(account, &question).await?;
        let input = Input { now: desk.now(), event: Event::Books { answer } };
        step(desk, input, &mut out);
    }
}

async fn create(store: &Store, label: Slug, now: Now) -> Result<Rows> {
    let has_broker = label.as_str() != BOOKS;
    let controls = if has_broker { Controls::live() } else { Controls::default() };
    let rows = Rows::new_account(label, base::era(), has_broker, controls, now);
    store.account_create(&rows.account, &rows.to_rows()).await?;
    Ok(rows)
}
