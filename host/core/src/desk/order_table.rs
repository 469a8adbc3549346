//! The orders that the desk keeps: by number, in the order of their acceptance.
//!
//! An order is asked for dozens of times in its life. Numbers are given one after another, so that
//! counting back from the last one finds nearly every order at once; where an old order is still
//! open and its neighbours have gone, a search does.

use std::collections::VecDeque;
use std::ops::Index;

use crate::id::OrderId;
use crate::row::OrderRow;

/// Orders by number.
#[derive(Debug, Default)]
pub(super) struct OrderTable {
    /// Ascending; what stands at the same place of `rows` has that number.
    ids: VecDeque<OrderId>,
    /// Boxed: an order that goes moves its neighbours.
    rows: VecDeque<Box<OrderRow>>,
}

impl OrderTable {
    pub(super) fn get(&self, id: &OrderId) -> Option<&OrderRow> {
        self.place(*id).ok().map(|place| &*self.rows[place])
    }

    pub(super) fn get_mut(&mut self, id: &OrderId) -> Option<&mut OrderRow> {
        self.place(*id).ok().map(|place| &mut *self.rows[place])
    }

    pub(super) fn contains_key(&self, id: &OrderId) -> bool {
        self.place(*id).is_ok()
    }

    pub(super) fn values(&self) -> impl Iterator<Item = &OrderRow> {
        self.rows.iter().map(|row| &**row)
    }

    /// Adds an order, or takes another row for it.
    pub(super) fn insert(&mut self, id: OrderId, row: OrderRow) {
        match self.place(id) {
            Ok(place) => *self.rows[place] = row,
            Err(place) => {
                self.ids.insert(place, id);
                self.rows.insert(place, Box::new(row));
            }
        }
    }

    pub(super) fn remove(&mut self, id: &OrderId) -> Option<OrderRow> {
        let place = self.place(*id).ok()?;
        self.ids.remove(place);
        self.rows.remove(place).map(|row| *row)
    }

    /// Where an order stands, or where it would.
    fn place(&self, id: OrderId) -> Result<usize, usize> {
        let Some(last) = self.ids.back() else {
            return Err(0);
        };
        if id > *last {
            return Err(self.ids.len());
        }
        let back = usize::try_from(last.0 - id.0).unwrap_or(usize::MAX);
        let guess = (self.ids.len() - 1).checked_sub(back);
        match guess.filter(|place| self.ids[*place] == id) {
            Some(place) => Ok(place),
            None => self.ids.binary_search(&id),
        }
    }
}

impl Index<&OrderId> for OrderTable {
    type Output = OrderRow;

    fn index(&self, id: &OrderId) -> &OrderRow {
        self.get(id).expect("an order that is kept")
    }
}
