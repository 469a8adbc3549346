//! Bots in shadow: they see the live market, and nothing of them reaches the broker or the account's
//! money (L5, and Part F's "in shadow").

use serde_json::Value;
use stockade_exchange::JournalKind;
use stockade_store::query::shadow_label;
use stockade_venue::server::FeedBar;

use crate::bots;
use crate::market::{dec, flat, manual};
use crate::program::until;
use crate::stage::{SOON, Stage};

/// Where the bots trade: a day whose every minute has a price of its own.
fn market() -> Vec<FeedBar> {
    let of = |symbol: &'static str, base: i64| {
        (0..150).map(move |minute| {
            let cents = base * 100 + minute;
            flat(symbol, minute, &format!("{}.{:02}", cents / 100, cents % 100))
        })
    };
    of("AAPL", 100).chain(of("MSFT", 200)).collect()
}

struct Shadow {
    stage: Stage,
    account: String,
}

impl Shadow {
    /// A host with `real`, which trades AAPL, and in shadow `ghost` with that script.
    async fn new(script: &str, ghost: &str) -> Self {
        let stage = Stage::with_host(manual(market(), 100_000)).await;
        bots::install("scripted", &stage.plugins(), "scripted");
        let param = format!("script={script}");
        stage.deploy("real", "scripted", "20000", "AAPL", &[&param]).await;
        let shadow = Self { stage, account: shadow_label("paper") };
        shadow.deploy("ghost", ghost).await;
        shadow
    }

    async fn deploy(&self, name: &str, script: &str) {
        let param = format!("script={script}");
        // More than the whole account has.
        let arguments = [
            "bot",
            "deploy",
            name,
            "--plugin",
            "scripted",
            "--capital",
            "500000",
            "--symbols",
            "AAPL,MSFT",
            "--param",
            &param,
            "--shadow",
        ];
        self.stage.run(&arguments).await.ok();
        self.stage.bot_is(name, "running").await;
    }

    /// One minute, seen by both hosts; every order of it has its answer.
    async fn step(&self) {
        assert!(self.stage.step_only().await, "the market ended too early");
        self.taken().await;
    }

    async fn taken(&self) {
        let now = self.stage.exchange.now();
        for account in ["paper", &self.account] {
            let sql = format!(
                "SELECT coalesce(max(at_ns), 0) FROM stockade.equity WHERE account = '{account}'"
            );
            self.stage.count_is("the host at the market's time", &sql, now - 1_000_000_000).await;
        }
    }

    /// The minute of the market that has ended last, after the opening bell.
    fn minute(&self) -> i64 {
        (self.stage.exchange.now() - crate::market::OPEN) / crate::market::MINUTE
    }

    async fn to_minute(&self, minute: i64) {
        while self.minute() < minute {
            self.step().await;
        }
    }

    /// Orders of a sleeve, once there are so many and each has its answer.
    async fn orders(&self, sleeve: &str, count: usize) -> Vec<Value> {
        until(&format!("{count} orders of {sleeve}"), SOON, async || {
            let found = self.stage.json(&["order", "list", "--sleeve", sleeve]).await;
            let found = found.as_array().unwrap().clone();
            let answered = found.iter().all(|order| {
                !matches!(order["status"].as_str().unwrap(), "accepted" | "sending" | "unknown")
            });
            (found.len() >= count && answered).then_some(found)
        })
        .await
    }

    /// Executions of a sleeve, once there are so many, as side, symbol, quantity and price.
    async fn executions(&self, sleeve: &str, count: usize) -> Vec<[String; 4]> {
        until(&format!("{count} executions of {sleeve}"), SOON, async || {
            let found = self.stage.json(&["execution", "list", "--sleeve", sleeve]).await;
            let found = found.as_array().unwrap();
            let of = |row: &Value| {
                ["side", "symbol", "qty", "price"].map(|key| row[key].as_str().unwrap().to_owned())
            };
            (found.len() >= count).then(|| found.iter().map(of).collect())
        })
        .await
    }

    async fn sleeve(&self, name: &str) -> Value {
        self.stage.json(&["sleeve", "show", name]).await
    }

    async fn balanced(&self) {
        until("both accounts balance", SOON, async || {
            let real = self.stage.json(&["reconcile", "--account", "paper"]).await;
            let shadow = self.stage.json(&["reconcile", "--account", &self.account]).await;
            (real["balanced"] == true && shadow["balanced"] == true).then_some(())
        })
        .await;
    }

    /// Symbols of what was ever executed at the broker.
    fn executed(&self) -> Vec<String> {
        let fills = self.stage.journal().into_iter().filter(|line| line.kind == JournalKind::Fill);
        fills.map(|line| format!("{} {}", line.qty_delta, line.symbol.unwrap())).collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shadow_trades_what_the_market_brings_and_nothing_of_it_is_sent() {
    let ghost = "14:45 buy 100 AAPL; 14:45 buy 7 MSFT; 15:00 sell 40 AAPL";
    let shadow = Shadow::new("14:45 buy 10 AAPL", ghost).await;
    let before = shadow.stage.json(&["capital", "show", "--account", "paper"]).await;
    assert_eq!(before[0]["allocated"], "20000");
    shadow.to_minute(16).await;
    assert_eq!(shadow.orders("real", 1).await.len(), 1);
    let orders = shadow.orders("ghost", 2).await;
    assert!(orders.iter().all(|order| order["account"] == *shadow.account), "{orders:#?}");
    // Both trade at the last price of the market.
    shadow.to_minute(17).await;
    assert_eq!(shadow.executions("real", 1).await, [["buy", "AAPL", "10", "100.15"]]);
    let wanted = [["buy", "AAPL", "100", "100.15"], ["buy", "MSFT", "7", "200.15"]];
    let mut found = shadow.executions("ghost", 2).await;
    found.sort();
    assert_eq!(found, wanted);
    shadow.to_minute(31).await;
    shadow.orders("ghost", 3).await;
    shadow.to_minute(32).await;
    let found = shadow.executions("ghost", 3).await;
    assert!(found.contains(&["sell", "AAPL", "40", "100.3"].map(str::to_owned)), "{found:?}");
    shadow.balanced().await;

    // What the broker knows is the real bot's alone, orders included.
    assert_eq!(shadow.executed(), ["10 AAPL"]);
    let sent = shadow.stage.get("/v2/orders?status=all&limit=500");
    assert_eq!(sent.as_array().unwrap().len(), 1, "{sent:#}");
    // One data connection; the market of both comes through it.
    assert_eq!(shadow.stage.get("/v2/account")["cash"], "98998.5");
    let after = shadow.stage.json(&["capital", "show", "--account", "paper"]).await;
    assert_eq!(
        (&after[0]["allocated"], after[0]["sleeves"].as_array().unwrap().len()),
        (&before[0]["allocated"], before[0]["sleeves"].as_array().unwrap().len())
    );

    // What people see.
    let bots = shadow.stage.json(&["bot", "list"]).await;
    let told: Vec<(&Value, &Value)> =
        bots.as_array().unwrap().iter().map(|bot| (&bot["name"], &bot["shadow"])).collect();
    assert_eq!(
        told,
        [(&Value::from("real"), &Value::from(false)), (&Value::from("ghost"), &Value::from(true))]
    );
    for (noun, action) in
        [("bot", "list"), ("sleeve", "list"), ("position", "list"), ("order", "list")]
    {
        let text = shadow.stage.run(&[noun, action]).await.ok().stdout;
        assert!(text.contains("ghost (shadow)") && !text.contains("real (shadow)"), "{text}");
    }
    let sleeve = shadow.sleeve("ghost").await;
    assert_eq!(sleeve["account"], *shadow.account);
    let cash = dec(sleeve["cash"].as_str().unwrap());
    let spent = dec("100") * dec("100.15") + dec("7") * dec("200.15") - dec("40") * dec("100.30");
    assert_eq!(cash, dec("500000") - spent);
    let positions = shadow.stage.json(&["position", "list", "--sleeve", "ghost"]).await;
    assert_eq!(positions[0]["share_of_account_pct"], 100.0, "{positions:#}");
    let taken = shadow
        .stage
        .run(&[
            "bot",
            "deploy",
            "ghost",
            "--plugin",
            "scripted",
            "--capital",
            "1",
            "--symbols",
            "AAPL",
        ])
        .await;
    taken.ended(3);

    // A person reaches it by its name, as any other.
    shadow.stage.run(&["bot", "stop", "ghost"]).await.ok();
    shadow.stage.bot_is("ghost", "stopped").await;
    // It has positions.
    shadow.stage.run(&["bot", "remove", "ghost"]).await.ended(3);
    shadow.stage.run(&["bot", "start", "ghost"]).await.ok();
    shadow.stage.bot_is("ghost", "running").await;
    shadow.stage.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shadow_goes_on_after_a_kill_and_its_orders_meet_what_it_slept_through() {
    let ghost = "14:45 buy 100 AAPL; 14:46 sell 50 AAPL limit 100.40; 15:30 sell 20 AAPL";
    let mut shadow = Shadow::new("14:45 buy 10 AAPL", ghost).await;
    shadow.to_minute(16).await;
    shadow.orders("ghost", 1).await;
    shadow.to_minute(17).await;
    shadow.executions("ghost", 1).await;
    // The limit is above the market; it works at the simulated broker when the host dies.
    let orders = shadow.orders("ghost", 2).await;
    assert!(
        orders
            .iter()
            .any(|order| order["limit_price"] == "100.4" && order["status"] == "acknowledged"),
        "{orders:#?}"
    );
    shadow.stage.kill_host();
    while shadow.minute() < 45 {
        assert!(shadow.stage.step_only().await);
    }
    shadow.stage.start_host().await;
    // The bars of the gap have filled it, at its price.
    let found = shadow.executions("ghost", 2).await;
    assert!(found.contains(&["sell", "AAPL", "50", "100.4"].map(str::to_owned)), "{found:?}");
    shadow.balanced().await;
    // A second end, with nothing open.
    shadow.stage.kill_host();
    shadow.stage.start_host().await;
    shadow.stage.bot_is("ghost", "running").await;
    shadow.to_minute(61).await;
    shadow.orders("ghost", 3).await;
    shadow.to_minute(62).await;
    let found = shadow.executions("ghost", 3).await;
    assert!(found.contains(&["sell", "AAPL", "20", "100.6"].map(str::to_owned)), "{found:?}");
    assert_eq!(found.len(), 3);
    shadow.balanced().await;
    let positions = shadow.stage.json(&["position", "list", "--sleeve", "ghost"]).await;
    assert_eq!(positions[0]["qty"], "30");
    assert_eq!(shadow.executed(), ["10 AAPL"]);
    shadow.stage.check().await;
}
