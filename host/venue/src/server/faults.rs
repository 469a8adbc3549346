//! The fault switch board: carries out what the exchange's [`FaultPlan`] decides.
//!
//! The plan is asked once for each REST request, each message of the account stream and each step
//! of the market. `GET /journal` is never disturbed: it is what others are measured against. A
//! held execution is held back on the account stream; REST answers tell the truth.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use stockade_exchange::faults::{Fault, FaultError, FaultPlan, FaultSettings, Site};
use stockade_exchange::{EventKind, TradeUpdate};

use super::config::StartError;

/// The plan in force, with how far it has got.
#[derive(Debug, Clone)]
pub(crate) struct Board(Arc<Mutex<FaultPlan>>);

impl Board {
    /// A board with a plan.
    pub(crate) fn new(settings: FaultSettings) -> Result<Self, FaultError> {
        Ok(Self(Arc::new(Mutex::new(FaultPlan::new(settings)?))))
    }

    /// Another plan, from its beginning.
    pub(crate) fn set(&self, settings: FaultSettings) -> Result<(), FaultError> {
        let plan = FaultPlan::new(settings)?;
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = plan;
        Ok(())
    }

    fn decide(&self, site: Site) -> Fault {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).decide(site)
    }

    /// What happens to this request.
    pub(crate) fn next_request(&self, method: &str, path: &str) -> Fault {
        site_of(method, path).map_or(Fault::None, |site| self.decide(site))
    }

    /// What happens to this message of the account stream.
    pub(crate) fn next_update(&self, update: &TradeUpdate) -> Fault {
        let fill = matches!(update.event, EventKind::Fill | EventKind::PartialFill);
        match if fill { self.decide(Site::Fill) } else { Fault::None } {
            Fault::None => self.decide(Site::TradeUpdate),
            held => held,
        }
    }

    /// What happens to this step on the data streams.
    pub(crate) fn next_market(&self) -> Fault {
        self.decide(Site::MarketData)
    }
}

/// Where a request is on the board; `None` for what is not Alpaca's.
fn site_of(method: &str, path: &str) -> Option<Site> {
    let orders = path.starts_with("/v2/orders");
    Some(match method {
        _ if path == "/journal" => return None,
        "POST" if orders => Site::SubmitOrder,
        "DELETE" if orders => Site::CancelOrder,
        "PATCH" if orders => Site::ReplaceOrder,
        "GET" if path == "/v2/orders" => Site::ListOrders,
        "GET" if orders => Site::GetOrder,
        "GET" if path == "/v2/account" => Site::Account,
        "GET" if path == "/v2/positions" => Site::Positions,
        "GET" if path.starts_with("/v2/account/activities") => Site::Activities,
        _ => Site::OtherRest,
    })
}

/// Reads a plan from a JSON file.
///
/// # Errors
/// [`StartError::Faults`] with the file and what is wrong in it.
pub fn read(path: &Path) -> Result<FaultSettings, StartError> {
    let wrong = |reason: String| StartError::Faults { path: path.to_owned(), reason };
    let text = std::fs::read(path).map_err(|error| wrong(error.to_string()))?;
    let settings: FaultSettings =
        serde_json::from_slice(&text).map_err(|error| wrong(error.to_string()))?;
    FaultPlan::new(settings.clone()).map_err(|error| wrong(error.to_string()))?;
    Ok(settings)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn every_request_has_its_place() {
        for (method, path, site) in [
            ("POST", "/v2/orders", Some(Site::SubmitOrder)),
            ("DELETE", "/v2/orders", Some(Site::CancelOrder)),
            ("PATCH", "/v2/orders/x", Some(Site::ReplaceOrder)),
            ("GET", "/v2/orders", Some(Site::ListOrders)),
            ("GET", "/v2/orders:by_client_order_id", Some(Site::GetOrder)),
            ("GET", "/v2/account/activities/FILL", Some(Site::Activities)),
            ("GET", "/v2/clock", Some(Site::OtherRest)),
            ("GET", "/journal", None),
        ] {
            assert_eq!(site_of(method, path), site, "{method} {path}");
        }
    }

    #[test]
    fn a_plan_with_an_unknown_member_is_refused_by_name() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("faults.json");
        std::fs::write(&path, r#"{"requests": []}"#).unwrap();
        let error = read(&path).unwrap_err().to_string();
        assert!(error.contains("faults.json") && error.contains("requests"), "{error}");
    }
}
