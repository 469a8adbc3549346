#![allow(clippy::unwrap_used, reason = "a test may")]

use std::io::Write as _;
use std::path::{Path, PathBuf};

use rust_decimal::Decimal;
use tempfile::TempDir;

use super::{Bars, FileError, FileKind, Source, interval_ns, read_bars, read_quotes};

mod fills;
mod values;

const HEADER: &str = "timestamp,open,high,low,close,volume\n";
const QUOTES: &str = "timestamp,bid_open,bid_high,bid_low,bid_close,bid_size,\
                      ask_open,ask_high,ask_low,ask_close,ask_size\n";
const T0: &str = "2019-02-11T14:30:00Z";
const T0_NS: i64 = 1_549_895_400_000_000_000;
const MINUTE: i64 = 60_000_000_000;

struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, content).unwrap();
        path
    }

    fn source(&self, name: &str, content: impl AsRef<[u8]>) -> Source {
        let path = self.file(name, content);
        Source { path, symbol: None }
    }

    /// Bars of one file `AAPL.csv`.
    fn bars(&self, content: &str) -> Result<Bars, FileError> {
        read_bars(&[self.source("AAPL.csv", content)])
    }
}

fn gzipped(content: &str) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(content.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

fn d(text: &str) -> Decimal {
    text.parse().unwrap()
}

/// The refusal without the folder, which differs from run to run.
fn refusal<T: std::fmt::Debug>(folder: &Folder, result: Result<T, FileError>) -> String {
    let prefix = format!("{}/", folder.0.path().display());
    result.unwrap_err().to_string().replace(&prefix, "")
}

#[test]
fn a_bar_keeps_every_digit() {
    let folder = Folder::new();
    let bars = folder
        .bars(&format!("{HEADER}{T0},171.14,171.2,170.7,170.97,218102.59507500002\n"))
        .unwrap();
    let row = bars.rows[0];
    assert_eq!(bars.symbol(&row).as_str(), "AAPL");
    assert_eq!(row.at, T0_NS);
    let prices = [row.open, row.high, row.low, row.close].map(|price| price.to_string());
    assert_eq!(prices, ["171.14", "171.2", "170.7", "170.97"]);
    assert_eq!(row.volume.to_string(), "218102.59507500002");
    assert!(std::mem::size_of_val(&row) <= 96, "rows stay lean");
}

#[test]
fn gzip_is_known_by_content_and_line_ends_marks_quotes_and_blank_lines_do_not_matter() {
    let folder = Folder::new();
    let plain = format!("{HEADER}{T0},1,2,1,2,5\n2019-02-11T14:31:00Z,2,2,1,1,6\n");
    let expected = folder.bars(&plain).unwrap();
    assert_eq!(expected.rows.len(), 2);
    let crlf = format!("\u{feff}{}\r\n\r\n  \n", plain.replace('\n', "\r\n"));
    let unended = plain.trim_end().to_owned();
    let quoted = plain.replace("\n2019-02-11T14:31:00Z,2", "\n\"2019-02-11T14:31:00Z\",\"2\"");
    for other in [crlf, unended, quoted] {
        assert_eq!(folder.bars(&other).unwrap(), expected, "{other:?}");
    }
    let zipped = folder.source("AAPL.csv", gzipped(&plain));
    assert_eq!(read_bars(&[zipped]).unwrap(), expected);
    let named_gz = folder.source("AAPL_2019.csv.gz", &plain);
    assert_eq!(read_bars(&[named_gz]).unwrap(), expected);
    // Two gzip members one after the other are one file.
    let (head, tail) = plain.split_at(HEADER.len());
    let members = [gzipped(head), gzipped(tail)].concat();
    assert_eq!(read_bars(&[folder.source("AAPL.gz", members)]).unwrap(), expected);
}

#[test]
fn a_truncated_gzip_file_is_refused() {
    let folder = Folder::new();
    let whole = gzipped(&format!("{HEADER}{T0},1,2,1,2,5\n"));
    let cut = folder.source("AAPL.csv.gz", &whole[..whole.len() - 10]);
    assert_eq!(refusal(&folder, read_bars(&[cut])), "AAPL.csv.gz can't be read");
}

#[test]
fn the_symbol_comes_from_the_column_the_name_or_the_command_line() {
    let folder = Folder::new();
    let content = format!("{HEADER}{T0},1,2,1,2,5\n");
    for (name, symbol) in [("SPY_2013.csv.gz", "SPY"), ("brk-b.csv", "BRK-B"), ("IBM", "IBM")] {
        let bars = read_bars(&[folder.source(name, &content)]).unwrap();
        assert_eq!(bars.symbols[0].as_str(), symbol);
    }
    let path = folder.file("2019.csv", &content);
    let given = Source::parse(&format!("{}:btc/usd", path.display())).unwrap();
    assert_eq!(read_bars(&[given]).unwrap().symbols[0].as_str(), "BTCUSD");
    let bad = Source::parse(&format!("{}:A B", path.display()));
    assert!(bad.unwrap_err().to_string().contains("\"A B\" is no symbol"));
    let hidden = folder.source(".csv", &content);
    assert_eq!(
        refusal(&folder, read_bars(&[hidden])),
        ".csv has no symbol column and its name gives none; name it with FILE:SYMBOL"
    );
    let with_column = "timestamp,symbol,open,high,low,close,volume\n";
    let path = folder.file("multi.csv", with_column);
    let given = Source::parse(&format!("{}:SPY", path.display())).unwrap();
    assert_eq!(
        refusal(&folder, read_bars(&[given])),
        "multi.csv has a symbol column: it can't be named as SPY"
    );
}

#[test]
fn a_name_with_a_colon_is_a_path_where_it_exists_or_has_no_symbol() {
    let folder = Folder::new();
    let path = folder.file("a:SPY", HEADER);
    let whole = Source::parse(&path.display().to_string()).unwrap();
    assert_eq!((whole.path, whole.symbol), (path, None));
    for argument in ["c:/data/SPY.csv", "SPY.csv", ":SPY", "file:"] {
        let source = Source::parse(argument).unwrap();
        assert_eq!((source.path.as_path(), source.symbol), (Path::new(argument), None));
    }
}

#[test]
fn symbols_of_one_file_and_of_several_are_merged_in_time_order() {
    let folder = Folder::new();
    let multi = folder.source(
        "multi.csv",
        format!(
            "timestamp,symbol,open,high,low,close,volume\n\
             {T0},MSFT,1,1,1,1,1\n{T0},AAPL,2,2,2,2,2\n\
             2019-02-11T14:31:00Z,AAPL,3,3,3,3,3\n2019-02-11T14:31:00Z,msft,4,4,4,4,4\n"
        ),
    );
    let single = folder
        .source("SPY.csv", format!("{HEADER}2019-02-11T14:29:00Z,8,8,8,8,8\n{T0},9,9,9,9,9\n"));
    let bars = read_bars(&[multi, single]).unwrap();
    let names: Vec<&str> = bars.symbols.iter().map(|symbol| symbol.as_str()).collect();
    assert_eq!(names, ["MSFT", "AAPL", "SPY"]);
    let order: Vec<(i64, u16, String)> = bars
        .rows
        .iter()
        .map(|row| ((row.at - T0_NS) / MINUTE, row.symbol, row.close.to_string()))
        .collect();
    let expected = [(-1, 2, "8"), (0, 0, "1"), (0, 1, "2"), (0, 2, "9"), (1, 0, "4"), (1, 1, "3")];
    assert_eq!(order, expected.map(|(at, symbol, close)| (at, symbol, close.to_owned())));
    assert_eq!(interval_ns(&bars), Some(MINUTE));
}

#[test]
fn the_interval_is_the_median_of_the_smallest_steps() {
    let folder = Folder::new();
    let content = |minutes: &[i64]| {
        let mut text = HEADER.to_owned();
        for minute in minutes {
            text += &format!("2019-02-11T{:02}:{:02}:00Z,1,1,1,1,1\n", minute / 60, minute % 60);
        }
        text
    };
    let sources = [
        folder.source("A.csv", content(&[0, 5, 6, 9])),
        folder.source("B.csv", content(&[3, 10, 11])),
        folder.source("C.csv", content(&[0, 60])),
        folder.source("D.csv", content(&[7])),
    ];
    assert_eq!(interval_ns(&read_bars(&sources).unwrap()), Some(MINUTE));
    assert_eq!(interval_ns(&read_bars(&sources[2..]).unwrap()), Some(60 * MINUTE));
    assert_eq!(interval_ns(&read_bars(&sources[3..]).unwrap()), None);
}

#[test]
fn every_bad_bar_is_refused_by_file_line_column_and_value() {
    let folder = Folder::new();
    let row =
        |row: &str| refusal(&folder, folder.bars(&format!("{HEADER}{T0},1,2,1,2,5\n{row}\n")));
    let t1 = "2019-02-11T14:31:00Z";
    let cases = [
        (
            format!("{t1},abc,2,1,2,5"),
            "column open: \"abc\" is not a decimal number (digits, at most one point, no exponent)",
        ),
        (
            format!("{t1},1,,1,2,5"),
            "column high: \"\" is not a decimal number (digits, at most one point, no exponent)",
        ),
        (
            format!("{t1},1,2,1,2,1e5"),
            "column volume: \"1e5\" is not a decimal number (digits, at most one point, no exponent)",
        ),
        (
            format!("{t1},1,2,1,NaN,5"),
            "column close: \"NaN\" is not a decimal number (digits, at most one point, no exponent)",
        ),
        (format!("{t1},1,2,-1,2,5"), "column low: \"-1\" is not above 0"),
        (format!("{t1},1,2,1,0.00,5"), "column close: \"0.00\" is not above 0"),
        (format!("{t1},1,2,1,2,-5"), "column volume: \"-5\" is below 0"),
        (
            format!("{t1},1.0000000001,2,1,2,5"),
            "column open: \"1.0000000001\" has 10 decimal places, at most 9 are allowed",
        ),
        (
            format!("{t1},100000001,200000000,1,2,5"),
            "column open: \"100000001\" is larger than 100000000",
        ),
        (
            format!("{t1},1,2,1,2,{}", "1234567890".repeat(4)),
            "column volume: \"1234567890123456789012345678901234567890\" has more than 28 significant digits",
        ),
        (format!("{t1},3,2,1,2,5"), "column high: \"2\" is a high below the open 3"),
        (format!("{t1},1,2,1.5,2,5"), "column low: \"1.5\" is a low above the open 1"),
        (format!("{t1},2,2,1.5,1.2,5"), "column low: \"1.5\" is a low above the close 1.2"),
        (format!("{t1},1,1,2,1,5"), "column high: \"1\" is a high below the low 2"),
        (
            "2019-02-30T00:00:00Z,1,2,1,2,5".to_owned(),
            "column timestamp: \"2019-02-30T00:00:00Z\" is not an RFC 3339 time such as 2019-02-11T14:30:00Z",
        ),
        (
            "2019-02-11 14:31:00,1,2,1,2,5".to_owned(),
            "column timestamp: \"2019-02-11 14:31:00\" is not an RFC 3339 time such as 2019-02-11T14:30:00Z",
        ),
        (
            "2019-02-11T14:29:00Z,1,2,1,2,5".to_owned(),
            "column timestamp: \"2019-02-11T14:29:00Z\" is before 2019-02-11T14:30:00Z of the row above: rows must be in time order",
        ),
        (
            format!("{T0},1,2,1,2,5"),
            "column timestamp: \"2019-02-11T14:30:00Z\" is there twice for AAPL",
        ),
    ];
    for (bad, expected) in cases {
        assert_eq!(row(&bad), format!("AAPL.csv line 3, {expected}"), "{bad}");
    }
    assert_eq!(row(&format!("{t1},1,2,1,2")), "AAPL.csv line 3 has 5 fields, the header has 6");
    assert_eq!(row(&"x".repeat(70_000)), "AAPL.csv line 3 is longer than 65,536 bytes");
    assert_eq!(row(&",".repeat(64)), "AAPL.csv line 3 has more than 64 fields");
}

#[test]
fn a_symbol_that_none_is_and_a_symbol_twice_are_refused() {
    let folder = Folder::new();
    let header = "timestamp,symbol,open,high,low,close,volume\n";
    let both =
        |row: &str| folder.bars(&format!("{header}{T0},SPY,1,1,1,1,1\n{T0},{row},1,1,1,1,1\n"));
    assert_eq!(
        refusal(&folder, both("S&P")),
        "AAPL.csv line 3, column symbol: \"S&P\" is no symbol (1 to 24 of A-Z and 0-9, with single '.' or '-' inside, or a pair such as BTC/USD)"
    );
    assert_eq!(
        refusal(&folder, both("spy")),
        "AAPL.csv line 3, column timestamp: \"2019-02-11T14:30:00Z\" is there twice for SPY"
    );
    assert!(both("SPY.A").is_ok());
}

#[test]
fn a_bar_in_two_files_is_refused_with_both_places() {
    let folder = Folder::new();
    let first = folder.source("SPY_1.csv", format!("{HEADER}{T0},1,1,1,1,1\n"));
    let second = folder
        .source("SPY_2.csv", format!("{HEADER}2019-02-11T14:29:00Z,1,1,1,1,1\n{T0},1,1,1,1,1\n"));
    assert_eq!(
        refusal(&folder, read_bars(&[first, second])),
        "SPY_2.csv line 3, column timestamp: SPY at 2019-02-11T14:30:00Z is in SPY_1.csv line 2 too"
    );
}

#[test]
fn a_header_must_name_the_columns() {
    let folder = Folder::new();
    let needed = "the header must be timestamp,[symbol,]open,high,low,close,volume";
    for (header, expected) in [
        ("timestamp,open,high,low,close\n", "missing column \"volume\""),
        ("timestamp,open,high,low,close,volume,vwap\n", "unknown column \"vwap\""),
        ("timestamp,open,high,low,close,volume,Open\n", "repeated column \"open\""),
    ] {
        let found = refusal(&folder, folder.bars(header));
        assert_eq!(found, format!("AAPL.csv line 1: {expected}; {needed}"));
    }
    assert_eq!(
        refusal(&folder, folder.bars("\n \n")),
        "AAPL.csv is empty: its first line must be the header timestamp,[symbol,]open,high,low,close,volume"
    );
    let absent = Source::parse("no/such/file.csv").unwrap();
    assert_eq!(read_bars(&[absent]).unwrap_err().to_string(), "no/such/file.csv can't be read");
    assert_eq!(
        folder.bars(HEADER).unwrap(),
        Bars { symbols: folder.bars(HEADER).unwrap().symbols, rows: Vec::new() }
    );
    // Columns go by name, not by place.
    let turned =
        folder.bars(&format!("volume,close,low,high,open,timestamp\n5,2,1,3,1.5,{T0}\n")).unwrap();
    assert_eq!((turned.rows[0].open, turned.rows[0].volume), (d("1.5"), d("5")));
}

#[test]
fn quotes_give_the_bid_and_ask_of_the_close() {
    let folder = Folder::new();
    let source = folder.source(
        "SPY_q.csv",
        format!("{QUOTES}{T0},167.42,167.58,167.42,167.56,20000,167.87,167.87,167.6,167.6,100\n"),
    );
    assert_eq!(source.kind().unwrap(), FileKind::Quotes);
    let quotes = read_quotes(&[source]).unwrap();
    let row = quotes.rows[0];
    assert_eq!(quotes.symbol(&row).as_str(), "SPY");
    assert_eq!((row.bid, row.bid_size), (d("167.56"), d("20000")));
    assert_eq!((row.ask, row.ask_size), (d("167.6"), d("100")));
    let bad = |row: &str| {
        refusal(&folder, read_quotes(&[folder.source("SPY.csv", format!("{QUOTES}{row}\n"))]))
    };
    assert_eq!(
        bad(&format!("{T0},2,2,2,2,5,3,3,3,4,5")),
        "SPY.csv line 2, column ask_high: \"3\" is a high below the close 4"
    );
    assert_eq!(
        bad(&format!("{T0},2,2,2,,5,3,3,3,3,5")),
        "SPY.csv line 2, column bid_close: \"\" is not a decimal number (digits, at most one point, no exponent)"
    );
    assert_eq!(
        bad(&format!("{T0},2,2,2,2,5,3,3,3,3,5\n{T0},2,2,2,2,5,3,3,3,3,5")),
        "SPY.csv line 3, column timestamp: \"2019-02-11T14:30:00Z\" is there twice for SPY"
    );
    assert_eq!(folder.source("SPY.csv", HEADER).kind().unwrap(), FileKind::Bars);
}

/// Real files, where they are beside the checkout (or where `STOCKADE_TEST_DATA` says).
#[test]
fn real_market_data_is_read_whole() {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let folder = std::env::var_os("STOCKADE_TEST_DATA").map_or(beside, PathBuf::from);
    if !folder.is_dir() {
        println!("SKIPPED: no market data in {}", folder.display());
        return;
    }
    let source = |name: &str| Source { path: folder.join(name), symbol: None };
    let day = 86_400_000_000_000;
    for (name, symbol, rows, interval) in [
        ("bars_1d/AAPL.csv.gz", "AAPL", 5_849, day),
        ("bars_1h/SPY.csv.gz", "SPY", 40_832, 60 * MINUTE),
        ("bars_1m/IBM_20131004_20131011.csv.gz", "IBM", 2_566, MINUTE),
        ("bars_1m/multi_20190211_20190215.csv.gz", "AAPL", 15_584, MINUTE),
        ("crypto_1m/BTCPERP_20211231_20220201.csv.gz", "BTCPERP", 45_031, MINUTE),
        ("crypto_1d/BTCUSD_coinbase.csv.gz", "BTCUSD", 1_318, day),
    ] {
        let bars = read_bars(&[source(name)]).unwrap();
        assert_eq!((bars.rows.len(), bars.symbols[0].as_str()), (rows, symbol), "{name}");
        assert_eq!(interval_ns(&bars), Some(interval), "{name}");
    }
    for (name, rows) in [
        ("quote_bars_1m/SPY_20131004_20131011.csv.gz", 5_412),
        ("quote_bars_1m/AAPL_20140605_20140609.csv.gz", 2_512),
    ] {
        let source = source(name);
        assert_eq!(source.kind().unwrap(), FileKind::Quotes);
        assert_eq!(read_quotes(&[source]).unwrap().rows.len(), rows, "{name}");
    }
}
