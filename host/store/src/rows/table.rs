//! One statement for a whole joined group: a common table expression per table, each an
//! `INSERT … SELECT …`. One round trip is then lease check, rows and commit.
//!
//! Many rows come as arrays, a column each. A group with no more than one row in any table, which an
//! order on its way is, comes as plain values: walking arrays of one costs a fifth of its statement.

use sqlx::Arguments;
use sqlx::postgres::PgArguments;
use std::collections::HashMap;
use std::fmt::Write;
use std::sync::Arc;

use super::value::EncodeError;

/// What happens to a row whose key exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Conflict {
    /// It is an error: appended rows.
    Refuse,
    /// The row that is there stays.
    Keep,
    /// The new row takes its place. The account and the first columns are the key; the second ones
    /// are what history names besides: they never change, and aren't written again.
    Replace(&'static [&'static str], &'static [&'static str]),
}

/// A column: its name and the type of its elements.
pub(crate) type Column = (&'static str, &'static str);

/// How the rows of a statement come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Form {
    /// No more than one in any table: plain values.
    One,
    /// An array for each column.
    Many,
}

/// Binds the columns of some rows, in order.
pub(crate) type Bind<R> = fn(Form, &[&R], &mut PgArguments) -> Result<(), EncodeError>;

/// A table and how a row of the core becomes one of its rows.
pub(crate) struct Table<R> {
    pub(crate) name: &'static str,
    pub(crate) conflict: Conflict,
    /// Whether the rows carry the lease epoch of their transaction.
    pub(crate) stamped: bool,
    pub(crate) columns: &'static [Column],
    pub(crate) bind: Bind<R>,
}

/// A table without its row type.
#[derive(Clone, Copy)]
pub(crate) struct Shape {
    pub(crate) name: &'static str,
    pub(crate) conflict: Conflict,
    pub(crate) stamped: bool,
    pub(crate) columns: &'static [Column],
}

impl<R> Table<R> {
    pub(crate) const fn shape(&self) -> Shape {
        Shape {
            name: self.name,
            conflict: self.conflict,
            stamped: self.stamped,
            columns: self.columns,
        }
    }
}

/// Declares a table: each column's name and type, and what of the row goes into it.
macro_rules! table {
    ($(#[$meta:meta])* $name:ident: $row:ty, $table:literal, $conflict:expr, stamped $stamped:literal,
     |$r:ident| { $($column:literal $kind:literal = $value:expr,)* }) => {
        $(#[$meta])*
        pub(crate) static $name: $crate::rows::table::Table<$row> = $crate::rows::table::Table {
            name: $table,
            conflict: $conflict,
            stamped: $stamped,
            columns: &[$(($column, $kind)),*],
            bind: |form, rows, arguments| {
                $($crate::rows::table::column(form, rows, arguments, |$r| $value)?;)*
                Ok(())
            },
        };
    };
}
pub(crate) use table;

/// Binds one column of all rows.
pub(crate) fn column<R, T>(
    form: Form,
    rows: &[&R],
    arguments: &mut PgArguments,
    value: impl Fn(&R) -> Result<T, EncodeError>,
) -> Result<(), EncodeError>
where
    T: for<'q> sqlx::Encode<'q, sqlx::Postgres> + sqlx::Type<sqlx::Postgres>,
    Vec<T>: for<'q> sqlx::Encode<'q, sqlx::Postgres> + sqlx::Type<sqlx::Postgres>,
{
    let bound = match (form, rows) {
        (Form::One, [row]) => arguments.add(value(row)?),
        _ => arguments.add(rows.iter().map(|row| value(row)).collect::<Result<Vec<T>, _>>()?),
    };
    bound.map_err(EncodeError::encoding)
}

/// Whether the statement is a writer's, or makes a new account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Mode {
    /// Under the lease: `$2` is the epoch, `$3` the sequence of the commit.
    Write,
    /// A new account: refused where it exists.
    Create,
}

/// The statements made so far, by the tables that they write.
#[derive(Debug, Default)]
pub(crate) struct Statements {
    made: HashMap<(Mode, Form, u32), Arc<str>>,
}

impl Statements {
    /// The statement for these tables; `mask` has one bit per table.
    pub(crate) fn get(
        &mut self,
        mode: Mode,
        form: Form,
        mask: u32,
        shapes: impl Iterator<Item = Shape>,
    ) -> Arc<str> {
        let make = || statement(mode, form, shapes).into();
        self.made.entry((mode, form, mask)).or_insert_with(make).clone()
    }
}

/// Selects one row, or none where the lease has passed to another epoch: then nothing was written.
fn statement(mode: Mode, form: Form, shapes: impl Iterator<Item = Shape>) -> String {
    let mut sql = String::from(match mode {
        // Locks the lease against a change of hands until the transaction ends.
        Mode::Write => {
            "WITH fence AS (UPDATE stockade.lease SET sequence = $3 \
             WHERE account = $1 AND epoch = $2 AND released_at IS NULL RETURNING epoch)"
        }
        Mode::Create => {
            "WITH fence AS MATERIALIZED (SELECT coalesce((SELECT l.epoch FROM stockade.lease l \
             WHERE l.account = $1), $2::bigint, $3::bigint) AS epoch)"
        }
    });
    let mut parameter = 3;
    for shape in shapes {
        let write = insert(mode, form, &shape, &mut parameter);
        write!(sql, ",\nw_{} AS ({write})", shape.name).expect("a string takes all");
    }
    sql.push_str("\nSELECT epoch FROM fence");
    sql
}

fn insert(mode: Mode, form: Form, shape: &Shape, parameter: &mut usize) -> String {
    let mut names = String::new();
    let mut picks = String::new();
    for (name, kind) in shape.columns {
        *parameter += 1;
        // JSON has no array that sqlx could bind without a detour; its text has.
        let (element, cast) = match *kind {
            "json" => ("text", "::json"),
            "jsonb" => ("text", "::jsonb"),
            kind => (kind, ""),
        };
        write!(names, ", \"{name}\"").expect("a string takes all");
        // In the list of the SELECT the arrays are walked in step; `FROM UNNEST(…)` would first
        // copy each of them into a table of its own.
        match form {
            Form::One => write!(picks, ", ${parameter}::{element}{cast}"),
            Form::Many => write!(picks, ", unnest(${parameter}::{element}[]){cast}"),
        }
        .expect("a string takes all");
    }
    let (stamp, epoch) = if shape.stamped { (", epoch", ", fence.epoch") } else { ("", "") };
    let conflict = match shape.conflict {
        Conflict::Replace(..) if mode == Mode::Create && shape.name == "account" => String::new(),
        Conflict::Refuse => String::new(),
        Conflict::Keep => " ON CONFLICT DO NOTHING".to_owned(),
        Conflict::Replace(key, fixed) => replace(shape, key, fixed),
    };
    format!(
        "INSERT INTO stockade.{} (account{stamp}{names}) SELECT $1{epoch}{picks} FROM fence{conflict}",
        shape.name,
    )
}

fn replace(shape: &Shape, key: &[&str], fixed: &[&str]) -> String {
    let stamp = shape.stamped.then_some("epoch");
    let sets: Vec<String> = shape
        .columns
        .iter()
        .map(|(name, _)| *name)
        .filter(|name| !key.contains(name) && !fixed.contains(name))
        .chain(stamp)
        .map(|name| format!("\"{name}\" = EXCLUDED.\"{name}\""))
        .collect();
    let keys: String = key.iter().map(|name| format!(", \"{name}\"")).collect();
    format!(" ON CONFLICT (account{keys}) DO UPDATE SET {}", sets.join(", "))
}
