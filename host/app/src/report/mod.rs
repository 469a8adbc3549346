//! The report of a tour, a run or a backtest: one HTML file that needs nothing else.
//!
//! Guarantees: no script, no external resource, every text from outside escaped, readable in light
//! and dark; the size is bounded by its tables' rows, not by the length of the curves. It reckons
//! nothing: what stands in a table is given as text, and pictures are drawn by `stockade_stats`.

mod data;
mod page;
pub(crate) mod statement;

#[cfg(test)]
mod tests;

pub(crate) use data::{
    ContainedRow, CrashRow, Curve, DrawnPicture, Fact, FigureColumn, PricePicture,
    ReconciliationPart, ReconciliationRow, ReloadRow, ReportData, SleeveRow, TextTable, Trade,
    TradeSide,
};
pub(crate) use page::render;
