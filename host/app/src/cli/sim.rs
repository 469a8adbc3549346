//! `stockade sim`: the fault simulator.

/// Search for a sequence of faults that breaks an invariant
#[derive(Debug, Clone, clap::Args)]
#[command(
    group = clap::ArgGroup::new("which").required(true).args(["seeds", "seed"]),
    after_help = "Example:\n  stockade sim --seeds 500"
)]
pub(crate) struct SimArgs {
    /// How many seeds to run, from --first on
    #[arg(long, value_name = "N")]
    pub(crate) seeds: Option<u64>,
    /// The first of several seeds
    #[arg(long, value_name = "S", default_value_t = 1, conflicts_with = "seed")]
    pub(crate) first: u64,
    /// The one seed to run, with its trace on stderr
    #[arg(long, value_name = "S")]
    pub(crate) seed: Option<u64>,
    /// Steps of each seed
    #[arg(long, value_name = "N", default_value_t = 2_000)]
    pub(crate) steps: u64,
    /// One JSON document instead of a table
    #[arg(long)]
    pub(crate) json: bool,
}
