//! `stockade bench`: figures that are measured, each beside a baseline of the same run.
//!
//! A figure without its baseline says more of the machine than of the program. Inputs are generated
//! from a seed; databases are private ones in a folder of their own, with fsync on, and are stopped
//! at the end. The user's data folder and database are out of reach.

mod backtest;
mod booking;
mod broker;
mod call;
mod commits;
mod exchange;
mod fanout;
mod figure;
mod figures;
mod heavy;
mod herd;
mod import;
mod isolation;
mod latency;
mod made;
pub(in crate::drivers) mod market;
mod marks;
mod memory;
mod native;
mod place;
mod queries;
mod reload;
mod start;
mod sweep;
mod tap;

use crate::cli::bench::BenchArgs;
use crate::cli::screen;
use crate::config::Settings;
use crate::failure::Failure;
use figure::Figure;
use place::Place;

/// The seed of everything that is generated.
const SEED: u64 = 20_190_211;

/// What can be measured, in the order in which all of it is.
const NAMES: [&str; 18] = [
    "call",
    "backtest",
    "backtest-many",
    "native-ratio",
    "python",
    "javascript",
    "fanout",
    "sweep",
    "isolation",
    "reload",
    "latency",
    "booking",
    "marks",
    "figures",
    "memory",
    "start",
    "queries",
    "import",
];

/// Measures what is named, or all there is.
pub(crate) async fn run(settings: &Settings, args: &BenchArgs) -> Result<(), Failure> {
    let place = Place::new(settings, args).map_err(Failure::Failed)?;
    if let Some(bots) = args.name.as_deref().and_then(memory::child_of) {
        return memory::child(&place, bots);
    }
    if let Some(bots) = args.name.as_deref().and_then(fanout::child_of) {
        return fanout::child(&place, bots);
    }
    if args.name.as_deref().is_some_and(start::is_child) {
        return start::child(settings).await;
    }
    let names: Vec<&str> = match args.name.as_deref() {
        None => NAMES.to_vec(),
        Some(name) if NAMES.contains(&name) => vec![name],
        Some(name) => return Err(unknown(name)),
    };
    let mut figures: Vec<Figure> = Vec::new();
    for name in names {
        screen::note(&format!("measuring {name} …"));
        let measured = match name {
            "call" => call::measure(&place),
            "backtest" => backtest::measure(&place),
            "backtest-many" => backtest::measure_many(&place),
            "python" => backtest::measure_language(&place, "python", "sma-cross-py"),
            "javascript" => backtest::measure_language(&place, "javascript", "sma-cross-js"),
            "native-ratio" => backtest::measure_ratio(&place),
            "sweep" => sweep::measure(&place),
            "marks" => marks::measure().map_err(Failure::Failed),
            "isolation" => place.guarded("isolation", isolation::measure(&place)).await,
            "reload" => reload::measure(&place).await,
            "latency" => place.guarded("latency", latency::measure(&place)).await,
            "booking" => place.guarded("booking", booking::measure(&place)).await,
            "figures" => place.guarded("figures", figures::measure(&place)).await,
            "fanout" => fanout::measure(&place),
            "memory" => place.guarded("memory-books", memory::measure(&place)).await,
            "start" => place.guarded("start", start::measure(&place)).await,
            "import" => place.guarded("import", import::measure(&place)).await,
            "queries" => place.guarded("queries", queries::measure(&place)).await,
            _ => Err(unknown(name)),
        };
        figures.extend(measured?);
    }
    if args.json { screen::json(&figures) } else { figure::table(&figures).print() }
}

fn unknown(name: &str) -> Failure {
    let nearest = crate::config::nearest(name, NAMES);
    Failure::Usage(format!(
        "\"{name}\" is no benchmark, the nearest is \"{}\" (there are {})",
        nearest.unwrap_or_default(),
        NAMES.join(", ")
    ))
}
