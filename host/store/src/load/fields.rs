//! One database row, read by column name into the core's types.

use rust_decimal::Decimal;
use serde::de::value::{Error as WordError, StrDeserializer};
use serde::de::{DeserializeOwned, IntoDeserializer as _};
use sqlx::postgres::PgRow;
use std::sync::Arc;
use stockade_core::ledger::Link;
use stockade_core::{Money, Price, Qty, Slug, Symbol, Timestamp};

use crate::error::StoreError;

/// A row and the table that it came from, for messages.
pub(crate) struct Fields<'r> {
    table: &'static str,
    row: &'r PgRow,
}

impl<'r> Fields<'r> {
    pub(crate) const fn new(table: &'static str, row: &'r PgRow) -> Self {
        Self { table, row }
    }

    pub(crate) fn bad(&self, column: &'static str, message: impl std::fmt::Display) -> StoreError {
        let message = message.to_string();
        StoreError::Row { table: self.table, column, message }
    }

    pub(crate) fn get<T>(&self, name: &'static str) -> Result<T, StoreError>
    where
        T: sqlx::Decode<'r, sqlx::Postgres> + sqlx::Type<sqlx::Postgres>,
    {
        super::column(self.row, name).map_err(|error| self.bad(name, error))
    }

    pub(crate) fn big(&self, name: &'static str) -> Result<u64, StoreError> {
        let value: i64 = self.get(name)?;
        u64::try_from(value).map_err(|error| self.bad(name, error))
    }

    pub(crate) fn big_if(&self, name: &'static str) -> Result<Option<u64>, StoreError> {
        let value: Option<i64> = self.get(name)?;
        value.map(u64::try_from).transpose().map_err(|error| self.bad(name, error))
    }

    pub(crate) fn int(&self, name: &'static str) -> Result<u32, StoreError> {
        let value: i32 = self.get(name)?;
        u32::try_from(value).map_err(|error| self.bad(name, error))
    }

    pub(crate) fn time(&self, name: &'static str) -> Result<Timestamp, StoreError> {
        self.get(name).map(Timestamp)
    }

    pub(crate) fn time_if(&self, name: &'static str) -> Result<Option<Timestamp>, StoreError> {
        let value: Option<i64> = self.get(name)?;
        Ok(value.map(Timestamp))
    }

    /// Without the trailing zeros that the column's scale adds.
    pub(crate) fn decimal(&self, name: &'static str) -> Result<Decimal, StoreError> {
        let value: Decimal = self.get(name)?;
        Ok(value.normalize())
    }

    pub(crate) fn decimal_if(&self, name: &'static str) -> Result<Option<Decimal>, StoreError> {
        let value: Option<Decimal> = self.get(name)?;
        Ok(value.map(|value| value.normalize()))
    }

    pub(crate) fn money(&self, name: &'static str) -> Result<Money, StoreError> {
        self.decimal(name).map(Money::new)
    }

    pub(crate) fn price(&self, name: &'static str) -> Result<Price, StoreError> {
        self.decimal(name).map(Price::new)
    }

    pub(crate) fn qty(&self, name: &'static str) -> Result<Qty, StoreError> {
        self.decimal(name).map(Qty::new)
    }

    pub(crate) fn link(&self, name: &'static str) -> Result<Link, StoreError> {
        let bytes: Vec<u8> = self.get(name)?;
        let found = bytes.len();
        let wrong = |_| self.bad(name, format!("it has {found} bytes, 32 are wanted"));
        bytes.try_into().map(Link).map_err(wrong)
    }

    pub(crate) fn shared(&self, name: &'static str) -> Result<Arc<str>, StoreError> {
        let text: &str = self.get(name)?;
        Ok(text.into())
    }

    pub(crate) fn shared_if(&self, name: &'static str) -> Result<Option<Arc<str>>, StoreError> {
        let text: Option<&str> = self.get(name)?;
        Ok(text.map(Into::into))
    }

    pub(crate) fn symbol(&self, name: &'static str) -> Result<Symbol, StoreError> {
        let text: &str = self.get(name)?;
        Symbol::new(text).map_err(|error| self.bad(name, error))
    }

    pub(crate) fn symbol_if(&self, name: &'static str) -> Result<Option<Symbol>, StoreError> {
        let text: Option<&str> = self.get(name)?;
        text.map(Symbol::new).transpose().map_err(|error| self.bad(name, error))
    }

    pub(crate) fn slug(&self, name: &'static str) -> Result<Slug, StoreError> {
        let text: &str = self.get(name)?;
        Slug::new(text).map_err(|error| self.bad(name, error))
    }

    /// A word of a closed list, as the core's own serialisation writes it.
    pub(crate) fn word<T: DeserializeOwned>(&self, name: &'static str) -> Result<T, StoreError> {
        let text: &str = self.get(name)?;
        let word: StrDeserializer<'_, WordError> = text.into_deserializer();
        T::deserialize(word).map_err(|error| self.bad(name, error))
    }

    pub(crate) fn json<T: DeserializeOwned>(&self, name: &'static str) -> Result<T, StoreError> {
        let value: serde_json::Value = self.get(name)?;
        serde_json::from_value(value).map_err(|error| self.bad(name, error))
    }
}
