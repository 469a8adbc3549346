//! Two hosts on one account, with one data folder, with two folders and one database, and with two
//! databases that can't see each other, of which the first has ordered, or only listens: the second
//! names the first and does not trade (D1, C42, M4).

use std::time::Duration;

use stockade_store::testing::TestDatabase;
use tempfile::TempDir;

use crate::bots;
use crate::market::{flat, manual};
use crate::program::{Running, Surroundings};
use crate::stage::Stage;

/// A second host has to give up within this.
const GIVES_UP: Duration = Duration::from_secs(60);

/// The first host, with a bot and an open order that can't fill.
async fn first() -> Stage {
    let bars = (0..60).map(|minute| flat("AAPL", minute, "150")).collect();
    let stage = Stage::with_host(manual(bars, 100_000)).await;
    stage
        .deploy("mine", "scripted", "10000", "AAPL", &["script=14:30 buy 1 AAPL; 15:20 buy 1 AAPL"])
        .await;
    stage.warm(&["AAPL"]).await;
    let order =
        ["order", "submit", "--sleeve", "mine", "--symbol", "AAPL", "--side", "buy", "--qty", "1"];
    stage.run(&[&order[..], &["--limit", "140", "--tif", "gtc"]].concat()).await.ok();
    stage.settled().await;
    stage
}

/// Starts a second host; gives what it says when it has ended with exit code 1.
async fn second(around: &Surroundings) -> String {
    let mut host = around.start(&["run"]);
    let status = host.wait(GIVES_UP).await;
    let said = host.errors();
    assert_eq!(status.code(), Some(1), "{said}");
    assert!(said.contains("another"), "it names no other host:\n{said}");
    said
}

/// The first one still trades, and nobody else has.
async fn first_goes_on(stage: &Stage) {
    let orders = stage.get("/v2/orders?status=all").as_array().unwrap().len();
    let ours = stage.count("SELECT count(*) FROM stockade.order").await;
    assert_eq!(
        i64::try_from(orders).unwrap(),
        ours,
        "orders at the broker that the first host does not know"
    );
    let end = crate::market::OPEN + 51 * crate::market::MINUTE;
    while stage.exchange.now() < end {
        assert!(stage.step().await);
    }
    let filled = "SELECT count(*) FROM stockade.order WHERE status = 'filled' AND updated_ns > ";
    stage
        .count_is("the first host trades", &format!("{filled}{}", end - crate::market::MINUTE), 1)
        .await;
    stage.settled().await;
    stage.check().await;
}

fn pid(host: &Running) -> String {
    format!("pid {}", host.pid())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_host_in_one_data_folder_names_the_first() {
    let stage = first().await;
    let said = second(&stage.around).await;
    assert!(said.contains(&stage.data().display().to_string()), "{said}");
    assert!(
        said.contains(&pid(stage.host.as_ref().unwrap())),
        "it does not name the process:\n{said}"
    );
    first_goes_on(&stage).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_host_on_one_database_names_the_first() {
    let stage = first().await;
    let folder = TempDir::new().unwrap();
    let around = stage.around.clone().with("STOCKADE_DATA", folder.path().display().to_string());
    let said = second(&around).await;
    assert!(said.contains(&pid(stage.host.as_ref().unwrap())), "{said}");
    first_goes_on(&stage).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_host_with_a_database_of_its_own_sees_the_firsts_orders() {
    let stage = first().await;
    let era = "SELECT era FROM stockade.account";
    let era: String = sqlx::query_scalar(era).fetch_one(stage.pool()).await.unwrap();
    let (folder, database) = (TempDir::new().unwrap(), TestDatabase::new().await);
    bots::install("scripted", &folder.path().join("plugins"), "scripted");
    let around = stage
        .around
        .clone()
        .with("STOCKADE_DATA", folder.path().display().to_string())
        .with("STOCKADE_DATABASE_URL", &database.url);
    let said = second(&around).await;
    assert!(said.contains(&era), "it does not name the era {era}:\n{said}");
    first_goes_on(&stage).await;
}

/// Nothing at the broker tells of the first host, but one key has one data stream (error 406).
#[tokio::test(flavor = "multi_thread")]
async fn a_second_host_that_finds_the_data_stream_taken_ends() {
    let bars = (0..60).map(|minute| flat("AAPL", minute, "150")).collect();
    let stage = Stage::with_host(manual(bars, 100_000)).await;
    stage.deploy("mine", "scripted", "10000", "AAPL", &["script=15:20 buy 1 AAPL"]).await;
    stage.warm(&["AAPL"]).await;
    let (folder, database) = (TempDir::new().unwrap(), TestDatabase::new().await);
    bots::install("scripted", &folder.path().join("plugins"), "scripted");
    let around = stage
        .around
        .clone()
        .with("STOCKADE_DATA", folder.path().display().to_string())
        .with("STOCKADE_DATABASE_URL", &database.url);
    let mut second = around.start(&["run"]);
    crate::crash::ready(&mut second, &folder.path().join("stockade.sock")).await;
    // It wants market data from here on. The command may find no host any more.
    let bot = ["bot", "deploy", "theirs", "--plugin", "scripted", "--capital", "1000"];
    let what = ["--symbols", "AAPL", "--param", "script=14:40 buy 1 AAPL"];
    around.run(&[&bot[..], &what].concat()).await;
    let status = second.wait(GIVES_UP).await;
    let said = second.errors();
    assert_eq!(status.code(), Some(1), "{said}");
    for word in
        ["another program reads the market data", "code 406", "account paper", "--take-over"]
    {
        assert!(said.contains(word), "\"{word}\" is not in\n{said}");
    }
    first_goes_on(&stage).await;
}
