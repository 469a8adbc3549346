//! The exchange of a replay, kept across processes.
//!
//! The exchange is deterministic: its rules, its seed, the bars, and what it was asked for and when
//! give the same orders, fills and ids each time. So a line for each request is all that has to be
//! kept; it is on disk before the exchange gets the request, and so before any row that depends on
//! the answer. A restart makes the exchange anew and asks it the same again.
//!
//! What is kept grows with the orders, not with their square, which a copy of the whole state at
//! each change would.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use stockade_core::Timestamp;
use stockade_core::broker::BrokerOrder;
use stockade_exchange as model;
use stockade_venue::files::Bars;

use crate::drivers::lockstep::{ExchangeRequest, Market};
use crate::drivers::model as translate;

/// Rises when the shape of a line changes.
const VERSION: u32 = 1;

/// The first line: what the exchange is made of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    version: u32,
    seed: u64,
    config: model::Config,
    /// Tells these bars from others.
    bars: String,
}

/// One request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    /// The market's time: all bars up to here have been matched.
    at: i64,
    request: Request,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Request {
    Submit(Box<BrokerOrder>),
    Cancel(String),
    Finish,
}

/// The open file.
#[derive(Debug)]
pub(super) struct Record {
    file: File,
    path: PathBuf,
    lines: Vec<Line>,
    finished: bool,
}

impl Record {
    /// Opens the record at `path`, or begins it. One of another replay is refused.
    pub(super) fn open(
        path: &Path,
        config: &model::Config,
        seed: u64,
        bars: &Bars,
    ) -> Result<Self> {
        let header = Header { version: VERSION, seed, config: config.clone(), bars: digest(bars) };
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(error) => {
                return Err(error).with_context(|| format!("{} can't be read", path.display()));
            }
        };
        // A last line without its end was cut off by a crash: the exchange never got that request.
        let whole = text.rfind('\n').map_or("", |end| &text[..=end]);
        let mut lines = whole.lines();
        let known = lines.next().map(serde_json::from_str::<Header>).transpose();
        let known = known
            .with_context(|| format!("{}: its first line is not understood", path.display()))?;
        if known.as_ref().is_some_and(|known| *known != header) {
            bail!(
                "{} belongs to a replay of other files or by another version: name another account (--account) or \
                 data folder (--data)",
                path.display()
            );
        }
        let lines = lines
            .enumerate()
            .map(|(place, line)| {
                serde_json::from_str(line)
                    .with_context(|| format!("{}: line {}", path.display(), place + 2))
            })
            .collect::<Result<Vec<Line>>>()?;
        let file = OpenOptions::new().create(true).append(true).open(path);
        let file = file.with_context(|| format!("{} can't be written", path.display()))?;
        file.set_len(u64::try_from(whole.len())?)?;
        let finished = lines.iter().any(|line| line.request == Request::Finish);
        let mut record = Self { file, path: path.to_owned(), lines, finished };
        if known.is_none() {
            record.write(&header)?;
        }
        Ok(record)
    }

    /// Whether the market has ended.
    pub(super) const fn is_finished(&self) -> bool {
        self.finished
    }

    /// Writes a request down.
    pub(super) fn append(&mut self, request: ExchangeRequest<'_>, at: Timestamp) -> Result<()> {
        let request = match request {
            ExchangeRequest::Submit(order) => Request::Submit(Box::new(order.clone())),
            ExchangeRequest::Cancel(id) => Request::Cancel(id.to_owned()),
            ExchangeRequest::Finish => {
                self.finished = true;
                Request::Finish
            }
        };
        self.write(&Line { at: at.0, request })
    }

    fn write<T: Serialize>(&mut self, line: &T) -> Result<()> {
        let mut text = serde_json::to_vec(line)?;
        text.push(b'\n');
        let written = self.file.write_all(&text).and_then(|()| self.file.sync_data());
        written.with_context(|| format!("{} can't be written", self.path.display()))
    }

    /// Brings a new exchange to where it was: all bars up to `until`, and every request. Gives how
    /// many time stamps it has seen.
    pub(super) fn repeat(
        &mut self,
        exchange: &mut model::Exchange,
        market: &Market,
        until: Timestamp,
    ) -> usize {
        let mut place = 0;
        let mut go_on = |exchange: &mut model::Exchange, until: Timestamp| {
            while place < market.len() && market.at(place) <= until {
                exchange.on_bars(&market.model[market.range(place)]);
                exchange.advance(model::Nanos(market.at(place).0).plus(market.interval_ns));
                place += 1;
            }
            place
        };
        for line in std::mem::take(&mut self.lines) {
            let at = Timestamp(line.at);
            go_on(exchange, at);
            match line.request {
                Request::Submit(order) => drop(translate::submit(exchange, &order, at)),
                Request::Cancel(id) => drop(translate::cancel(exchange, &id, at)),
                Request::Finish => exchange.finish(translate::nanos(at)),
            }
        }
        let place = go_on(exchange, until);
        // What came of it before is in the books, or in the activities that the start reads.
        drop(exchange.drain_events());
        place
    }
}

/// What tells these bars from others.
fn digest(bars: &Bars) -> String {
    let mut hash = Sha256::new();
    for symbol in &bars.symbols {
        hash.update(symbol.as_str());
        hash.update([0]);
    }
    for row in &bars.rows {
        hash.update(row.at.to_le_bytes());
        hash.update(row.symbol.to_le_bytes());
        for value in [row.open, row.high, row.low, row.close, row.volume] {
            hash.update(value.normalize().serialize());
        }
    }
    hash.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}
