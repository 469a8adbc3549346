//! Tables as Apache Parquet, column by column, a row group at a time.
//!
//! Guarantees: decimals are `decimal128` with the column's own digits, exact; columns that end in
//! `_ns` are timestamps in nanoseconds UTC, the database's own times in microseconds UTC; documents
//! are marked as JSON, bytes are bytes. Every column is optional. Memory is bounded by a row group.

use std::io::Write;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use parquet::basic::{Compression, LogicalType, Repetition, TimeUnit, Type as Physical};
use parquet::data_type::{
    BoolType, ByteArray, ByteArrayType, FixedLenByteArray, FixedLenByteArrayType, Int32Type,
    Int64Type,
};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedColumnWriter, SerializedFileWriter};
use parquet::schema::types::Type;
use stockade_store::query::{Column, TextRow};

use super::Sink;

/// Rows of a row group: enough for columns to compress well.
const GROUP_ROWS_MAX: usize = 100_000;
/// Bytes of a row group's texts, where rows are large.
const GROUP_BYTES_MAX: usize = 32 << 20;
/// Digits of a `numeric` without limits of its own: the ledger's.
const DIGITS: (i32, i32) = (38, 18);
/// Bytes of a decimal of 38 digits.
const DECIMAL_BYTES: i32 = 16;

/// How a column is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Whole32,
    Whole64,
    Nanos,
    Micros,
    Switch,
    Decimal { precision: i32, scale: i32 },
    Bytes,
    Json,
    Text,
}

/// Values of a column that wait for their row group.
enum Values {
    Int32(Vec<i32>),
    Int64(Vec<i64>),
    Bool(Vec<bool>),
    Fixed(Vec<FixedLenByteArray>),
    Bytes(Vec<ByteArray>),
}

struct Buffer {
    name: String,
    kind: Kind,
    values: Values,
    /// One a row: 1 where there is a value, 0 where there is none.
    levels: Vec<i16>,
}

/// A Parquet file under construction.
pub(super) struct Parquet<W: Write + Send> {
    writer: SerializedFileWriter<W>,
    buffers: Vec<Buffer>,
    rows: usize,
    bytes: usize,
}

impl<W: Write + Send> Parquet<W> {
    pub(super) fn new(columns: &[Column], out: W) -> Result<Self> {
        let buffers: Vec<Buffer> = columns.iter().map(Buffer::new).collect();
        let fields = buffers.iter().map(|b| b.field().map(Arc::new)).collect::<Result<Vec<_>>>()?;
        let schema = Type::group_type_builder("row").with_fields(fields).build()?;
        let properties = WriterProperties::builder()
            .set_compression(Compression::SNAPPY)
            .set_created_by(concat!("stockade ", env!("CARGO_PKG_VERSION")).to_owned())
            .build();
        let writer = SerializedFileWriter::new(out, Arc::new(schema), Arc::new(properties))?;
        Ok(Self { writer, buffers, rows: 0, bytes: 0 })
    }

    fn write_group(&mut self) -> Result<()> {
        if self.rows == 0 {
            return Ok(());
        }
        let mut group = self.writer.next_row_group()?;
        for buffer in &mut self.buffers {
            let mut column = group.next_column()?.context("a column of the schema")?;
            buffer.write(&mut column)?;
            column.close()?;
        }
        group.close()?;
        (self.rows, self.bytes) = (0, 0);
        Ok(())
    }
}

impl<W: Write + Send> Sink for Parquet<W> {
    fn rows(&mut self, rows: &[TextRow]) -> Result<()> {
        for row in rows {
            for (buffer, value) in self.buffers.iter_mut().zip(row) {
                buffer.push(value.as_deref())?;
                self.bytes += value.as_ref().map_or(0, String::len);
            }
            self.rows += 1;
            if self.rows >= GROUP_ROWS_MAX || self.bytes >= GROUP_BYTES_MAX {
                self.write_group()?;
            }
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<()> {
        self.write_group()?;
        self.writer.close()?;
        Ok(())
    }
}

impl Kind {
    fn of(column: &Column) -> Self {
        let of_time = column.name.ends_with("_ns");
        match column.kind.as_str() {
            "smallint" | "integer" => Self::Whole32,
            "bigint" if of_time => Self::Nanos,
            "bigint" => Self::Whole64,
            "boolean" => Self::Switch,
            "timestamp with time zone" => Self::Micros,
            "bytea" => Self::Bytes,
            "json" | "jsonb" => Self::Json,
            "numeric" => {
                let digits = column.precision.zip(column.scale);
                let (precision, scale) = digits.unwrap_or(DIGITS);
                Self::Decimal { precision: precision.min(DIGITS.0), scale }
            }
            _ => Self::Text,
        }
    }
}

impl Buffer {
    fn new(column: &Column) -> Self {
        let kind = Kind::of(column);
        let values = match kind {
            Kind::Whole32 => Values::Int32(Vec::new()),
            Kind::Whole64 | Kind::Nanos | Kind::Micros => Values::Int64(Vec::new()),
            Kind::Switch => Values::Bool(Vec::new()),
            Kind::Decimal { .. } => Values::Fixed(Vec::new()),
            Kind::Bytes | Kind::Json | Kind::Text => Values::Bytes(Vec::new()),
        };
        Self { name: column.name.clone(), kind, values, levels: Vec::new() }
    }

    fn field(&self) -> Result<Type> {
        let time = |unit| LogicalType::timestamp(true, unit);
        let (physical, logical) = match self.kind {
            Kind::Whole32 => (Physical::INT32, None),
            Kind::Whole64 => (Physical::INT64, None),
            Kind::Nanos => (Physical::INT64, Some(time(TimeUnit::NANOS))),
            Kind::Micros => (Physical::INT64, Some(time(TimeUnit::MICROS))),
            Kind::Switch => (Physical::BOOLEAN, None),
            Kind::Decimal { precision, scale } => {
                (Physical::FIXED_LEN_BYTE_ARRAY, Some(LogicalType::decimal(scale, precision)))
            }
            Kind::Bytes => (Physical::BYTE_ARRAY, None),
            Kind::Json => (Physical::BYTE_ARRAY, Some(LogicalType::Json)),
            Kind::Text => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
        };
        let mut builder = Type::primitive_type_builder(&self.name, physical)
            .with_repetition(Repetition::OPTIONAL)
            .with_logical_type(logical);
        if let Kind::Decimal { precision, scale } = self.kind {
            builder =
                builder.with_length(DECIMAL_BYTES).with_precision(precision).with_scale(scale);
        }
        Ok(builder.build()?)
    }

    fn push(&mut self, text: Option<&str>) -> Result<()> {
        let Some(text) = text else {
            self.levels.push(0);
            return Ok(());
        };
        self.levels.push(1);
        let wrong = || format!("column {}: \"{text}\" can't be written", self.name);
        match (&mut self.values, self.kind) {
            (Values::Int32(values), _) => values.push(text.parse().with_context(wrong)?),
            (Values::Int64(values), Kind::Micros) => {
                let at: jiff::Timestamp = text.parse().with_context(wrong)?;
                values.push(at.as_microsecond());
            }
            (Values::Int64(values), _) => values.push(text.parse().with_context(wrong)?),
            (Values::Bool(values), _) => values.push(text == "true"),
            (Values::Fixed(values), Kind::Decimal { scale, .. }) => {
                let unscaled = unscaled(text, scale).with_context(wrong)?;
                values.push(ByteArray::from(unscaled.to_be_bytes().to_vec()).into());
            }
            (Values::Bytes(values), Kind::Bytes) => {
                values.push(bytes(text).with_context(wrong)?.into());
            }
            (Values::Bytes(values), _) => values.push(text.into()),
            (Values::Fixed(_), _) => bail!(wrong()),
        }
        Ok(())
    }

    fn write(&mut self, column: &mut SerializedColumnWriter<'_>) -> Result<()> {
        let levels = std::mem::take(&mut self.levels);
        let levels = Some(levels.as_slice());
        match &mut self.values {
            Values::Int32(values) => {
                column.typed::<Int32Type>().write_batch(values, levels, None)?;
                values.clear();
            }
            Values::Int64(values) => {
                column.typed::<Int64Type>().write_batch(values, levels, None)?;
                values.clear();
            }
            Values::Bool(values) => {
                column.typed::<BoolType>().write_batch(values, levels, None)?;
                values.clear();
            }
            Values::Fixed(values) => {
                column.typed::<FixedLenByteArrayType>().write_batch(values, levels, None)?;
                values.clear();
            }
            Values::Bytes(values) => {
                column.typed::<ByteArrayType>().write_batch(values, levels, None)?;
                values.clear();
            }
        }
        Ok(())
    }
}

/// A decimal's text as a whole number of units of its last place.
fn unscaled(text: &str, scale: i32) -> Result<i128> {
    let scale = usize::try_from(scale).context("a negative scale")?;
    let (sign, digits) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    if fraction.len() > scale || whole.is_empty() {
        bail!("more than {scale} decimal places");
    }
    let all = whole.bytes().chain(fraction.bytes());
    let padded = all.chain(std::iter::repeat_n(b'0', scale - fraction.len()));
    padded
        .map(|byte| byte.is_ascii_digit().then(|| i128::from(byte - b'0')))
        .try_fold(0_i128, |sum, digit| sum.checked_mul(10)?.checked_add(digit?))
        .map(|sum| sum * sign)
        .context("no decimal of at most 38 digits")
}

/// The bytes that Postgres writes as `\x…`.
fn bytes(text: &str) -> Result<Vec<u8>> {
    let digits = text.strip_prefix("\\x").context("no bytes")?;
    (0..digits.len())
        .step_by(2)
        .map(|at| {
            let pair = digits.get(at..at + 2).context("half a byte")?;
            Ok(u8::from_str_radix(pair, 16)?)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_become_whole_numbers_of_their_last_place() {
        assert_eq!(unscaled("1.5", 18).unwrap(), 1_500_000_000_000_000_000);
        assert_eq!(unscaled("-0.000000000000000001", 18).unwrap(), -1);
        assert_eq!(unscaled("18446744073709551615", 0).unwrap(), 18_446_744_073_709_551_615);
        assert_eq!(unscaled(&"9".repeat(38), 0).unwrap(), 10_i128.pow(38) - 1);
        for wrong in ["", "-", "NaN", "1.23", "1e3", &"9".repeat(40)] {
            assert!(unscaled(wrong, 1).is_err(), "{wrong}");
        }
    }

    #[test]
    fn bytes_are_read_back() {
        assert_eq!(bytes("\\x00ff10").unwrap(), [0, 255, 16]);
        assert!(bytes("00").is_err() && bytes("\\x0").is_err() && bytes("\\x0g").is_err());
    }
}
