use rust_decimal::Decimal;

use super::super::{FileError, FillReader, FillRow, FillSide};
use super::{T0, d};

const FILLS: &str = "time,symbol,side,qty,price,fee,execution_id\n";

fn fills(content: &str) -> Vec<Result<FillRow, FileError>> {
    let bytes = std::io::Cursor::new(content.as_bytes().to_vec());
    match FillReader::of("fills.csv", bytes) {
        Ok(reader) => reader.collect(),
        Err(error) => vec![Err(error)],
    }
}

#[test]
fn fills_are_read_one_by_one_with_their_lines() {
    let rows: Vec<FillRow> = fills(&format!(
        "{FILLS}{T0},AAPL,buy,10,150,1.00,e1\n\n{T0},btc/usd,SELL,0.000000001,50000,,\n\
         2019-02-12,AAPL,split,7,,0,\n"
    ))
    .into_iter()
    .map(Result::unwrap)
    .collect();
    assert_eq!(rows.len(), 3);
    assert_eq!((rows[0].line, rows[1].line, rows[2].line), (2, 4, 5));
    assert_eq!((rows[0].qty, rows[0].price, rows[0].fee), (d("10"), d("150"), d("1")));
    assert_eq!((rows[0].key().as_str(), rows[1].symbol.as_str()), ("e1", "BTCUSD"));
    assert_eq!((rows[1].side, rows[1].fee), (FillSide::Sell, Decimal::ZERO));
    assert_eq!(
        (rows[2].side, rows[2].qty, rows[2].price),
        (FillSide::Split, d("7"), Decimal::ZERO)
    );
    // Without the last column too.
    let short = fills(&format!("time,symbol,side,qty,price,fee\n{T0},AAPL,buy,1,2,0\n"));
    assert_eq!(short[0].as_ref().unwrap().execution_id, None);
}

#[test]
fn the_key_of_a_fill_without_an_id_is_its_content_and_its_turn() {
    let keys = |spelled: &str| -> Vec<String> {
        fills(&format!(
            "{FILLS}{T0},AAPL,buy,{spelled},150,0,\n{T0},AAPL,buy,1,150,0,\n{T0},AAPL,sell,1,150,0,\n\
             2019-02-11T14:31:00Z,AAPL,buy,1,150,0,\n"
        ))
        .into_iter()
        .map(|row| row.unwrap().key())
        .collect()
    };
    let first = keys("1");
    let distinct: std::collections::HashSet<&String> = first.iter().collect();
    assert_eq!(distinct.len(), 4, "{first:?}");
    assert_eq!(keys("1.00"), first);
}

#[test]
fn every_bad_fill_is_refused_and_ends_the_reading() {
    let one = |row: &str| {
        let rows = fills(&format!("{FILLS}{T0},AAPL,buy,1,2,0,a\n{row}\n{T0},AAPL,buy,1,2,0,b\n"));
        assert_eq!(rows.len(), 2, "{row}");
        rows.into_iter().nth(1).unwrap().unwrap_err().to_string()
    };
    let forty = "1234567890".repeat(4);
    let tail = format!("{}.{}", "1".repeat(14), "2".repeat(26));
    let no_number = "is not a decimal number (digits, at most one point, no exponent)";
    let cases = [
        (format!("{T0},AAPL,hold,1,2,0,"), "column side: \"hold\" is no side: buy, sell or split".to_owned()),
        (format!("{T0},,buy,1,2,0,"), "column symbol: \"\" is no symbol (1 to 24 of A-Z and 0-9, with single '.' or '-' inside, or a pair such as BTC/USD)".to_owned()),
        (format!("{T0},AAPL,buy,{forty},2,0,"), format!("column qty: \"{forty}\" has more than 28 significant digits")),
        (format!("{T0},AAPL,buy,1,{tail},0,"), format!("column price: \"{tail}\" has more than 28 significant digits")),
        (format!("{T0},AAPL,buy,1,2,{forty},"), format!("column fee: \"{forty}\" has more than 28 significant digits")),
        (format!("{T0},AAPL,buy,0.0000000001,2,0,"), "column qty: \"0.0000000001\" has 10 decimal places, at most 9 are allowed".to_owned()),
        (format!("{T0},AAPL,buy,1000000001,2,0,"), "column qty: \"1000000001\" is larger than 1000000000".to_owned()),
        (format!("{T0},AAPL,buy,0,2,0,"), "column qty: \"0\" is not above 0".to_owned()),
        (format!("{T0},AAPL,sell,-5,2,0,"), "column qty: \"-5\" is not above 0".to_owned()),
        (format!("{T0},AAPL,buy,1,0,0,"), "column price: \"0\" is not above 0".to_owned()),
        (format!("{T0},AAPL,buy,1,,0,"), format!("column price: \"\" {no_number}")),
        (format!("{T0},AAPL,buy,1,2,-1,"), "column fee: \"-1\" is below 0".to_owned()),
        (format!("{T0},AAPL,buy,1_000,2,0,"), format!("column qty: \"1_000\" {no_number}")),
        (format!("{T0},AAPL,split,7,2,0,"), "column price: \"2\" must be empty or 0 in a split".to_owned()),
        (format!("{T0},AAPL,buy,1,2,0,{}", "x".repeat(129)), format!("column execution_id: \"{}\" is no execution id: at most 128 printable characters", "x".repeat(80))),
        ("yesterday,AAPL,buy,1,2,0,".to_owned(), "column time: \"yesterday\" is not an RFC 3339 time such as 2019-02-11T14:30:00Z".to_owned()),
        ("2019-02-11T14:29:59Z,AAPL,buy,1,2,0,".to_owned(), "column time: \"2019-02-11T14:29:59Z\" is before 2019-02-11T14:30:00Z of the row above: rows must be in time order".to_owned()),
    ];
    for (row, expected) in cases {
        assert_eq!(one(&row), format!("fills.csv line 3, {expected}"), "{row}");
    }
    assert_eq!(one(&format!("{T0},AAPL,buy")), "fills.csv line 3 has 3 fields, the header has 7");
    let no_header = fills("a,b\n");
    assert!(no_header[0].as_ref().unwrap_err().to_string().contains("unknown column \"a\""));
}
