//! `stockade db`: the database itself.

use std::path::PathBuf;

use clap::Subcommand;
use serde::Serialize;
use stockade_store::{Cluster, Invariant, Store};

use super::context::{Context, failed};
use super::screen::{self, Screen};
use crate::failure::Failure;

/// The database itself
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum DbCommand {
    /// Check every invariant of the books
    #[command(after_help = "Example:\n  stockade db check --json")]
    Check {
        /// One JSON document instead of a table
        #[arg(long)]
        json: bool,
    },
    /// Open psql on it, as the application's role: history can be read and added to, not changed
    #[command(
        after_help = "Example:\n  stockade db psql -- -c \"select count(*) from stockade.execution\""
    )]
    Psql {
        /// As the owner of the tables, for their maintenance: their triggers still hold
        #[arg(long)]
        owner: bool,
        /// Arguments for psql
        #[arg(last = true)]
        arguments: Vec<String>,
    },
    /// Bring the schema up to this version's
    #[command(after_help = "Example:\n  stockade db migrate")]
    Migrate,
}

/// All invariants: `db check --json`.
#[derive(Debug, Serialize)]
struct Checked {
    ok: bool,
    invariants: Vec<Invariant>,
}

/// Runs it.
pub(crate) async fn run(context: &Context, command: DbCommand) -> Result<(), Failure> {
    match command {
        DbCommand::Check { json } => check(context, json).await,
        DbCommand::Psql { owner, arguments } => psql(context, owner, arguments).await,
        DbCommand::Migrate => {
            std::fs::create_dir_all(&context.settings.data)?;
            // Opening brings it up to date.
            context.store().await?.check_schema().await.map_err(failed)?;
            screen::line("the schema is up to date")
        }
    }
}

async fn check(context: &Context, json: bool) -> Result<(), Failure> {
    context.pool().await?;
    let checked = checked(context.store().await?, context.account()).await?;
    if json {
        screen::json(&checked)?;
    } else {
        table(&checked).print()?;
    }
    let broken: Vec<&str> = checked
        .invariants
        .iter()
        .filter(|invariant| !invariant.ok)
        .map(|invariant| invariant.id)
        .collect();
    if broken.is_empty() {
        return Ok(());
    }
    Err(Failure::Failed(anyhow::anyhow!("the books don't hold: {}", broken.join(", "))))
}

/// The invariants of one account, or of all together.
async fn checked(store: &Store, account: Option<String>) -> Result<Checked, Failure> {
    let accounts = match account {
        Some(account) => vec![account],
        None => store.account_labels().await.map_err(failed)?,
    };
    let mut invariants: Vec<Invariant> = Vec::new();
    for account in accounts {
        for found in store.db_check(&account).await.map_err(failed)? {
            match invariants
                .iter_mut()
                .find(|known| known.id == found.id && known.name == found.name)
            {
                Some(known) => {
                    known.ok &= found.ok;
                    known.rows.extend(found.rows);
                }
                None => invariants.push(found),
            }
        }
    }
    Ok(Checked { ok: invariants.iter().all(|invariant| invariant.ok), invariants })
}

fn table(checked: &Checked) -> Screen {
    let mut screen =
        Screen::new(&["ID", "INVARIANT", "HOLDS", "ROWS THAT BREAK IT"], "no account yet");
    for invariant in &checked.invariants {
        screen.row([
            invariant.id.to_owned(),
            invariant.name.to_owned(),
            if invariant.ok { "yes" } else { "NO" }.to_owned(),
            invariant.rows.join("; "),
        ]);
    }
    screen
}

/// psql runs as a child, so that the private cluster counts as used until it ends. In another
/// database than the private one the role is taken as the session begins: there its login is
/// somebody else's to give.
async fn psql(context: &Context, owner: bool, arguments: Vec<String>) -> Result<(), Failure> {
    context.pool().await?;
    let mut options = std::env::var("PGOPTIONS").unwrap_or_default();
    let (program, url, cluster) = match &context.settings.database_url {
        Some(url) => {
            let role = context.store().await?.application_role().await.map_err(failed)?;
            if let Some(role) = role.filter(|_| !owner) {
                options = format!("{options} -c role={role}").trim_start().to_owned();
            }
            (PathBuf::from("psql"), url.clone(), None)
        }
        None => {
            let cluster = Cluster::open(&context.settings.data).await.map_err(failed)?;
            let url = if owner {
                cluster.url()
            } else {
                cluster.application_url().await.map_err(failed)?
            };
            (cluster.programs().join("psql"), url, Some(cluster))
        }
    };
    let mut command = tokio::process::Command::new(&program);
    let status = command.env("PGOPTIONS", options).arg(url).args(arguments).status().await;
    drop(cluster);
    let status = status.map_err(|error| {
        failed(anyhow::Error::new(error).context(format!("{} can't be started", program.display())))
    })?;
    if status.success() {
        return Ok(());
    }
    Err(Failure::Failed(anyhow::anyhow!("psql ended with {status}")))
}
