//! Where PostgreSQL's programs are: the newest of all that are found.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::ClusterError;

/// The setting that names the folder outright.
const SETTING: &str = "STOCKADE_PG_BIN";

/// The folder with `initdb`, `pg_ctl` and `postgres`.
pub(crate) fn find() -> Result<PathBuf, ClusterError> {
    if let Some(folder) = std::env::var_os(SETTING).map(PathBuf::from) {
        let complete = is_complete(&folder);
        return complete.then_some(folder.clone()).ok_or_else(|| ClusterError::NoBinaries {
            looked_at: format!("{SETTING}={}", folder.display()),
        });
    }
    let places = places();
    let newest = places
        .iter()
        .filter(|folder| is_complete(folder))
        .map(|folder| (version(folder), folder))
        // The first of equals: the user's own path comes first.
        .fold(None, |best: Option<((u32, u32), &PathBuf)>, next| match best {
            Some(best) if best.0 >= next.0 => Some(best),
            _ => Some(next),
        });
    newest.map(|(_, folder)| folder.clone()).ok_or_else(|| ClusterError::NoBinaries {
        looked_at: "PATH, pg_config, /usr/lib/postgresql, /usr/pgsql-*, /usr/local/pgsql, Homebrew"
            .to_owned(),
    })
}

fn is_complete(folder: &Path) -> bool {
    ["initdb", "pg_ctl", "postgres"].iter().all(|name| folder.join(name).is_file())
}

fn places() -> Vec<PathBuf> {
    let mut places = Vec::new();
    // A link in the path leads to the folder with all programs, and with the server's files.
    for folder in std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()) {
        if let Ok(initdb) = folder.join("initdb").canonicalize() {
            places.extend(initdb.parent().map(Path::to_owned));
        }
    }
    places.extend(pg_config());
    for (parent, prefix) in [
        ("/usr/lib/postgresql", ""),
        ("/usr", "pgsql-"),
        ("/opt/homebrew/opt", "postgresql"),
        ("/usr/local/opt", "postgresql"),
    ] {
        places.extend(children(Path::new(parent), prefix));
    }
    places.push(PathBuf::from("/usr/local/pgsql/bin"));
    places
}

fn pg_config() -> Option<PathBuf> {
    let output = Command::new("pg_config").arg("--bindir").output().ok()?;
    let folder = String::from_utf8(output.stdout).ok()?;
    Some(PathBuf::from(folder.trim()))
}

fn children(parent: &Path, prefix: &str) -> Vec<PathBuf> {
    let Ok(entries) = parent.read_dir() else {
        return Vec::new();
    };
    let mut folders: Vec<PathBuf> = entries
        .flatten()
        .filter(|entry| entry.file_name().to_string_lossy().starts_with(prefix))
        .map(|entry| entry.path().join("bin"))
        .collect();
    folders.sort();
    folders
}

/// Major and minor version; zero when it doesn't say.
fn version(folder: &Path) -> (u32, u32) {
    let output = Command::new(folder.join("postgres")).arg("--version").output();
    let text = output
        .map(|output| String::from_utf8_lossy(&output.stdout).into_owned())
        .unwrap_or_default();
    parse_version(&text)
}

/// Reads `postgres (PostgreSQL) 15.18 (Debian …)`.
fn parse_version(text: &str) -> (u32, u32) {
    let number =
        text.split_whitespace().find(|word| word.starts_with(|c: char| c.is_ascii_digit()));
    let mut parts = number.unwrap_or_default().split(|c: char| !c.is_ascii_digit());
    let mut part = || parts.next().and_then(|part| part.parse().ok()).unwrap_or(0);
    (part(), part())
}

#[cfg(test)]
mod tests {
    use super::parse_version;

    #[test]
    fn versions_are_read() {
        assert_eq!(parse_version("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)"), (15, 18));
        assert_eq!(parse_version("postgres (PostgreSQL) 18beta1"), (18, 0));
        assert_eq!(parse_version("something else"), (0, 0));
    }
}
