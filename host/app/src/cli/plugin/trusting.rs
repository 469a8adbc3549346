//! `stockade plugin trust` and `stockade plugin ban`: `trust.toml`, and the host that runs.

use std::path::Path;

use stockade_runtime::{PublicKey, Trust};

use crate::cli::screen;
use crate::config::{Settings, trust as file};
use crate::failure::Failure;
use crate::link::{Answer, HostReply, HostRequest, Link, Task};

#[derive(Debug, Clone, clap::Args)]
pub(crate) struct TrustArgs {
    /// A public key, or a file of one (PEM); none lists the keys and the bans
    key: Option<String>,
    /// Trust it no more
    #[arg(long, requires = "key")]
    remove: bool,
    /// One JSON document instead of text
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, clap::Args)]
pub(crate) struct BanArgs {
    /// SHA-256 of the component, as plugin list --json gives it
    digest: String,
    /// Take the ban back
    #[arg(long)]
    lift: bool,
}

/// Adds or removes a key, or says what holds.
pub(super) async fn trust(settings: &Settings, args: TrustArgs) -> Result<(), Failure> {
    let mut trust = settings.trust(false)?;
    let Some(text) = args.key else {
        return show(&trust, args.json);
    };
    let key = key_of(&text)?;
    let known = trust.keys.contains(&key);
    if args.remove && !known {
        return Err(Failure::NotFound { what: "trusted key", name: key.to_string() });
    }
    trust.keys.retain(|other| *other != key);
    if !args.remove {
        trust.keys.push(key);
    }
    file::write(&settings.data, &trust)?;
    tell(settings).await?;
    screen::line(&format!("{key} is {}", if args.remove { "trusted no more" } else { "trusted" }))
}

/// Bans a digest, or takes that back.
pub(super) async fn ban(settings: &Settings, args: BanArgs) -> Result<(), Failure> {
    let digest = args.digest.trim().to_ascii_lowercase();
    if digest.len() != 64 || !digest.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        let text = format!("\"{}\" is no digest: 64 hexadecimal digits are one", args.digest);
        return Err(Failure::Usage(text));
    }
    let mut trust = settings.trust(false)?;
    if args.lift && !trust.banned.remove(&digest) {
        return Err(Failure::NotFound { what: "banned digest", name: digest });
    }
    if !args.lift {
        trust.banned.insert(digest.clone());
    }
    file::write(&settings.data, &trust)?;
    let stopped = tell(settings).await?;
    let done = if args.lift { "is banned no more" } else { "is banned" };
    screen::line(&format!("{digest} {done}"))?;
    for bot in stopped {
        screen::line(&format!("bot {bot} is stopped"))?;
    }
    Ok(())
}

/// Has a running host take it up at once; gives the bots that it stopped.
async fn tell(settings: &Settings) -> Result<Vec<String>, Failure> {
    let Some(mut link) = Link::open(&settings.socket()).await? else {
        return Ok(Vec::new());
    };
    match link.call(settings.account.clone(), Task::Host(HostRequest::Trust)).await? {
        Answer::Host(HostReply::Trusted { stopped }) => Ok(stopped),
        Answer::Failed { message } => Err(Failure::Failed(anyhow::anyhow!("{message}"))),
        other => Err(Failure::Failed(anyhow::anyhow!("the host answered {other:?}"))),
    }
}

fn key_of(text: &str) -> Result<PublicKey, Failure> {
    let path = Path::new(text);
    let content = if path.is_file() {
        std::fs::read_to_string(path)
            .map_err(|error| Failure::Usage(format!("{text} can't be read: {error}")))?
    } else {
        text.to_owned()
    };
    content.parse().map_err(|error| Failure::Usage(format!("{error}")))
}

fn show(trust: &Trust, json: bool) -> Result<(), Failure> {
    if json {
        return screen::json(trust);
    }
    for key in &trust.keys {
        screen::line(&format!("trusted  {key}"))?;
    }
    for digest in &trust.banned {
        screen::line(&format!("banned   {digest}"))?;
    }
    if trust.keys.is_empty() && trust.banned.is_empty() {
        screen::line("no key is trusted, no digest is banned")?;
    }
    Ok(())
}
