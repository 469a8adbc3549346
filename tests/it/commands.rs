//! Commands on books that no host holds: one writer at a time whatever is asked at once, nothing
//! made by a slip, and words that name what is missing (I28, D1; exit codes of the command reference).

use std::path::PathBuf;

use tempfile::TempDir;

use crate::program::{Finished, Surroundings};

/// A data folder that nobody has used yet, with files beside it.
struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn around(&self) -> Surroundings {
        Surroundings::default().with("STOCKADE_DATA", self.path("data").display().to_string())
    }

    async fn run(&self, arguments: &[&str]) -> Finished {
        self.around().run(arguments).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_commands_at_once_are_done_one_after_the_other() {
    let folder = Folder::new();
    let mut commands = tokio::task::JoinSet::new();
    for number in 0..10 {
        let around = folder.around();
        commands.spawn(async move {
            let name = format!("s{number}");
            around.run(&["sleeve", "create", &name, "--capital", "1000"]).await
        });
    }
    while let Some(finished) = commands.join_next().await {
        let finished = finished.unwrap();
        assert!(!finished.stderr.contains("pkey"), "{}", finished.stderr);
        finished.ok();
    }
    let sleeves = folder.run(&["sleeve", "list", "--json"]).await.ok().json();
    let names: std::collections::BTreeSet<String> = sleeves
        .as_array()
        .unwrap()
        .iter()
        .map(|sleeve| sleeve["name"].as_str().unwrap().to_owned())
        .filter(|name| name.starts_with('s') && name.len() == 2)
        .collect();
    assert_eq!(names.len(), 10, "{names:?}");
    folder.run(&["db", "check"]).await.ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_made_by_a_slip() {
    let folder = Folder::new();
    let missing = folder.run(&["sleeve", "list"]).await.ended(4);
    missing.says(&["data", "does not exist"]);
    std::fs::create_dir(folder.path("data")).unwrap();
    folder.run(&["sleeve", "list"]).await.ended(4).says(&["holds no books yet"]);
    assert_eq!(std::fs::read_dir(folder.path("data")).unwrap().count(), 0, "reading made something");
    std::fs::write(folder.path("flat.csv"), "x").unwrap();
    let flat = folder.path("flat.csv").display().to_string();
    folder.run(&["--data", &flat, "sleeve", "list"]).await.ended(2).says(&["flat.csv", "is a file"]);
    let create = ["--account", "nosuch", "sleeve", "create", "zz", "--capital", "1"];
    folder.run(&create).await.ended(4).says(&["account", "\"nosuch\""]);
    folder.run(&["sleeve", "create", "mine", "--capital", "1000"]).await.ok();
    folder.run(&create).await.ended(4).says(&["account", "\"nosuch\""]);
    folder.run(&["--account", "nosuch", "sleeve", "list"]).await.ended(4).says(&["\"nosuch\""]);
    let accounts = folder.run(&["account", "list", "--json"]).await.ok().json();
    assert_eq!(accounts.as_array().unwrap().len(), 1, "{accounts}");
    let url = "postgres://nobody@127.0.0.1:1/x";
    let gone = folder.run(&["--database-url", url, "sleeve", "list"]).await.ended(1);
    gone.says(&["127.0.0.1", "port 1", "refused"]);
    folder.run(&["bot", "stop", "mine"]).await.ended(5);
}
