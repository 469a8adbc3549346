//! A place whose host trades on its private PostgreSQL, with an exchange of its own.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::json;
use sqlx::{AssertSqlSafe, Connection as _};
use stockade_store::query::PgPool;
use stockade_store::{Cluster, Store};
use stockade_venue::server::{DEFAULT_KEY_ID, ExchangeServer, RunningExchange};

use crate::market::{manual, wave};
use crate::program::{Running, Surroundings, signal, until};
use crate::stage::{SOON, ask, get, surroundings};
use crate::{bots, crash, ledger};

/// Such a place. Whatever it started is ended when it is dropped.
pub(crate) struct Private {
    pub(crate) exchange: RunningExchange,
    pub(crate) around: Surroundings,
    pub(crate) host: Running,
    pub(crate) data: PathBuf,
    cluster: Option<Cluster>,
}

impl Drop for Private {
    fn drop(&mut self) {
        self.host.kill();
        if let Some(pid) = self.cluster.take().as_ref().and_then(Cluster::pid)
            && Path::new(&format!("/proc/{pid}")).exists()
        {
            signal(pid, "QUIT");
        }
    }
}

impl Private {
    /// A host with a bot that orders at every bar, in the folder `data`.
    pub(crate) async fn start(data: &Path, more: &[(&str, &str)]) -> Self {
        let config = manual(wave("AAPL", 1_200, 9), 100_000);
        let exchange = ExchangeServer::start(config).await.unwrap();
        let mut around = surroundings(&exchange.url(), data);
        for (name, value) in more {
            around = around.with(name, *value);
        }
        bots::install("counter", &data.join("plugins"), "counter");
        let mut host = around.start(&["run"]);
        crash::ready(&mut host, &data.join("stockade.sock")).await;
        let cluster = Some(Cluster::open(data).await.unwrap());
        let place = Self { exchange, around, host, data: data.to_owned(), cluster };
        let bot = ["bot", "deploy", "even", "--plugin", "counter", "--capital", "10000"];
        let what = ["--symbols", "AAPL", "--param", "every=1"];
        place.around.run(&[&bot[..], &what].concat()).await.ok();
        place
    }

    pub(crate) fn cluster(&self) -> &Cluster {
        self.cluster.as_ref().expect("the place has a cluster")
    }

    /// The server's process.
    pub(crate) fn postmaster(&self) -> u32 {
        self.cluster().pid().expect("a server runs")
    }

    pub(crate) fn fills(&self) -> usize {
        let journal = self.exchange.journal(DEFAULT_KEY_ID);
        journal.iter().filter(|line| line.kind == stockade_exchange::JournalKind::Fill).count()
    }

    /// Ids of the orders that the exchange has, of whatever status.
    pub(crate) fn orders(&self) -> Vec<String> {
        let orders = get(&self.exchange.url(), "/v2/orders?status=all&limit=500");
        let ids = orders.as_array().unwrap().iter();
        ids.map(|order| order["client_order_id"].as_str().unwrap().to_owned()).collect()
    }

    /// Lets time pass until the bot has so many more fills.
    pub(crate) async fn trades(&self, more: usize) {
        let before = self.fills();
        until("the bot trades", SOON, async || {
            if self.fills() >= before + more {
                return Some(());
            }
            self.exchange.step().await.unwrap();
            tokio::time::sleep(Duration::from_millis(50)).await;
            None
        })
        .await;
    }

    pub(crate) async fn ask(&self, request: &str) -> Option<serde_json::Value> {
        let task = json!({"host": {"request": request}});
        let answer = ask(&self.data.join("stockade.sock"), task).await?;
        Some(answer["host"].clone())
    }

    /// A number that the database counts; `None` while it does not answer. A connection each
    /// time: a pool would look for the database at times of its own.
    pub(crate) async fn count(&self, sql: &str) -> Option<i64> {
        let mut connection = sqlx::PgConnection::connect(&self.cluster().url()).await.ok()?;
        let sql = AssertSqlSafe(sql.to_owned());
        sqlx::query_scalar(sql).fetch_one(&mut connection).await.ok()
    }

    /// Waits until every fill is booked and a comparison balances.
    pub(crate) async fn settled(&self) {
        until("every fill is booked, and balanced", SOON, async || {
            // In this order: an order that waits may be sent and filled between two looks.
            let waiting = "SELECT count(*) FROM stockade.order
                WHERE status IN ('accepted', 'sending', 'unknown')";
            let waiting = self.count(waiting).await?;
            let booked = self.count("SELECT count(*) FROM stockade.execution").await?;
            let compared = self.ask("reconcile").await?;
            let all = usize::try_from(booked).ok()? == self.fills();
            (all && waiting == 0 && compared["balanced"] == true).then_some(())
        })
        .await;
    }

    /// The books agree with the exchange, no intent became two orders, and every order that the
    /// exchange ever saw has its row (I13).
    pub(crate) async fn holds(&self) {
        let store = Store::open(&self.cluster().url()).await.unwrap();
        let journal = self.exchange.journal(DEFAULT_KEY_ID);
        assert!(ledger::agrees_as_a_whole(store.reads(), &journal).await > 1);
        crash::nothing_repeated(store.reads()).await;
        self.every_order_has_its_row(store.reads()).await;
        store.close().await;
        let checked = self.around.run(&["db", "check", "--json"]).await.ok().json();
        assert_eq!(checked["ok"], true, "{checked:#}");
    }

    async fn every_order_has_its_row(&self, pool: &PgPool) {
        let known = "SELECT client_order_id FROM stockade.order";
        let known: Vec<String> = sqlx::query_scalar(known).fetch_all(pool).await.unwrap();
        let strange: Vec<_> = self.orders().into_iter().filter(|id| !known.contains(id)).collect();
        assert!(strange.is_empty(), "orders at the exchange without a row: {strange:?}");
    }

    /// Ends the host in order, and the cluster.
    pub(crate) async fn stop(mut self) {
        self.host.terminate();
        let status = self.host.wait(SOON).await;
        assert!(status.success(), "{status}\n{}", self.host.errors());
        self.cluster.take().unwrap().stop().await.unwrap();
    }
}
