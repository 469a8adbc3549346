//! `stockade backtest`: components against files of bars, in one thread, deterministic.
//!
//! The lockstep loop with a sink that keeps what the results need and drops the rest. One data
//! set can be run with many parameters ([`sweep`]), and window by window with the parameters that
//! were best before it ([`walk`]).

mod costs;
mod files;
mod goal;
mod page;
mod result;
mod run;
mod sweep;
#[cfg(test)]
mod tests;
mod walk;
mod warm;

use stockade_venue::files::{read_actions, read_feed};

use crate::cli::backtest::BacktestArgs;
use crate::cli::screen;
use crate::config::Settings;
use crate::drivers::stored;
use crate::failure::Failure;

pub(crate) use result::Summary;
use run::lay_out_feed;
#[cfg(test)]
pub(crate) use run::run_made;
pub(crate) use run::{Entry, Setup, lay_out, rules, run_native, run_once};
pub(crate) use sweep::{Params, SetResult, run_sets};

/// Runs what the arguments ask for and prints the result.
pub(crate) fn run(settings: &Settings, args: &BacktestArgs) -> Result<(), Failure> {
    let began = std::time::Instant::now();
    let unreadable = |error: stockade_venue::files::FileError| Failure::Usage(error.to_string());
    let mut sources = args.bars.clone();
    for symbol in &args.stored {
        let source = stored::source(&settings.data, symbol, &args.timeframe);
        sources.push(source.map_err(|error| Failure::Usage(error.to_string()))?);
    }
    let feed = read_feed(&sources).map_err(unreadable)?;
    let actions = args.actions.as_deref().map(read_actions).transpose().map_err(unreadable)?;
    let market = lay_out_feed(&feed, &actions.unwrap_or_default())?;
    drop(feed);
    let sets = sweep::sets_of(&args.params)?;
    let setup = Setup::of(args, &settings.trust(false)?, settings.data.join("cache"))?;
    if let Some(walk) = args.walk_forward {
        return walk::run(args, walk, &setup, &market, &sets);
    }
    let [params] = sets.as_slice() else {
        return sweep::sweep(args, &setup, &market, &sets);
    };
    let mut setup = setup.with_params(params);
    setup.keeps_orders = args.out.is_some();
    let mut result = run_once(&setup, &market)?;
    result.summary.elapsed_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    if let Some(folder) = &args.out {
        files::write(folder, &result).map_err(Failure::Failed)?;
    }
    if args.json {
        screen::json(&result.summary)?
    } else {
        result.summary.print()?
    }
    result.summary.clean()
}
