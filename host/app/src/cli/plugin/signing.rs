//! `stockade plugin key` and `stockade plugin sign`.
//!
//! Keys are PEM (PKCS #8) and signatures plain ed25519 over the manifest's bytes, so that openssl
//! can make and check both.

use std::io::Write;
use std::path::{Path, PathBuf};

use stockade_runtime::{Manifest, SecretKey, Trust, manifest_path, signature_path};

use super::{about, inspected, read};
use crate::cli::context::failed;
use crate::cli::screen;
use crate::failure::Failure;
use crate::whole;

#[derive(Debug, Clone, clap::Args)]
pub(crate) struct KeyArgs {
    /// The file of the private key; it must not exist
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
}

#[derive(Debug, Clone, clap::Args)]
pub(crate) struct SignArgs {
    /// The component
    file: PathBuf,
    /// The private key (PEM)
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// A bot.toml whose limits and symbols are signed with it (default: the one beside the
    /// component, else one without any)
    #[arg(long, value_name = "FILE")]
    manifest: Option<PathBuf>,
}

/// Makes a key; prints the public one.
pub(super) fn key(args: &KeyArgs) -> Result<(), Failure> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(|error| failed(anyhow::anyhow!("random bytes: {error}")))?;
    let key = SecretKey::of(&seed);
    let pem = key.to_pem().ok_or_else(|| failed(anyhow::anyhow!("the key has no PEM form")))?;
    let path = &args.output;
    let mut options = std::fs::File::options();
    options.write(true).create_new(true);
    // Nobody else may read it, from its first moment.
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
        .open(path)
        .and_then(|mut file| {
            file.write_all(pem.as_bytes())?;
            file.sync_all()
        })
        .map_err(|error| about(path, "can't be written", error))?;
    screen::line(&key.public().to_string())
}

/// Writes the manifest, with the component's digest, and its signature.
pub(super) async fn sign(args: &SignArgs) -> Result<(), Failure> {
    let key = text(&args.key)?;
    let key = SecretKey::from_pem(&key)
        .map_err(|error| Failure::Usage(format!("{}: {error}", args.key.display())))?;
    let mut package = read(&args.file)?;
    if let Some(path) = &args.manifest {
        package.manifest = Some(text(path)?);
    }
    let wanted = package.manifest.take();
    // Of an older build perhaps: this one's is made here.
    package.signature = None;
    let plugin = inspected(package, &args.file, Trust::default()).await?;
    let mut manifest = match &wanted {
        Some(text) => Manifest::parse(text).map_err(|error| Failure::Usage(error.to_string()))?,
        None => Manifest::default(),
    };
    manifest.name = plugin.description.name;
    manifest.version = plugin.description.version;
    manifest.digest = Some(plugin.digest);
    let text = manifest.to_toml().map_err(failed)?;
    whole::write(&manifest_path(&args.file), &text)?;
    let path = signature_path(&args.file);
    whole::write(&path, key.sign(&text))?;
    screen::line(&format!("{} signed by {}", args.file.display(), key.public()))
}

fn text(path: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(path)
        .map_err(|error| Failure::Usage(format!("{} can't be read: {error}", path.display())))
}
