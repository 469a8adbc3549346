//! I4: the journal's chain, made again from the rows.

use futures_util::TryStreamExt as _;
use sqlx::PgConnection;

use stockade_core::ledger::Link;
use stockade_core::row::EntryRow;

use super::Invariant;
use crate::error::StoreError;
use crate::load::{Fields, appended};

const JOURNAL: &str = "\
SELECT e.*, p.entry, p.sleeve, p.ledger, p.symbol, p.amount, p.qty FROM stockade.entry e
LEFT JOIN stockade.posting p ON p.account = e.account AND p.entry = e.id
WHERE e.account = $1 ORDER BY e.id, p.leg";
const HEAD: &str = "SELECT link FROM stockade.account WHERE account = $1";

/// Follows the chain from its beginning to the account's row; names the first entry that is not as
/// it was written.
pub(super) async fn check(
    connection: &mut PgConnection,
    account: &str,
) -> Result<Invariant, StoreError> {
    let reading = || StoreError::database("following the journal's chain");
    let mut chain = Chain::default();
    let mut rows = sqlx::query(JOURNAL).bind(account).fetch(&mut *connection);
    while let Some(row) = rows.try_next().await.map_err(reading())? {
        let f = Fields::new("entry", &row);
        let entry = appended::entry(&f)?;
        if chain.open.as_ref().is_none_or(|open| open.id != entry.id) {
            chain.close(account);
            chain.open = Some(entry);
        }
        if f.big_if("entry")?.is_some()
            && let Some(open) = &mut chain.open
        {
            open.postings.push(appended::posting(&f)?.1);
        }
    }
    drop(rows);
    chain.close(account);
    let head: Option<Vec<u8>> = sqlx::query_scalar(HEAD)
        .bind(account)
        .fetch_optional(connection)
        .await
        .map_err(reading())?;
    if chain.broken.is_none() && head.is_some_and(|head| head != chain.link.0) {
        chain.broken =
            Some(format!("the chain ends at {}, the account's row names another end", chain.link));
    }
    let rows: Vec<String> = chain.broken.into_iter().collect();
    let name = "each entry's hash covers it and the hash before it";
    Ok(Invariant { id: "I4", name, ok: rows.is_empty(), rows })
}

#[derive(Default)]
struct Chain {
    link: Link,
    open: Option<EntryRow>,
    broken: Option<String>,
}

impl Chain {
    /// The entry has all its legs: its link must be what they give.
    fn close(&mut self, account: &str) {
        let Some(entry) = self.open.take() else { return };
        let link = self.link.next(account, &entry);
        if link != entry.link && self.broken.is_none() {
            self.broken = Some(format!(
                "entry {}: its hash is {}, its contents give {link}",
                entry.id, entry.link
            ));
        }
        self.link = entry.link;
    }
}
