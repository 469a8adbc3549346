//! What happens to the account beside trades: dividends, splits, fees, interest, cash.

use std::sync::Arc;

use super::effect::Effects;
use super::inquiry::Traded;
use super::state::Desk;
use crate::decimal::Qty;
use crate::id::SleeveId;

impl Desk {
    pub(super) fn on_held(
        &mut self,
        _activity: &Arc<str>,
        _held: &[(SleeveId, Qty)],
        _out: &mut Effects,
    ) {
    }

    pub(super) fn on_traded(
        &mut self,
        _activity: &Arc<str>,
        _traded: &[Traded],
        _out: &mut Effects,
    ) {
    }
}
