//! A user who comes with positions: history is imported into sleeves of an account that a broker
//! keeps, and the comparison with the broker balances (I1-I10).

use std::io::{Read as _, Write as _};

use serde_json::{Value, json};
use stockade_venue::server::{DEFAULT_KEY_ID, DEFAULT_SECRET};

use crate::market::{dec, flat, manual};
use crate::program::until;
use crate::stage::{SOON, Stage};

/// Buys at the exchange, beside any host.
fn buy(url: &str, symbol: &str, qty: &str) {
    let address = url.trim_start_matches("http://");
    let order = json!({"symbol": symbol, "qty": qty, "side": "buy", "type": "market", "time_in_force": "day"});
    let body = order.to_string();
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    let length = body.len();
    let head = format!(
        "POST /v2/orders HTTP/1.0\r\nhost: {address}\r\napca-api-key-id: {DEFAULT_KEY_ID}\r\n\
         apca-api-secret-key: {DEFAULT_SECRET}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n"
    );
    stream.write_all((head + &body).as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.lines().next().unwrap().contains(" 200 "), "{answer}");
}

/// A comparison that balances.
async fn balanced(stage: &Stage) -> Value {
    until("a comparison that balances", SOON, async || {
        stage.compared().await.filter(|compared| compared["balanced"] == true)
    })
    .await
}

fn sleeve<'a>(sleeves: &'a Value, name: &str) -> &'a Value {
    sleeves.as_array().unwrap().iter().find(|sleeve| sleeve["name"] == name).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn history_is_imported_on_an_account_with_a_broker_and_the_books_balance() {
    let bars: Vec<_> = (0..30)
        .flat_map(|minute| [flat("AAPL", minute, "100"), flat("MSFT", minute, "50")])
        .collect();
    let mut stage = Stage::new(manual(bars, 100_000)).await;
    for _ in 0..3 {
        assert!(stage.step_only().await);
    }
    for (symbol, qty) in [("AAPL", "30"), ("MSFT", "8")] {
        buy(&stage.exchange.url(), symbol, qty);
    }
    for _ in 0..3 {
        assert!(stage.step_only().await);
    }
    stage.start_host().await;
    stage.run(&["sleeve", "create", "mine", "--capital", "1000"]).await.ok();
    let before = balanced(&stage).await;
    let suspense = before["symbols"].as_array().unwrap();
    assert_eq!(suspense.len(), 2, "{before:#}");
    let file = stage.data().join("history.csv");
    let import = |opening: bool| {
        let mut arguments = vec!["import", "fills", file.to_str().unwrap(), "--sleeve", "mine"];
        arguments.extend(["--json"]);
        if opening {
            arguments.push("--opening");
        }
        arguments.into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    let run = async |opening: bool| {
        let arguments = import(opening);
        stage.run(&arguments.iter().map(String::as_str).collect::<Vec<_>>()).await
    };
    let head = "time,symbol,side,qty,price,fee\n";
    let most = "2018-03-01T15:00:00Z,AAPL,buy,25,80,1\n2018-04-02T15:00:00Z,MSFT,buy,10,40,0.5\n\
                2018-05-01T15:00:00Z,AAPL,sell,5,90,1\n2018-06-01T15:00:00Z,AAPL,split,1.5,,\n";
    // 20 times 1.5 are 30 AAPL, which are there; 10 MSFT are not.
    std::fs::write(&file, format!("{head}{most}")).unwrap();
    run(true).await.ended(3).says(&["opening_qty", "10 MSFT", "8"]);
    run(false).await.ended(3).says(&["--opening"]);
    let executions = "SELECT count(*) FROM stockade.execution";
    assert_eq!(stage.count(executions).await, 0, "nothing of it was booked");
    let all = format!("{head}{most}2018-07-02T15:00:00Z,MSFT,sell,2,45.5,0\n");
    std::fs::write(&file, all).unwrap();
    let first = run(true).await.ok().json();
    assert_eq!((&first["booked"], &first["known"]), (&json!(5), &json!(0)), "{first:#}");
    let again = run(true).await.ok().json();
    assert_eq!((&again["booked"], &again["known"]), (&json!(0), &json!(5)), "{again:#}");
    let compared = stage.compared().await.unwrap();
    assert_eq!(compared["balanced"], true, "{compared:#}");
    assert_eq!(compared["cash"]["ours"], before["cash"]["ours"]);
    for line in compared["symbols"].as_array().unwrap() {
        assert_eq!(dec(line["suspense"].as_str().unwrap()), dec("0"), "{line:#}");
    }
    let sleeves = stage.json(&["sleeve", "list"]).await;
    let mine = sleeve(&sleeves, "mine");
    let number = |key: &str| dec(mine[key].as_str().unwrap());
    assert_eq!(number("cash"), dec("1000"), "{mine:#}");
    // 5 of 25 AAPL from 80 to 90 less fees of 0.2 and 1; 2 of 10 MSFT from 40 to 45.50 less 0.1.
    assert_eq!(number("realised"), dec("59.7"), "{mine:#}");
    // 30 at 100 and 8 at 50, bought for 1,600 and 320 with fees of 0.8 and 0.4.
    assert_eq!(number("unrealised"), dec("1478.8"), "{mine:#}");
    let trips = stage.json(&["roundtrip", "list", "--sleeve", "mine"]).await;
    assert_eq!(trips.as_array().unwrap().len(), 2, "{trips:#}");
    stage.check().await;
    // The symbol is free again, and what the sleeve has can be sold.
    let sell = [
        "order", "submit", "--sleeve", "mine", "--symbol", "AAPL", "--side", "sell", "--qty", "30",
    ];
    assert!(stage.step().await);
    stage.run(&sell).await.ok();
    assert!(stage.step().await);
    let filled = "SELECT count(*) FROM stockade.order WHERE status = 'filled'";
    stage.count_is("the sale", filled, 1).await;
    // A restart reads the same books, and the comparison goes on to balance.
    stage.kill_host();
    stage.start_host().await;
    balanced(&stage).await;
    stage.check().await;
}
