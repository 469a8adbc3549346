//! Where the tour is played: an empty folder for all that it leaves, and the folder of its bots.

use std::path::{Path, PathBuf};

use super::plan;
use crate::drivers::base;
use crate::failure::Failure;

/// The folder that was named, if it is empty, else a new one among the temporary files.
pub(super) fn folder(named: Option<&Path>) -> Result<PathBuf, Failure> {
    let Some(named) = named else {
        let folder = std::env::temp_dir().join(format!("stockade-demo-{}", base::era()));
        std::fs::create_dir(&folder)?;
        return Ok(folder.canonicalize()?);
    };
    let about =
        |error: std::io::Error| Failure::Usage(format!("{} (--out): {error}", named.display()));
    std::fs::create_dir_all(named).map_err(about)?;
    if named.read_dir().map_err(about)?.next().is_some() {
        return Err(Failure::Usage(format!(
            "{} is not empty, the tour takes an empty folder (--out)",
            named.display()
        )));
    }
    named.canonicalize().map_err(about)
}

/// The folder of the bots: the one that was named, or the nearest `bots` beside the program.
pub(super) fn bots(named: Option<&Path>, program: &Path) -> Result<PathBuf, Failure> {
    let needed = plan::BOTS.iter().map(|bot| bot.plugin).chain([plan::RELOADED.1]);
    let files: Vec<String> = needed.map(|name| format!("{name}.wasm")).collect();
    let missing = |folder: &Path| files.iter().find(|file| !folder.join(file).is_file());
    if let Some(named) = named {
        return match missing(named) {
            None => Ok(named.canonicalize()?),
            Some(file) => {
                Err(Failure::Usage(format!("{} has no {file} (--plugins)", named.display())))
            }
        };
    }
    let beside = program.ancestors().skip(1).take(3).map(|folder| folder.join("bots"));
    beside.into_iter().find(|folder| missing(folder).is_none()).ok_or_else(|| {
        Failure::Usage(format!(
            "no folder with the tour's bots beside {}: name one with {} (--plugins)",
            program.display(),
            files.join(", ")
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_in_use_is_never_taken() {
        let dir = tempfile::tempdir().unwrap();
        let inner = dir.path().join("tour");
        assert_eq!(folder(Some(&inner)).unwrap(), inner.canonicalize().unwrap());
        std::fs::write(inner.join("mine"), "x").unwrap();
        let failure = folder(Some(&inner)).unwrap_err();
        assert_eq!(failure.exit_code(), 2);
        assert!(inner.join("mine").is_file());
    }

    #[test]
    fn a_bot_that_is_missing_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let failure = bots(Some(dir.path()), Path::new("/x/stockade")).unwrap_err().to_string();
        assert!(failure.contains("sma-cross.wasm"), "{failure}");
        for bot in &plan::BOTS {
            std::fs::write(dir.path().join(format!("{}.wasm", bot.plugin)), "x").unwrap();
        }
        let failure = bots(Some(dir.path()), Path::new("/x/stockade")).unwrap_err().to_string();
        assert!(failure.contains("sma-cross-v2.wasm"), "{failure}");
    }

    #[test]
    fn bots_are_found_beside_the_program() {
        let dir = tempfile::tempdir().unwrap();
        let beside = dir.path().join("bots");
        std::fs::create_dir(&beside).unwrap();
        for name in plan::BOTS.iter().map(|bot| bot.plugin).chain([plan::RELOADED.1]) {
            std::fs::write(beside.join(format!("{name}.wasm")), "x").unwrap();
        }
        assert_eq!(bots(None, &dir.path().join("debug").join("stockade")).unwrap(), beside);
    }
}
