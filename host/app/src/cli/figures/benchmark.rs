//! What a sleeve is compared with: a file of equities or of bars, or the books' prices of a symbol.

use std::path::Path;

use stockade_core::Symbol;
use stockade_stats::picture::Point;
use stockade_stats::value;
use stockade_store::query::{At, Number, price_history};
use stockade_venue::files::{FileError, Source, interval_ns, read_bars, read_equity};

use super::series::wrong_file;
use crate::cli::context::{Context, failed};
use crate::failure::Failure;

const NANOS_PER_DAY: i64 = 86_400 * 1_000_000_000;

/// As it was named.
pub(super) enum Benchmark {
    /// Read already.
    File(Vec<Point>),
    /// To be looked up in the books.
    Symbol(Symbol),
}

/// Its values in time order.
pub(super) struct Compared {
    pub(super) points: Vec<Point>,
    /// Why they can't be enough.
    pub(super) too_little: Option<String>,
}

impl Benchmark {
    /// A file that is there is a file, whatever its name; what looks like a symbol is one.
    pub(super) fn parse(argument: &str) -> Result<Self, Failure> {
        let named_as_file = Path::new(argument).is_file()
            || argument.contains(['/', ':'])
            || [".csv", ".gz"].iter().any(|end| argument.to_ascii_lowercase().ends_with(end));
        if named_as_file {
            return of_file(argument).map(Self::File);
        }
        Symbol::new(argument).map(Self::Symbol).map_err(|_| {
            Failure::Usage(format!("\"{argument}\" is neither a file nor a symbol (--benchmark)"))
        })
    }

    /// Its values; `account` is whose books are asked.
    pub(super) async fn points(
        self,
        context: &Context,
        account: Option<&str>,
    ) -> Result<Compared, Failure> {
        let symbol = match self {
            Self::File(points) => return Ok(Compared { points, too_little: None }),
            Self::Symbol(symbol) => symbol,
        };
        let Some(account) = account else {
            return Err(Failure::Usage(format!(
                "{symbol} is no file; prices by symbol are those of a SLEEVE's books (--benchmark)"
            )));
        };
        let pool = context.pool().await?;
        let prices = price_history(&pool, account, symbol.as_str(), context.at()).await;
        let prices = prices.map_err(failed)?;
        let found = match prices.as_slice() {
            [] => Some("no price".to_owned()),
            [(at, _)] => Some(format!("one price, of {at},")),
            _ => None,
        };
        let too_little = found.map(|found| {
            format!(
                "not enough data: the books have {found} of {symbol} and every period needs one; \
                 give a file (--benchmark FILE)"
            )
        });
        let point = |(at, price): &(At, Number)| Some(Point { at: at.0, value: value(price)? });
        Ok(Compared { points: prices.iter().filter_map(point).collect(), too_little })
    }
}

/// Equities, or bars by their closes.
fn of_file(argument: &str) -> Result<Vec<Point>, Failure> {
    match read_equity(Path::new(argument)) {
        Ok(rows) => Ok(rows
            .iter()
            .filter_map(|row| Some(Point { at: row.at, value: value(row.equity)? }))
            .collect()),
        // Another header, or FILE:SYMBOL: bars.
        Err(FileError::Header { column, .. }) if column == "equity" => of_bars(argument),
        Err(FileError::Read { .. }) if argument.contains(':') => of_bars(argument),
        Err(error) => Err(wrong_file(error)),
    }
}

fn of_bars(argument: &str) -> Result<Vec<Point>, Failure> {
    let source = Source::parse(argument).map_err(|error| Failure::Usage(error.to_string()))?;
    let bars = read_bars(&[source]).map_err(wrong_file)?;
    if bars.symbols.len() > 1 {
        let names: Vec<&str> = bars.symbols.iter().take(5).map(Symbol::as_str).collect();
        return Err(Failure::Usage(format!(
            "{argument} has bars of {} symbols ({}…): a benchmark is one (--benchmark)",
            bars.symbols.len(),
            names.join(", ")
        )));
    }
    // A bar carries the start of its interval and its close belongs to the end; of a day's bar the
    // day is what counts.
    let to_close = interval_ns(&bars).filter(|interval| *interval < NANOS_PER_DAY).unwrap_or(0);
    let point =
        |at: i64, close| Some(Point { at: at.saturating_add(to_close), value: value(close)? });
    Ok(bars.rows.iter().filter_map(|row| point(row.at, row.close)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_files_and_symbols_are_symbols() {
        for symbol in ["SPY", "BRK.B", "btcusd"] {
            assert!(matches!(Benchmark::parse(symbol), Ok(Benchmark::Symbol(_))), "{symbol}");
        }
        for missing in ["spy.csv", "./SPY", "no such", "x.csv.gz", "spy.csv:SPY"] {
            assert!(matches!(Benchmark::parse(missing), Err(Failure::Usage(_))), "{missing}");
        }
    }

    #[test]
    fn bars_count_by_their_closes() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).expect("a file");
            path.display().to_string()
        };
        let points = |argument: &str| match Benchmark::parse(argument) {
            Ok(Benchmark::File(points)) => points,
            _ => panic!("{argument} was not read"),
        };
        let header = "timestamp,open,high,low,close,volume\n";
        let day = file(
            "SPY_1d.csv",
            &format!(
                "{header}2024-01-02T00:00:00Z,1,3,1,2,9\n2024-01-03T00:00:00Z,2,3,2,3,9\n2024-01-04T00:00:00Z,2,3,2,3,9\n"
            ),
        );
        let found = points(&day);
        assert_eq!((found[0].at, found[0].value), (1_704_153_600_000_000_000, 2.0));
        let minute = file(
            "SPY_1m.csv",
            &format!("{header}2024-01-02T00:00:00Z,1,3,1,2,9\n2024-01-02T00:01:00Z,2,3,2,3,9\n"),
        );
        assert_eq!(points(&minute)[0].at, 1_704_153_660_000_000_000);
        let equities = file("e.csv", "timestamp,equity\n2024-01-02,5\n");
        assert_eq!(points(&equities), [Point { at: 1_704_153_600_000_000_000, value: 5.0 }]);
    }
}
