//! `stockade bot`: running deployments of plugins.

mod arguments;
mod show;
mod view;

use serde_json::Value;
use sha2::{Digest, Sha256};
use stockade_core::desk::Command;
use stockade_core::{Money, Slug, Symbol};
use stockade_store::query::{Bot, BotEvent, Filter, bot_events, bot_list, bot_show};

use super::context::{Context, failed, not_found};
use super::plugin;
use super::reply;
use super::screen;
use crate::failure::Failure;
use crate::link::{HostReply, HostRequest};
pub(crate) use arguments::BotCommand;
use arguments::{DeployArgs, Named};
use view::{history, rehearsed, table};

/// Runs it.
pub(crate) async fn run(context: &Context, command: BotCommand) -> Result<(), Failure> {
    match command {
        BotCommand::Deploy(args) => deploy(context, *args).await,
        BotCommand::List { all, json } => {
            let pool = context.pool().await?;
            let filter =
                Filter { account: context.account(), at: context.at(), ..Filter::default() };
            let bots = bot_list(&pool, &filter, all).await.map_err(failed)?;
            if json { screen::json(&bots) } else { table(&bots).print() }
        }
        BotCommand::Show(named) => show(context, &named).await,
        BotCommand::Set { name, params, json } => {
            let bot = find(context, &name).await?;
            let plugin = plugin::of_folder(&context.settings, &bot.plugin).await?;
            let symbols = symbols_of(&bot);
            plugin.try_start(&context.settings, with(&bot.params, &params), &symbols, 0).await?;
            reply::of(context, Command::BotSet { name, params }, json).await
        }
        BotCommand::Start(Named { name, json }) => {
            reply::of(context, Command::BotStart { name }, json).await
        }
        BotCommand::Stop(Named { name, json }) => {
            reply::of(context, Command::BotStop { name }, json).await
        }
        BotCommand::Release(Named { name, json }) => {
            reply::of(context, Command::BotRelease { name }, json).await
        }
        BotCommand::Remove(Named { name, json }) => {
            reply::of(context, Command::BotRemove { name }, json).await
        }
        BotCommand::Reload { name, dry_run, file, json } => {
            // The host may stand elsewhere.
            let file = file.map(std::path::absolute).transpose()?;
            reload(context, HostRequest::Reload { bot: name, dry_run, file }, json).await
        }
        BotCommand::Logs { name, limit, json } => logs(context, &name, limit, json).await,
    }
}

async fn deploy(context: &Context, args: DeployArgs) -> Result<(), Failure> {
    let plugin = plugin::of_folder(&context.settings, &args.plugin).await?;
    let symbols = plugin.symbols(args.symbols)?;
    let seed = args.seed.unwrap_or_else(|| seed_of(&args.name));
    plugin.try_start(&context.settings, args.params.clone(), &symbols, seed).await?;
    context.free_name(&args.name, args.shadow).await?;
    let command = Command::BotDeploy {
        seed,
        name: args.name,
        sleeve: args.sleeve,
        capital: args.capital.unwrap_or(Money::ZERO),
        plugin: args.plugin,
        digest: plugin.digest,
        version: plugin.description.version,
        params: args.params,
        symbols,
    };
    if args.shadow {
        return reply::say(&context.change_in_shadow(command).await?, args.json);
    }
    reply::of(context, command, args.json).await
}

/// A bot's parameters with some of them changed.
fn with(stored: &Value, changed: &[(String, String)]) -> Vec<(String, String)> {
    let stored = stored.as_object().into_iter().flatten();
    let kept = stored.filter(|(name, _)| changed.iter().all(|(other, _)| other != *name));
    kept.filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())))
        .chain(changed.iter().cloned())
        .collect()
}

fn symbols_of(bot: &Bot) -> Vec<Symbol> {
    let symbols = bot.symbols.as_array().into_iter().flatten();
    symbols.filter_map(|symbol| Symbol::new(symbol.as_str()?).ok()).collect()
}

/// The same name has the same seed, so that a run can be repeated.
fn seed_of(name: &Slug) -> u64 {
    let digest = Sha256::digest(name.as_str().as_bytes());
    digest.iter().take(8).fold(0, |seed, byte| (seed << 8) | u64::from(*byte))
}

async fn find(context: &Context, name: &Slug) -> Result<Bot, Failure> {
    let pool = context.pool().await?;
    let found = bot_show(&pool, context.account().as_deref(), name.as_str(), context.at()).await;
    found.map_err(failed)?.ok_or_else(|| not_found("bot", name))
}

async fn events(context: &Context, bot: &Bot, limit: u32) -> Result<Vec<BotEvent>, Failure> {
    let pool = context.pool().await?;
    let filter = Filter {
        account: Some(bot.account.clone()),
        sleeve: Some(bot.name.clone()),
        limit: Some(limit),
        at: context.at(),
        ..Filter::default()
    };
    bot_events(&pool, &filter).await.map_err(failed)
}

async fn show(context: &Context, named: &Named) -> Result<(), Failure> {
    let bot = find(context, &named.name).await?;
    let events = events(context, &bot, show::EVENTS_SEARCHED).await?;
    show::show(context, bot, events, named.json).await
}

async fn reload(context: &Context, request: HostRequest, json: bool) -> Result<(), Failure> {
    let reply = context.ask_host(request, "reloading a bot").await?;
    let HostReply::Reloaded(report) = reply else {
        let text = "the host answered something else (another version?)";
        return Err(Failure::Failed(anyhow::anyhow!(text)));
    };
    if json {
        return screen::json(&report);
    }
    let short = |digest: &str| digest.chars().take(12).collect::<String>();
    if let Some(found) = &report.rehearsal {
        return rehearsed(found, &report.bot, &short(&report.from), &short(&report.to));
    }
    let done = if report.dry_run { "could be reloaded" } else { "reloaded" };
    screen::line(&format!(
        "bot \"{}\" {done}: {} to {}, pause {} ms",
        report.bot,
        short(&report.from),
        short(&report.to),
        report.pause_ms
    ))
}

async fn logs(context: &Context, name: &Slug, limit: u32, json: bool) -> Result<(), Failure> {
    let bot = find(context, name).await?;
    let events = events(context, &bot, limit).await?;
    let file = context.settings.bot_log(&bot.name);
    let text = match std::fs::read(&file) {
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(error.into()),
    };
    let lines: Vec<&str> = text.lines().collect();
    let skip = lines.len().saturating_sub(usize::try_from(limit).unwrap_or(usize::MAX));
    if json {
        return screen::json(&serde_json::json!({ "events": events, "lines": &lines[skip..] }));
    }
    history(&events).print()?;
    lines[skip..].iter().try_for_each(|text| screen::line(text))
}
