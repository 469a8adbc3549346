//! The state file: what was done to the accounts, appended before it takes effect.
//!
//! The exchange is deterministic: the same feed, seed and calls give the same accounts, down to
//! the ids. So the file holds the calls, one JSON line each, and a restart repeats them. A line is
//! in the kernel's hands before its answer is sent, which a kill of the process cannot undo (a
//! power cut can: nothing here waits for the disk). A torn last line was never answered and is cut
//! off. One process at a time holds the file.
//!
//! Why not the whole state each time: it grows with every order, and would be written on each.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use stockade_exchange::{Changes, Id, NewOrder};

use super::history::FeedBar;

/// What the file belongs to; a restart with anything else is refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Header {
    /// Of this format.
    pub(crate) version: u32,
    /// Digest of every bar of the feed.
    pub(crate) feed: String,
    /// The seed.
    pub(crate) seed: u64,
    /// Key id, opening cash and rules of each account, in order.
    pub(crate) accounts: Vec<(String, stockade_exchange::Config)>,
}

/// One call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Call {
    /// `POST /v2/orders`.
    Submit(NewOrder),
    /// `DELETE /v2/orders/{id}`.
    Cancel(Id),
    /// `DELETE /v2/orders`.
    CancelAll,
    /// `PATCH /v2/orders/{id}`.
    Replace(Id, Changes),
    /// `DELETE /v2/positions/{symbol}`.
    Close {
        /// The symbol of the position.
        symbol: String,
        /// Shares or coins.
        qty: Option<Decimal>,
        /// 0 to 100.
        percentage: Option<Decimal>,
    },
    /// Money paid in, or out where it is negative.
    Deposit {
        /// US dollars.
        amount: Decimal,
    },
    /// A cash dividend on what the account holds.
    Dividend {
        /// Of this symbol.
        symbol: String,
        /// US dollars a share.
        per_share: Decimal,
    },
    /// A split of what the account holds.
    Split {
        /// Of this symbol.
        symbol: String,
        /// New shares for one old share.
        ratio: Decimal,
    },
    /// An execution is taken back.
    Bust {
        /// Which.
        execution: Id,
    },
    /// Another execution takes the place of one.
    Correct {
        /// Which.
        execution: Id,
        /// Shares or coins of the other.
        qty: Decimal,
        /// Its price in US dollars.
        price: Decimal,
    },
    /// `PATCH /v2/account/configurations`: the whole outcome.
    Configure(super::account::Configurations),
}

/// One line after the header.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Entry {
    /// The market went on by one step: this one, from 0.
    Step(usize),
    /// The market ended.
    Finish,
    /// An account as it was: what came before is left out.
    State {
        /// Which account.
        account: usize,
        /// All of it.
        state: Box<stockade_exchange::State>,
    },
    /// Symbols that the market trades from now on.
    Listed(Vec<String>),
    /// Bars that were handed in.
    Bars(Vec<FeedBar>),
    /// Time passed to this moment of the market.
    Passed(i64),
    /// An account was called at a time of the market.
    Call {
        /// Which account.
        account: usize,
        /// Market time.
        at: i64,
        /// What.
        call: Call,
    },
}

/// Why a state file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OplogError {
    /// The system refused.
    #[error("exchange state file {}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The exchange has been stopped.
    #[error("the exchange is stopped")]
    Closed,
    /// Another process has it.
    #[error("exchange state file {} is in use by another exchange", path.display())]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// It was written with another feed, seed or accounts.
    #[error("exchange state file {} was written with another {what}; use the same one, or another state file", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// What differs.
        what: &'static str,
    },
    /// A line cannot be read.
    #[error("exchange state file {} line {line}: {reason}", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// From 1.
        line: usize,
        /// What is wrong.
        reason: String,
    },
}

/// The file, open for appending; or none, and then nothing is kept.
#[derive(Debug)]
pub(crate) struct Oplog(Place);

#[derive(Debug)]
enum Place {
    Nowhere,
    File(Open),
    /// Let go of: nothing may happen any more that the file would not know.
    Closed,
}

#[derive(Debug)]
struct Open {
    path: PathBuf,
    file: File,
    length: u64,
    /// Set when a write failed and could not be undone: nothing may follow it.
    broken: bool,
}

impl Oplog {
    /// Opens or makes the file and gives what it holds.
    ///
    /// # Errors
    /// [`OplogError`].
    pub(crate) fn open(
        path: Option<&Path>,
        header: &Header,
    ) -> Result<(Self, Vec<Entry>), OplogError> {
        let Some(path) = path else {
            return Ok((Self(Place::Nowhere), Vec::new()));
        };
        let io = |source| OplogError::Io { path: path.to_owned(), source };
        let mut options = OpenOptions::new();
        let mut file =
            options.read(true).write(true).create(true).truncate(false).open(path).map_err(io)?;
        if file.try_lock().is_err() {
            return Err(OplogError::InUse { path: path.to_owned() });
        }
        let mut text = Vec::new();
        file.read_to_end(&mut text).map_err(io)?;
        let whole = text.iter().rposition(|b| *b == b'\n').map_or(0, |last| last + 1);
        let entries = read(path, &text[..whole], header)?;
        let length = u64::try_from(whole).unwrap_or(u64::MAX);
        file.set_len(length).map_err(io)?;
        file.seek(SeekFrom::Start(length)).map_err(io)?;
        let mut log =
            Self(Place::File(Open { path: path.to_owned(), file, length, broken: false }));
        if whole == 0 {
            log.append(header)?;
        }
        Ok((log, entries))
    }

    /// Appends one line. Nothing has been added where it fails.
    ///
    /// # Errors
    /// [`OplogError::Io`].
    pub(crate) fn append<T: Serialize>(&mut self, entry: &T) -> Result<(), OplogError> {
        let open = match &mut self.0 {
            Place::Nowhere => return Ok(()),
            Place::Closed => return Err(OplogError::Closed),
            Place::File(open) => open,
        };
        let io = |path: &Path, source| OplogError::Io { path: path.to_owned(), source };
        if open.broken {
            let source = std::io::Error::other("an earlier write failed half-way");
            return Err(io(&open.path, source));
        }
        let mut line = serde_json::to_vec(entry).map_err(|e| io(&open.path, e.into()))?;
        line.push(b'\n');
        if let Err(source) = open.file.write_all(&line) {
            let undone = open.file.set_len(open.length).is_ok()
                && open.file.seek(SeekFrom::Start(open.length)).is_ok();
            open.broken = !undone;
            return Err(io(&open.path, source));
        }
        open.length += u64::try_from(line.len()).unwrap_or(0);
        Ok(())
    }
}

impl Oplog {
    /// Waits until the disk has what was appended.
    ///
    /// # Errors
    /// [`OplogError::Io`].
    pub(crate) fn sync(&mut self) -> Result<(), OplogError> {
        let Place::File(open) = &mut self.0 else {
            return Ok(());
        };
        let failed = |source| OplogError::Io { path: open.path.clone(), source };
        open.file.sync_data().map_err(failed)
    }

    /// Puts a file with these entries alone in the place of the present one: either the one or the
    /// other is there, whatever happens.
    ///
    /// # Errors
    /// [`OplogError`]; the present file stays then.
    pub(crate) fn replace(&mut self, header: &Header, entries: &[Entry]) -> Result<(), OplogError> {
        let Place::File(open) = &self.0 else {
            return Ok(());
        };
        let path = open.path.clone();
        let io = |source| OplogError::Io { path: path.clone(), source };
        let mut name = path.clone().into_os_string();
        name.push(".new");
        let beside = PathBuf::from(name);
        let mut options = OpenOptions::new();
        let file =
            options.read(true).write(true).create(true).truncate(true).open(&beside).map_err(io)?;
        if file.try_lock().is_err() {
            return Err(OplogError::InUse { path: beside });
        }
        let mut fresh =
            Self(Place::File(Open { path: path.clone(), file, length: 0, broken: false }));
        fresh.append(header)?;
        for entry in entries {
            fresh.append(entry)?;
        }
        fresh.sync()?;
        std::fs::rename(&beside, &path).map_err(io)?;
        if let Some(folder) = path.parent() {
            File::open(folder).and_then(|folder| folder.sync_all()).map_err(io)?;
        }
        *self = fresh;
        Ok(())
    }

    /// Lets go of the file, so that the next process can have it. Nothing can be appended then.
    pub(crate) fn close(&mut self) {
        self.0 = Place::Closed;
    }
}

fn read(path: &Path, text: &[u8], header: &Header) -> Result<Vec<Entry>, OplogError> {
    let bad =
        |line: usize, reason: String| OplogError::Line { path: path.to_owned(), line, reason };
    let mut lines = text.split(|b| *b == b'\n').enumerate().filter(|(_, line)| !line.is_empty());
    let Some((_, first)) = lines.next() else {
        return Ok(Vec::new());
    };
    let found: Header = serde_json::from_slice(first).map_err(|e| bad(1, e.to_string()))?;
    let foreign = |what| Err(OplogError::Foreign { path: path.to_owned(), what });
    match () {
        () if found.version != header.version => return foreign("format version"),
        () if found.feed != header.feed => return foreign("feed (--bars)"),
        () if found.seed != header.seed => return foreign("seed (--seed)"),
        () if found.accounts != header.accounts => {
            return foreign("set of accounts (--key, --cash)");
        }
        () => {}
    }
    lines
        .map(|(n, line)| serde_json::from_slice(line).map_err(|e| bad(n + 1, e.to_string())))
        .collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    fn header(seed: u64) -> Header {
        Header { version: 1, feed: "f".into(), seed, accounts: Vec::new() }
    }

    #[test]
    fn a_torn_line_is_cut_off_and_the_rest_stays() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("state");
        let (mut log, none) = Oplog::open(Some(&path), &header(1)).unwrap();
        assert!(none.is_empty());
        log.append(&Entry::Step(0)).unwrap();
        log.append(&Entry::Call { account: 0, at: 5, call: Call::CancelAll }).unwrap();
        assert!(matches!(Oplog::open(Some(&path), &header(1)), Err(OplogError::InUse { .. })));
        drop(log);
        let mut file = OpenOptions::new().append(true).open(&path).unwrap();
        file.write_all(b"{\"step\":").unwrap();
        drop(file);
        let (mut log, entries) = Oplog::open(Some(&path), &header(1)).unwrap();
        assert_eq!(entries.len(), 2);
        log.append(&Entry::Finish).unwrap();
        drop(log);
        let (log, entries) = Oplog::open(Some(&path), &header(1)).unwrap();
        assert_eq!(entries[2], Entry::Finish);
        drop(log);
        let other = Oplog::open(Some(&path), &header(2)).unwrap_err();
        assert!(other.to_string().contains("another seed"), "{other}");
    }
}
