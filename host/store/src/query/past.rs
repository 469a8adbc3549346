//! Questions to the past: the same statements, with the tables as they were in the place of the
//! tables as they are.
//!
//! Guarantees: a statement differs between present and past by its relations alone, which are the
//! functions `stockade.TABLE_at(moment)` of the migrations; so both have the same shape, and what
//! "then" means is said in one place, the database. The moment is bound like every other value.

use std::borrow::Cow;

use sqlx::postgres::PgArguments;
use sqlx::query::QueryAs;
use sqlx::{AssertSqlSafe, Postgres, SqlSafeStr as _, SqlStr};

/// The tables that have a past. Of the others a past statement sees the present: instruments. A name
/// in quotes (`stockade."sleeve"`) is the table as it is.
const TABLES: [&str; 20] = [
    "account",
    "activity",
    "bot",
    "bot_event",
    "break",
    "correction",
    "entry",
    "equity",
    "execution",
    "figure",
    "input",
    "lot",
    "mark",
    "order",
    "position",
    "price",
    "refusal",
    "round_trip",
    "round_trip_void",
    "sleeve",
];

const SCHEMA: &str = "stockade.";

/// A text of SQL with the tables as they were at the moment that `place` (`$1`) is bound to.
pub(super) fn asking<'a>(text: &'a str, place: Option<&str>) -> Cow<'a, str> {
    let Some(place) = place else { return Cow::Borrowed(text) };
    let mut parts = text.split(SCHEMA);
    let mut asked = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let end = part.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(part.len());
        let (name, rest) = part.split_at(end);
        asked.push_str(SCHEMA);
        asked.push_str(name);
        if TABLES.contains(&name) {
            asked.push_str(&format!("_at({place})"));
        }
        asked.push_str(rest);
    }
    Cow::Owned(asked)
}

/// A fixed statement, of the present or of the past; its moment is bound last, as `place`, by
/// [`bound`].
pub(super) fn statement(text: &'static str, at: Option<i64>, place: &str) -> SqlStr {
    match asking(text, at.map(|_| place)) {
        Cow::Borrowed(_) => text.into_sql_str(),
        // Made of our own text alone.
        Cow::Owned(text) => AssertSqlSafe(text).into_sql_str(),
    }
}

/// Binds the moment, where there is one.
pub(super) fn bound<'q, T>(
    query: QueryAs<'q, Postgres, T, PgArguments>,
    at: Option<i64>,
) -> QueryAs<'q, Postgres, T, PgArguments> {
    match at {
        Some(at) => query.bind(at),
        None => query,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_with_a_past_are_asked_for_it_and_no_others() {
        let text = "SELECT FROM stockade.lot l JOIN stockade.lot_change c, stockade.order, stockade.time(1)";
        assert_eq!(asking(text, None), text);
        assert_eq!(
            asking(text, Some("$1")),
            "SELECT FROM stockade.lot_at($1) l JOIN stockade.lot_change c, stockade.order_at($1), stockade.time(1)"
        );
    }
}
