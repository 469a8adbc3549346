#![allow(clippy::unwrap_used, reason = "a test may")]

use ::parquet::record::RowAccessor as _;
use reading::read;
use sqlx::{Connection as _, PgConnection};
use stockade_store::testing::TestDatabase;

use super::*;

/// Reading a Parquet file back, with the crate that wrote it.
mod reading {
    use ::parquet::file::reader::{FileReader as _, SerializedFileReader};
    use ::parquet::record::Row;

    pub(super) fn read(bytes: Vec<u8>) -> (usize, String, Vec<Row>) {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        let reader = SerializedFileReader::new(file.reopen().unwrap()).unwrap();
        let mut schema = Vec::new();
        let metadata = reader.metadata();
        ::parquet::schema::printer::print_schema(&mut schema, metadata.file_metadata().schema());
        let groups = metadata.num_row_groups();
        let rows = reader.get_row_iter(None).unwrap().map(Result::unwrap).collect();
        (groups, String::from_utf8(schema).unwrap(), rows)
    }
}

/// Samples of equity with eighteen decimals, more than one row group of them.
const ROWS: i64 = 120_000;

async fn samples() -> TestDatabase {
    let database = TestDatabase::new().await;
    let mut connection = PgConnection::connect(&database.url).await.unwrap();
    sqlx::query(
        "INSERT INTO stockade.equity SELECT 'paper', 10 + n % 100, 1770820200000000000 + n, n % 3,
            (n * 1.000000000000000001 - 50000)::numeric(38,18), -n / 7.0, 1000, 0, 0
         FROM generate_series(1, $1) n",
    )
    .bind(ROWS)
    .execute(&mut connection)
    .await
    .unwrap();
    connection.close().await.unwrap();
    database
}

async fn sums(database: &TestDatabase) -> (String, String) {
    sqlx::query_as(
        "SELECT trim_scale(sum(cash))::text, trim_scale(sum(market_value))::text FROM stockade.equity",
    )
    .fetch_one(database.store.reads())
    .await
    .unwrap()
}

fn whole(count: i128) -> String {
    // Units of the eighteenth decimal, as Postgres would write them.
    let scale = 10_i128.pow(18);
    let sign = if count < 0 { "-" } else { "" };
    let (whole, fraction) = (count.abs() / scale, count.abs() % scale);
    let text = format!("{sign}{whole}.{fraction:018}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn units(text: &str) -> i128 {
    let (sign, text) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    format!("{whole}{fraction:0<18}").parse::<i128>().unwrap() * sign
}

#[tokio::test]
async fn every_format_holds_every_digit_of_every_row() {
    let database = samples().await;
    let (cash, value) = sums(&database).await;
    let pool = database.store.reads();
    let mut bytes = Vec::new();
    let count = write(pool, "equity", Format::Parquet, None, &mut bytes).await.unwrap();
    assert_eq!(count, u64::try_from(ROWS).unwrap());
    let (groups, schema, rows) = read(bytes);
    assert_eq!((groups, rows.len()), (2, usize::try_from(ROWS).unwrap()));
    for line in [
        "OPTIONAL FIXED_LEN_BYTE_ARRAY (16) cash (DECIMAL(38,18));",
        "OPTIONAL INT64 at_ns (TIMESTAMP(NANOS,true));",
        "OPTIONAL BYTE_ARRAY account (STRING);",
    ] {
        assert!(schema.contains(line), "{schema}");
    }
    let decimal = |row: &::parquet::record::Row, place: usize| {
        let bytes = row.get_decimal(place).unwrap().data().to_vec();
        i128::from_be_bytes(bytes.try_into().unwrap())
    };
    assert_eq!(whole(rows.iter().map(|row| decimal(row, 4)).sum()), cash);
    assert_eq!(whole(rows.iter().map(|row| decimal(row, 5)).sum()), value);

    let mut bytes = Vec::new();
    write(pool, "equity", Format::Json, None, &mut bytes).await.unwrap();
    let lines: Vec<serde_json::Value> = bytes
        .split(|b| *b == b'\n')
        .filter(|l| !l.is_empty())
        .map(|l| serde_json::from_slice(l).unwrap())
        .collect();
    assert_eq!(lines.len(), rows.len());
    let sum: i128 = lines.iter().map(|line| units(line["cash"].as_str().unwrap())).sum();
    assert_eq!(whole(sum), cash);
    assert_eq!(lines[0]["at_ns"], serde_json::json!(1_770_820_200_000_000_100_i64));

    let mut bytes = Vec::new();
    write(pool, "equity", Format::Csv, None, &mut bytes).await.unwrap();
    let mut reader = csv::Reader::from_reader(bytes.as_slice());
    let sum: i128 = reader.records().map(|row| units(&row.unwrap()[5])).sum();
    assert_eq!(whole(sum), value);
}

#[tokio::test]
async fn every_table_has_a_file_in_every_format() {
    let database = TestDatabase::new().await;
    let mut connection = PgConnection::connect(&database.url).await.unwrap();
    sqlx::raw_sql(
        "INSERT INTO stockade.snapshot VALUES ('paper', 10, 'd', 5, '\\x00ff');
         INSERT INTO stockade.lease (account, epoch, holder, acquired_at, renewed_at, expires_at)
            VALUES ('paper', 3, 'me', '2026-01-02 03:04:05.25+02', now(), now());
         INSERT INTO stockade.input VALUES ('paper', 1, 3, 1, 2, 'command', '{\"a\": [1, \"x\"]}')",
    )
    .execute(&mut connection)
    .await
    .unwrap();
    let pool = database.store.reads();
    for table in stockade_store::query::table_names(pool).await.unwrap() {
        for format in [Format::Csv, Format::Json, Format::Parquet] {
            let mut bytes = Vec::new();
            let rows = write(pool, &table, format, None, &mut bytes).await.unwrap();
            assert!(rows > 0 || format == Format::Json || !bytes.is_empty(), "{table} {format:?}");
        }
    }
    let parquet = async |table: &str| {
        let mut bytes = Vec::new();
        write(pool, table, Format::Parquet, None, &mut bytes).await.unwrap();
        read(bytes)
    };
    let (_, schema, rows) = parquet("lease").await;
    assert!(schema.contains("INT64 acquired_at (TIMESTAMP(MICROS,true))"), "{schema}");
    let at: jiff::Timestamp = "2026-01-02T01:04:05.25Z".parse().unwrap();
    assert_eq!(rows[0].get_timestamp_micros(3).unwrap(), at.as_microsecond());
    let (_, _, rows) = parquet("snapshot").await;
    assert_eq!(rows[0].get_bytes(4).unwrap().data(), [0, 255]);
    let (_, schema, rows) = parquet("input").await;
    assert!(schema.contains("body (JSON)"), "{schema}");
    assert_eq!(rows[0].get_string(6).unwrap(), "{\"a\": [1, \"x\"]}");
    let mut bytes = Vec::new();
    let failure = write(pool, "inputs", Format::Csv, None, &mut bytes).await.unwrap_err();
    assert_eq!(failure.exit_code(), 2);
    assert!(failure.to_string().contains("nearest is \"input\""), "{failure}");
}

/// A disk that is full after so many bytes.
struct Full(usize);

impl Write for Full {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if self.0 < bytes.len() {
            return Err(std::io::Error::from(std::io::ErrorKind::StorageFull));
        }
        self.0 -= bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_full_disk_is_an_error_in_every_format() {
    let database = samples().await;
    for format in [Format::Csv, Format::Json, Format::Parquet] {
        let failure = write(database.store.reads(), "equity", format, None, &mut Full(100_000))
            .await
            .unwrap_err();
        assert_eq!(failure.exit_code(), 1, "{format:?}: {failure}");
    }
}
