//! The moments around an order's bytes: the host dies after the claim is committed and before the
//! broker has seen a byte, and it is told to end while an order is on its way (K5, K6, K24, R3).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use stockade_exchange::faults::{Fault, FaultSettings, Hit, Site};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::crash;
use crate::market::{manual, wave};
use crate::program::until;
use crate::stage::{SOON, Stage};

/// RELIABILITY K24, and a moment for the process itself.
const DRAINED: Duration = Duration::from_secs(11);
const SENDING: &str = "SELECT count(*) FROM stockade.order WHERE status = 'sending'";

/// A way to the exchange that can lose orders: the requests reach nobody.
#[derive(Clone, Default)]
struct Way {
    loses: Arc<AtomicBool>,
    lost: Arc<AtomicUsize>,
}

impl Way {
    /// Opens it; gives its address.
    async fn open(&self, to: &str) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (way, to) = (self.clone(), to.trim_start_matches("http://").to_owned());
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let (way, to) = (way.clone(), to.clone());
                tokio::spawn(async move {
                    if let Ok(far) = TcpStream::connect(&to).await {
                        way.carry(near, far).await;
                    }
                });
            }
        });
        url
    }

    async fn carry(self, near: TcpStream, far: TcpStream) {
        let (mut asks, mut hears) = near.into_split();
        let (mut answers, mut takes) = far.into_split();
        let back = tokio::spawn(async move { tokio::io::copy(&mut answers, &mut hears).await });
        let mut bytes = vec![0; 64 << 10];
        let mut lost = false;
        while let Ok(count @ 1..) = asks.read(&mut bytes).await {
            // A client of HTTP/1.1 begins a request only after the last answer.
            if self.loses.load(Ordering::SeqCst) && bytes.starts_with(b"POST /v2/orders") {
                self.lost.fetch_add(1, Ordering::SeqCst);
                lost = true;
            }
            if !lost && takes.write_all(&bytes[..count]).await.is_err() {
                break;
            }
        }
        back.abort();
    }
}

/// A host with a bot that orders at every bar.
async fn busy(stage: &mut Stage) {
    stage.start_host().await;
    stage.deploy("even", "counter", "10000", "AAPL", &["every=1", "qty=3"]).await;
    stage.warm(&["AAPL"]).await;
    stage.step().await;
    stage.settled().await;
}

fn ids_at_the_exchange(stage: &Stage) -> Vec<String> {
    let orders = stage.get("/v2/orders?status=all&limit=500");
    let ids = orders.as_array().unwrap().iter();
    ids.map(|order| order["client_order_id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_never_left_is_given_up_and_never_sent_again() {
    let mut stage = Stage::new(manual(wave("AAPL", 400, 7), 100_000)).await;
    let way = Way::default();
    let url = way.open(&stage.exchange.url()).await;
    stage.around = stage.around.clone().with("ALPACA_PAPER_BASE_URL", url);
    busy(&mut stage).await;
    let mut never = Vec::new();
    for _ in 0..2 {
        way.loses.store(true, Ordering::SeqCst);
        stage.step_only().await;
        stage.count_is("an order in sending", SENDING, 1).await;
        stage.kill_host();
        let sending = "SELECT client_order_id FROM stockade.order WHERE status = 'sending'";
        let ids: Vec<String> = sqlx::query_scalar(sending).fetch_all(stage.pool()).await.unwrap();
        let there = ids_at_the_exchange(&stage);
        assert!(!ids.is_empty() && ids.iter().all(|id| !there.contains(id)), "{ids:?}");
        never.extend(ids);
        way.loses.store(false, Ordering::SeqCst);
        stage.start_host().await;
        let given_up = "SELECT count(*) FROM stockade.order WHERE status = 'abandoned'";
        let wanted = i64::try_from(never.len()).unwrap();
        stage.count_is("orders that never left are given up", given_up, wanted).await;
        // Nothing is reserved for it any more: the bot orders on.
        let before = ids_at_the_exchange(&stage).len();
        until("the bot orders on", SOON, async || {
            stage.step_only().await;
            tokio::time::sleep(Duration::from_millis(50)).await;
            (ids_at_the_exchange(&stage).len() > before + 1).then_some(())
        })
        .await;
        stage.settled().await;
    }
    let there = ids_at_the_exchange(&stage);
    assert!(never.iter().all(|id| !there.contains(id)), "sent again: {never:?}");
    crash::nothing_repeated(stage.pool()).await;
    println!(
        "{} orders never left, {} requests were lost",
        never.len(),
        way.lost.load(Ordering::SeqCst)
    );
    stage.check().await;
}

/// The exchange takes orders at once and answers so much later; its stream is silent meanwhile.
fn answers_after(ms: u64) -> FaultSettings {
    let sites = [(Site::SubmitOrder, Fault::Delay { ms }), (Site::TradeUpdate, Fault::Drop)];
    let hits =
        sites.iter().flat_map(|&(site, fault)| (1..=50).map(move |nth| Hit { site, nth, fault }));
    FaultSettings { hits: hits.collect(), ..FaultSettings::default() }
}

/// Tells the host to end, twice; gives how long it took.
async fn told_twice(stage: &mut Stage) -> Duration {
    let host = stage.host.as_mut().unwrap();
    let began = Instant::now();
    host.terminate();
    tokio::time::sleep(Duration::from_millis(100)).await;
    if host.ended().is_none() {
        host.terminate();
    }
    let status = host.wait(DRAINED).await;
    assert!(status.success(), "{status}\n{}", host.errors());
    began.elapsed()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_is_told_to_end_twice_waits_for_the_order_on_its_way() {
    let mut stage = Stage::new(manual(wave("AAPL", 400, 8), 100_000)).await;
    // A comparison would find the order before its answer comes.
    let seldom = ("STOCKADE_RECONCILE_INTERVAL_SECONDS", "600");
    stage.around = stage.around.clone().with(seldom.0, seldom.1);
    busy(&mut stage).await;
    // An answer that comes in time, and one that doesn't.
    for (ms, left) in [(2_000, 0), (600_000, 1)] {
        stage.exchange.set_faults(answers_after(ms)).unwrap();
        stage.step_only().await;
        stage.count_is("an order in sending", SENDING, 1).await;
        let took = told_twice(&mut stage).await;
        println!("an answer after {ms} ms: ended after {took:?}");
        assert_eq!(stage.count(SENDING).await, left);
        let held = "SELECT count(*) FROM stockade.lease WHERE released_at IS NULL";
        assert_eq!(stage.count(held).await, 0, "the lease was not given back");
        stage.exchange.set_faults(FaultSettings::default()).unwrap();
        let started = "SELECT count(*) FROM stockade.bot_event WHERE kind = 'started'";
        let before = stage.count(started).await;
        stage.start_host().await;
        stage.count_is("the bot started again", started, before + 1).await;
        stage.settled().await;
        stage.warm(&["AAPL"]).await;
        stage.settled().await;
    }
    crash::nothing_repeated(stage.pool()).await;
    stage.check().await;
}
