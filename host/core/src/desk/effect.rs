//! What comes out of the desk. Nothing here has happened yet: the driver commits the rows first and
//! performs the actions then.

use serde::{Deserialize, Serialize};
use std::sync::Arc;

use super::event::Reply;
use crate::broker::BrokerOrder;
use crate::decimal::{Price, Qty};
use crate::id::{IntentId, LotId, OrderId, SleeveId, Symbol};
use crate::order::{OrderStatus, Side};
use crate::row::Row;
use crate::time::Timestamp;

/// Rows to commit, then actions to perform.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Effects {
    /// To commit, in order, in one transaction.
    pub rows: Vec<Row>,
    /// To perform once the rows are committed, in order.
    pub actions: Vec<Action>,
    /// The answer to a command; to give once the rows are committed.
    pub reply: Option<Reply>,
}

impl Effects {
    /// Forgets everything, keeps the memory.
    pub fn clear(&mut self) {
        self.rows.clear();
        self.actions.clear();
        self.reply = None;
    }

    /// Whether there is nothing to do.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty() && self.actions.is_empty() && self.reply.is_none()
    }
}

/// Something for the edges to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "snake_case")]
pub enum Action {
    /// Post a new order, once. Comes back as `Submitted`.
    Submit {
        /// What to post.
        order: BrokerOrder,
        /// The attempt, to go back with the answer.
        attempt: u32,
    },
    /// Ask for a cancel. Comes back as `CancelAnswered`.
    Cancel {
        /// Which.
        order: OrderId,
        /// The broker's id.
        broker_order_id: String,
    },
    /// Look an order up by its client order id. Comes back as `LookedUp`.
    LookUp {
        /// Which.
        order: OrderId,
        /// Its client order id.
        client_order_id: String,
    },
    /// Read account, positions, orders and fills. Comes back as `Snapshot`.
    Snapshot {
        /// From when orders and fills are wanted.
        since: Timestamp,
    },
    /// Ask the books. Comes back as `Books`.
    ReadBooks {
        /// What.
        question: super::inquiry::Question,
    },
    /// Tell a bot what became of its orders.
    Notify {
        /// Whose.
        sleeve: SleeveId,
        /// What.
        update: OrderUpdate,
    },
    /// Start an instance of a bot (load, restore its snapshot, catch up).
    StartBot {
        /// Whose.
        sleeve: SleeveId,
        /// The generation it gets.
        generation: u64,
    },
    /// Stop the instance of a bot.
    StopBot {
        /// Whose.
        sleeve: SleeveId,
    },
    /// This host must not trade this account: say why and end.
    Refuse {
        /// Why.
        why: String,
    },
    /// Tell people.
    Alert {
        /// `info`, `warning` or `serious`.
        severity: String,
        /// What.
        message: String,
    },
}

/// What became of a bot's order: the `on-orders` event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderUpdate {
    /// What the bot calls it.
    pub intent_id: IntentId,
    /// Of what.
    pub symbol: Symbol,
    /// Buy or sell.
    pub side: Side,
    /// Where the order is now; `None` when it was refused by the host.
    pub status: Option<OrderStatus>,
    /// The refusal's code, or the broker's words.
    pub reason: Option<Arc<str>>,
    /// Filled in all.
    pub filled_qty: Qty,
    /// This fill's quantity; zero when the update is none.
    pub last_qty: Qty,
    /// This fill's price.
    pub last_price: Option<Price>,
    /// The lot that this fill opened; none where lots are pooled.
    #[serde(default)]
    pub lot: Option<LotId>,
    /// When, by the market's time.
    pub at: Timestamp,
}
