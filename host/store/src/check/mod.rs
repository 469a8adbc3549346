//! The invariants of the books, asked of the tables themselves: on a timer, after a restore, and
//! by `stockade db check`.
//!
//! All are asked in one snapshot of the database. Where a rule can be broken for a good reason (a
//! flag on the row says so) the rule includes that reason. Comparisons with the broker (I5, I6) are
//! reconciliation's, not this module's.

mod books;
mod chain;
mod orders;

use serde::Serialize;
use sqlx::PgConnection;

use crate::error::StoreError;
use crate::limits;
use crate::store::Store;

/// One rule and whether it holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Invariant {
    /// Its number, such as `I7`.
    pub id: &'static str,
    /// What it says.
    pub name: &'static str,
    /// Whether it holds.
    pub ok: bool,
    /// What breaks it, in words: at most twenty.
    pub rows: Vec<String>,
}

/// A rule: a query for what breaks it. `$1` is the account; one column of text.
pub(crate) struct Rule {
    pub(crate) id: &'static str,
    pub(crate) name: &'static str,
    pub(crate) sql: &'static str,
}

impl Store {
    /// Asks every rule of an account's books.
    ///
    /// # Errors
    /// A failing database. A broken rule is a result, not an error.
    pub async fn db_check(&self, account: &str) -> Result<Vec<Invariant>, StoreError> {
        let checking = || StoreError::database("checking the books");
        let mut transaction = self
            .reads()
            .begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            .await
            .map_err(checking())?;
        let mut results = Vec::new();
        for rule in books::RULES.iter().chain(orders::RULES) {
            results.push(ask(&mut transaction, account, rule).await.map_err(checking())?);
        }
        results.push(chain::check(&mut transaction, account).await?);
        results.sort_by_key(|invariant| invariant.id[1..].parse::<u32>().unwrap_or(u32::MAX));
        transaction.commit().await.map_err(checking())?;
        Ok(results)
    }
}

async fn ask(
    connection: &mut PgConnection,
    account: &str,
    rule: &Rule,
) -> Result<Invariant, sqlx::Error> {
    let rows: Vec<String> = sqlx::query_scalar(rule.sql)
        .bind(account)
        .bind(limits::CHECK_ROWS_MAX)
        .fetch_all(connection)
        .await?;
    Ok(Invariant { id: rule.id, name: rule.name, ok: rows.is_empty(), rows })
}
