//! Tables as text: CSV, and one JSON object a line.

use std::io::Write;

use anyhow::Result;
use stockade_store::query::{Column, TextRow};

use super::Sink;

/// Comma-separated, with a header. What is missing is an empty field.
pub(super) struct Csv<W: Write> {
    writer: csv::Writer<W>,
}

impl<W: Write> Csv<W> {
    pub(super) fn new(columns: &[Column], out: W) -> Result<Self> {
        let mut writer = csv::Writer::from_writer(out);
        writer.write_record(columns.iter().map(|column| &column.name))?;
        Ok(Self { writer })
    }
}

impl<W: Write> Sink for Csv<W> {
    fn rows(&mut self, rows: &[TextRow]) -> Result<()> {
        for row in rows {
            self.writer.write_record(row.iter().map(|value| value.as_deref().unwrap_or("")))?;
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<()> {
        Ok(self.writer.flush()?)
    }
}

/// One JSON object a line: decimals as strings, whole numbers as numbers.
pub(super) struct JsonLines<W: Write> {
    columns: Vec<Column>,
    out: W,
}

impl<W: Write> JsonLines<W> {
    pub(super) fn new(columns: Vec<Column>, out: W) -> Self {
        Self { columns, out }
    }
}

impl<W: Write> Sink for JsonLines<W> {
    fn rows(&mut self, rows: &[TextRow]) -> Result<()> {
        for row in rows {
            let object: serde_json::Map<_, _> = self
                .columns
                .iter()
                .zip(row)
                .map(|(column, value)| (column.name.clone(), column.json(value.as_deref())))
                .collect();
            serde_json::to_writer(&mut self.out, &object)?;
            self.out.write_all(b"\n")?;
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<()> {
        Ok(self.out.flush()?)
    }
}
