//! All commands, and the way from each to what carries it out.

use std::io::IsTerminal;
use std::path::PathBuf;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use clap_complete::Shell;
use tracing_subscriber::EnvFilter;

use super::context::Context;
use super::{
    account, action, argument, backtest, bench, bot, break_, capital, compile, db, demo, exchange,
    execution, export, figures, import, journal, lot, new, order, pack, plugin, position,
    reconcile, refusal, report, risk, roundtrip, run, sim, sleeve, statement, top,
};
use stockade_core::Timestamp;

use crate::config::{Environment, Flags, KEYS, Settings};
use crate::drivers;
use crate::failure::Failure;

/// A host for trading bots that share brokerage accounts
///
/// Each bot owns a sleeve: its own slice of the account, with cash, positions and profit of its
/// own. Every order is checked against it, and the books are compared with the broker.
#[derive(Debug, Parser)]
#[command(
    name = "stockade",
    version,
    propagate_version = true,
    arg_required_else_help = true,
    after_help = "Exit codes: 0 done, 1 failed, 2 wrong usage, 3 refused by a rule, 4 not found, 5 the host is not running.\n\nExample:\n  stockade demo"
)]
pub(crate) struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Everywhere")]
struct Global {
    /// The data folder (default: /var/lib/stockade for root, whatever HOME says; else
    /// $XDG_DATA_HOME/stockade, ~/.local/share/stockade, or on macOS ~/Library/Application
    /// Support/stockade)
    #[arg(long, global = true, value_name = "DIR")]
    data: Option<PathBuf>,
    /// A Postgres of your own (default: a private one in the data folder)
    #[arg(long, global = true, value_name = "URL")]
    database_url: Option<String>,
    /// The account that is meant
    #[arg(long, global = true, value_name = "LABEL")]
    account: Option<String>,
    /// The configuration file (default: stockade.toml here or in the data folder)
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// As the books were then: RFC 3339, or a date for the end of that day (UTC)
    #[arg(long, global = true, value_name = "TIME", value_parser = argument::moment)]
    at: Option<Timestamp>,
}

#[derive(Debug, Subcommand)]
enum Command {
    Demo(demo::DemoArgs),
    Run(run::RunArgs),
    Exchange(exchange::ExchangeArgs),
    New(new::NewArgs),
    Pack(pack::PackArgs),
    #[command(subcommand)]
    Plugin(plugin::PluginCommand),
    #[command(subcommand)]
    Bot(bot::BotCommand),
    Top(top::TopArgs),
    #[command(subcommand)]
    Capital(capital::CapitalCommand),
    #[command(subcommand)]
    Sleeve(sleeve::SleeveCommand),
    #[command(subcommand)]
    Order(order::OrderCommand),
    #[command(subcommand)]
    Position(position::PositionCommand),
    #[command(subcommand)]
    Lot(lot::LotCommand),
    #[command(subcommand)]
    Roundtrip(roundtrip::RoundTripCommand),
    #[command(subcommand)]
    Execution(execution::ExecutionCommand),
    #[command(subcommand)]
    Journal(journal::JournalCommand),
    #[command(subcommand)]
    Import(import::ImportCommand),
    #[command(subcommand)]
    Action(action::ActionCommand),
    #[command(subcommand)]
    Refusal(refusal::RefusalCommand),
    Export(export::ExportArgs),
    Statement(statement::StatementArgs),
    Figures(figures::FiguresArgs),
    #[command(subcommand)]
    Report(report::ReportCommand),
    Reconcile(reconcile::ReconcileArgs),
    #[command(subcommand)]
    Break(break_::BreakCommand),
    #[command(subcommand)]
    Risk(risk::RiskCommand),
    #[command(subcommand)]
    Account(account::AccountCommand),
    Backtest(backtest::BacktestArgs),
    Sim(sim::SimArgs),
    #[command(subcommand)]
    Db(db::DbCommand),
    Bench(bench::BenchArgs),
    #[command(hide = true)]
    Compile(compile::CompileArgs),
    /// Completions for a shell
    #[command(
        after_help = "Example:\n  stockade completions bash > /etc/bash_completion.d/stockade"
    )]
    Completions {
        /// Which
        shell: Shell,
    },
    /// Every key of stockade.toml with its variable and meaning
    #[command(after_help = "Example:\n  stockade settings")]
    Settings,
}

impl Cli {
    /// Reads the process's command line; ends the process on wrong usage, help and version.
    pub(crate) fn read() -> Self {
        let matches = definition().get_matches();
        Self::from_arg_matches(&matches).unwrap_or_else(|error| error.exit())
    }
}

/// The command line's definition: a number below zero is a value everywhere, so that the argument
/// itself can say what it takes.
pub(crate) fn definition() -> clap::Command {
    with_negatives(Cli::command())
}

fn with_negatives(command: clap::Command) -> clap::Command {
    let take = |argument: clap::Arg| {
        let takes = argument.get_action().takes_values();
        if takes { argument.allow_negative_numbers(true) } else { argument }
    };
    command.mut_args(take).mut_subcommands(with_negatives)
}

impl Command {
    /// Why it has no answer as of a moment; `None` where it has one.
    fn knows_no_past(&self) -> Option<&'static str> {
        const CHANGES: &str = "this command changes something, and that happens now";
        const FILES: &str =
            "this command reads files or runs by itself, and neither has a past here";
        let changes = |reads: bool| (!reads).then_some(CHANGES);
        match self {
            Self::Lot(_)
            | Self::Roundtrip(_)
            | Self::Execution(_)
            | Self::Journal(_)
            | Self::Refusal(_)
            | Self::Export(_)
            | Self::Statement(_)
            | Self::Report(_) => None,
            Self::Sleeve(command) => changes(matches!(
                command,
                sleeve::SleeveCommand::List { .. } | sleeve::SleeveCommand::Show { .. }
            )),
            Self::Order(command) => changes(matches!(
                command,
                order::OrderCommand::List { .. } | order::OrderCommand::Show { .. }
            )),
            Self::Position(command) => {
                changes(matches!(command, position::PositionCommand::List(_)))
            }
            Self::Capital(command) => {
                changes(matches!(command, capital::CapitalCommand::Show { .. }))
            }
            Self::Bot(command) => changes(matches!(
                command,
                bot::BotCommand::List { .. }
                    | bot::BotCommand::Show(_)
                    | bot::BotCommand::Logs { .. }
            )),
            Self::Action(command) => changes(matches!(command, action::ActionCommand::List { .. })),
            Self::Break(command) => {
                changes(!matches!(command, break_::BreakCommand::Resolve { .. }))
            }
            Self::Risk(command) => changes(matches!(command, risk::RiskCommand::Show { .. })),
            Self::Figures(args) if args.of_books() => None,
            Self::Figures(_) => Some("a file of equities has no past: --at is for figures SLEEVE"),
            Self::Account(account::AccountCommand::List { .. }) => None,
            Self::Account(account::AccountCommand::Health { .. }) => {
                Some("health is that of the connections now; account list and break list take --at")
            }
            Self::Reconcile(_) => Some(
                "the broker can be asked for the present alone; what a comparison found then is in break list --at",
            ),
            Self::Db(_) => Some(
                "the rules are proved on the tables, which hold all of the past; export TABLE takes --at",
            ),
            Self::Import(_) => Some(CHANGES),
            _ => Some(FILES),
        }
    }
}

/// Carries out what the command line asks for.
///
/// # Errors
/// The failure with its exit code.
pub(crate) fn execute(cli: Cli, environment: Environment) -> Result<(), Failure> {
    if let Command::Completions { shell } = cli.command {
        return completions(shell);
    }
    if matches!(cli.command, Command::Settings) {
        return settings();
    }
    if let Command::Compile(args) = &cli.command {
        return compile::run(args);
    }
    let Global { data, database_url, account, config, at } = cli.global;
    if let Some(why) = cli.command.knows_no_past().filter(|_| at.is_some()) {
        return Err(Failure::Usage(format!("--at has no meaning here: {why}")));
    }
    let settings = Settings::load(Flags { data, database_url, account, config }, environment)?;
    let serves = matches!(cli.command, Command::Run(_) | Command::Exchange(_));
    log(settings.log.as_deref().unwrap_or(if serves { "info" } else { "warn" }))?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let outcome = runtime.block_on(dispatch(settings, cli.command, at));
    // A task that still waits for a person or a socket must not hold the process.
    runtime.shutdown_timeout(std::time::Duration::from_secs(2));
    outcome
}

async fn dispatch(
    settings: Settings,
    command: Command,
    at: Option<Timestamp>,
) -> Result<(), Failure> {
    match command {
        Command::Demo(args) => return drivers::demo::run(&settings, &args).await,
        Command::Run(args) => return drivers::live::run(&settings, &args).await,
        Command::Exchange(args) => return drivers::exchange::run(&settings, &args).await,
        Command::Backtest(args) => return drivers::backtest::run(&settings, &args),
        Command::Sim(args) => return sim::run(&args),
        Command::Bench(args) => return drivers::bench::run(&settings, &args).await,
        Command::New(args) => return new::run(&args),
        Command::Pack(args) => return pack::run(&args),
        Command::Plugin(command) => return plugin::run(&settings, command).await,
        _ => {}
    }
    let context = Context::new(settings, at);
    let outcome = on_the_books(&context, command).await;
    let closed = context.close().await;
    outcome.and(closed)
}

/// The commands that read or change the books.
async fn on_the_books(context: &Context, command: Command) -> Result<(), Failure> {
    match command {
        Command::Bot(command) => bot::run(context, command).await,
        Command::Top(args) => top::run(context, args).await,
        Command::Capital(command) => capital::run(context, command).await,
        Command::Sleeve(command) => sleeve::run(context, command).await,
        Command::Order(command) => order::run(context, command).await,
        Command::Position(command) => position::run(context, command).await,
        Command::Lot(command) => lot::run(context, command).await,
        Command::Roundtrip(command) => roundtrip::run(context, command).await,
        Command::Execution(command) => execution::run(context, command).await,
        Command::Journal(command) => journal::run(context, command).await,
        Command::Import(command) => import::run(context, command).await,
        Command::Action(command) => action::run(context, command).await,
        Command::Refusal(command) => refusal::run(context, command).await,
        Command::Export(args) => export::run(context, args).await,
        Command::Statement(args) => statement::run(context, args).await,
        Command::Figures(args) => figures::run(context, args).await,
        Command::Report(command) => report::run(context, command).await,
        Command::Reconcile(args) => reconcile::run(context, args).await,
        Command::Break(command) => break_::run(context, command).await,
        Command::Risk(command) => risk::run(context, command).await,
        Command::Account(command) => account::run(context, command).await,
        Command::Db(command) => db::run(context, command).await,
        Command::Demo(_)
        | Command::Run(_)
        | Command::Exchange(_)
        | Command::Backtest(_)
        | Command::Sim(_)
        | Command::Bench(_)
        | Command::New(_)
        | Command::Pack(_)
        | Command::Plugin(_)
        | Command::Compile(_)
        | Command::Completions { .. }
        | Command::Settings => unreachable!("carried out before"),
    }
}

fn completions(shell: Shell) -> Result<(), Failure> {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "stockade", &mut text);
    super::screen::line(String::from_utf8_lossy(&text).trim_end())
}

fn settings() -> Result<(), Failure> {
    let mut screen = super::screen::Screen::new(&["KEY", "VARIABLE", "MEANING (DEFAULT)"], "");
    for key in KEYS {
        screen.row([key.name.to_owned(), key.variable(), key.help.to_owned()]);
    }
    screen.print()
}

/// Logs go to stderr, plain where it is no terminal.
fn log(filter: &str) -> Result<(), Failure> {
    let filter = EnvFilter::try_new(filter).map_err(|error| {
        Failure::Usage(format!("log is \"{filter}\", which is no filter: {error}"))
    })?;
    // A second host in the same process (the tour, the benchmarks) keeps the first one's log.
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .try_init();
    Ok(())
}
