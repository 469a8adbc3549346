//! Shards: bots on threads of their own.

use std::sync::Arc;

use stockade_core::SleeveId;
use tokio::sync::mpsc::{Receiver, channel};

use super::wat_bot::*;
use crate::*;

const SLEEVE: SleeveId = SleeveId(12);

fn pool(threads: usize) -> (ShardPool, Receiver<ShardReply>) {
    let (sender, replies) = channel(256);
    (ShardPool::new(threads, &sender).unwrap(), replies)
}

fn request(generation: u64, bot: &WatBot) -> StartRequest {
    let (plugin, config) = (bot.load(), config());
    StartRequest {
        sleeve: SLEEVE,
        generation,
        plugin,
        config,
        snapshot: None,
    }
}

fn owned(count: u32) -> OwnedCall {
    let list = bars(count);
    OwnedCall {
        now: list.last().unwrap().at,
        events: OwnedEvents::Bars(list),
        warm_up: false,
        view: Arc::new(view("10000")),
        prices: Arc::new(TestPrices::default()),
        save: true,
    }
}

fn buyer() -> WatBot {
    WatBot::bars(&format!(
        "(drop (call $submit (local.get $cap) (i32.const 0) (i32.const 0) (i64.const 1) (i32.const 0))) {DONE}"
    ))
}

#[test]
fn a_bot_lives_on_a_shard_from_start_to_reload_and_back() {
    let (mut pool, mut replies) = pool(2);
    let mut next = || replies.blocking_recv().unwrap();
    pool.start(request(1, &buyer())).unwrap();
    assert!(matches!(next(), ShardReply::Started { generation: 1, .. }));
    pool.call(SLEEVE, 1, owned(1)).unwrap();
    let ShardReply::Called {
        outcome, snapshot, ..
    } = next()
    else {
        panic!()
    };
    assert_eq!(outcome.requests.len(), 1);
    assert_eq!(snapshot.unwrap().state, 1_u64.to_le_bytes());
    pool.call(SLEEVE, 7, owned(1)).unwrap();
    assert!(matches!(next(), ShardReply::Stale { generation: 7, .. }));
    pool.reload(request(2, &WatBot::default())).unwrap();
    assert!(matches!(next(), ShardReply::Reloaded { generation: 2, .. }));
    pool.call(SLEEVE, 2, owned(2)).unwrap();
    assert!(matches!(next(), ShardReply::Called { .. }));
    pool.save(SLEEVE, 2).unwrap();
    let ShardReply::Saved { snapshot, .. } = next() else {
        panic!()
    };
    assert_eq!(snapshot.state, 3_u64.to_le_bytes());
    pool.roll_back(SLEEVE, 3).unwrap();
    assert!(matches!(
        next(),
        ShardReply::RolledBack { generation: 3, .. }
    ));
    pool.save(SLEEVE, 3).unwrap();
    let ShardReply::Saved { snapshot, .. } = next() else {
        panic!()
    };
    assert_eq!(snapshot.state, 1_u64.to_le_bytes(), "its state of the swap");
    pool.roll_back(SLEEVE, 4).unwrap();
    assert!(matches!(next(), ShardReply::Stale { .. }));
    pool.stop(SLEEVE).unwrap();
    assert_eq!(
        pool.save(SLEEVE, 3),
        Err(ShardError::Unknown { sleeve: SLEEVE })
    );
}

#[test]
fn a_strike_on_a_shard_leaves_the_others_alone_and_a_new_instance_takes_the_state() {
    let (mut pool, mut replies) = pool(1);
    let mut next = || replies.blocking_recv().unwrap();
    let other = SleeveId(13);
    pool.start(StartRequest {
        sleeve: other,
        ..request(1, &WatBot::default())
    })
    .unwrap();
    pool.start(request(1, &WatBot::bars("unreachable")))
        .unwrap();
    next();
    next();
    pool.call(SLEEVE, 1, owned(1)).unwrap();
    assert!(matches!(next(), ShardReply::Struck { sleeve: SLEEVE, .. }));
    pool.call(other, 1, owned(1)).unwrap();
    assert!(matches!(next(), ShardReply::Called { .. }));
    pool.reload(request(2, &WatBot::default())).unwrap();
    assert!(
        matches!(next(), ShardReply::Stale { .. }),
        "there is no state to take"
    );
    let snapshot = Some(Snapshot {
        schema: 0,
        state: 40_u64.to_le_bytes().to_vec(),
    });
    pool.start(StartRequest {
        snapshot,
        ..request(3, &WatBot::default())
    })
    .unwrap();
    assert!(matches!(next(), ShardReply::Started { .. }));
    pool.call(SLEEVE, 3, owned(2)).unwrap();
    next();
    pool.save(SLEEVE, 3).unwrap();
    assert!(
        matches!(next(), ShardReply::Saved { snapshot, .. } if snapshot.state == 42_u64.to_le_bytes())
    );
}

#[test]
fn a_reload_to_a_broken_version_keeps_the_old_one() {
    let (mut pool, mut replies) = pool(1);
    let mut next = || replies.blocking_recv().unwrap();
    pool.start(request(1, &WatBot::default())).unwrap();
    next();
    let broken = WatBot {
        restore: "unreachable",
        ..WatBot::default()
    };
    pool.reload(request(2, &broken)).unwrap();
    assert!(matches!(
        next(),
        ShardReply::Kept {
            generation: 1,
            alive: true,
            ..
        }
    ));
    pool.call(SLEEVE, 1, owned(2)).unwrap();
    assert!(matches!(next(), ShardReply::Called { .. }));
}

struct Panics;

impl stockade_core::sleeve::Prices for Panics {
    fn find(&self, _: &stockade_core::Symbol) -> Option<stockade_core::InstrumentId> {
        None
    }

    fn instrument(
        &self,
        _: stockade_core::InstrumentId,
    ) -> Option<&stockade_core::instrument::Instrument> {
        panic!("the host fails")
    }

    fn last(
        &self,
        _: stockade_core::InstrumentId,
    ) -> Option<(stockade_core::Price, stockade_core::Timestamp)> {
        None
    }
}

#[test]
fn a_panic_of_the_host_is_reported() {
    let (mut pool, mut replies) = pool(1);
    pool.start(request(1, &WatBot::default())).unwrap();
    replies.blocking_recv().unwrap();
    pool.call(
        SLEEVE,
        1,
        OwnedCall {
            prices: Arc::new(Panics),
            ..owned(1)
        },
    )
    .unwrap();
    assert!(matches!(
        replies.blocking_recv().unwrap(),
        ShardReply::Died { shard: 0 }
    ));
}
