//! Trade busts and corrections.

use std::sync::Arc;

use super::effect::Effects;
use super::inquiry::HoldingHistory;
use super::state::Desk;

impl Desk {
    pub(super) fn on_holding(
        &mut self,
        _execution_id: &Arc<str>,
        _history: Option<&HoldingHistory>,
        _out: &mut Effects,
    ) {
    }
}
