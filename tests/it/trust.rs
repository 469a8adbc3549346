//! Whose components are loaded: signed ones where a signature is wanted, banned ones never (L7).

use std::path::PathBuf;
use std::process::Command;

use crate::bots;
use crate::market::{manual, wave};
use crate::stage::Stage;

/// A component of the user's own in a folder of its own, and a key.
struct Author {
    folder: tempfile::TempDir,
    public: String,
}

impl Author {
    async fn new(stage: &Stage) -> Self {
        let folder = tempfile::tempdir().unwrap();
        bots::install("sma-cross", folder.path(), "sma-cross");
        let key = folder.path().join("my.key").display().to_string();
        let made = stage.run(&["plugin", "key", "-o", &key]).await.ok();
        stage.run(&["plugin", "key", "-o", &key]).await.ended(1).says(&["my.key"]);
        Self { folder, public: made.stdout.trim().to_owned() }
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    async fn sign(&self, stage: &Stage) {
        let (file, key) = (self.path("sma-cross.wasm"), self.path("my.key"));
        stage.run(&["plugin", "sign", &file, "--key", &key]).await.ok();
    }
}

fn in_folder(stage: &Stage, name: &str) -> PathBuf {
    stage.plugins().join(name)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_wants_signatures_takes_nothing_else() {
    let mut stage = Stage::new(manual(wave("AAPL", 300, 13), 100_000)).await;
    stage.around = stage.around.clone().with("STOCKADE_BOTS_REQUIRE_SIGNATURE", "true");
    let author = Author::new(&stage).await;
    let file = author.path("sma-cross.wasm");
    stage
        .run(&["plugin", "add", &file])
        .await
        .ended(2)
        .says(&["there is none beside it", "bots.require_signature"]);
    author.sign(&stage).await;
    stage.run(&["plugin", "add", &file]).await.ended(2).says(&["plugin trust KEY"]);
    stage.run(&["plugin", "trust", &author.public]).await.ok();
    stage.run(&["plugin", "add", &file]).await.ok();
    let listed = stage.json(&["plugin", "list"]).await;
    assert_eq!(listed[0]["signed"]["by"], author.public.as_str(), "{listed:#}");
    stage.start_host().await;
    stage.deploy("dip", "sma-cross", "10000", "AAPL", &[]).await;
    // One byte of the manifest is another: what runs goes on, and nothing new begins.
    let manifest = in_folder(&stage, "sma-cross.bot.toml");
    let text = std::fs::read_to_string(&manifest).unwrap();
    std::fs::write(&manifest, format!("{text}\n")).unwrap();
    let kept = "SELECT count(*) FROM stockade.bot_event WHERE message LIKE '%signature: it is of none of the 1 trusted keys%'";
    stage.count_is("the refusal of the changed file", kept, 1).await;
    stage.bot_is("dip", "running").await;
    let refused = stage
        .run(&[
            "plugin",
            "inspect",
            &manifest.with_extension("").with_extension("wasm").display().to_string(),
        ])
        .await;
    refused.ended(2).says(&["signature: it is of none of the 1 trusted keys"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ban_stops_what_runs_and_holds_until_it_is_lifted() {
    let stage = Stage::with_host(manual(wave("AAPL", 300, 13), 100_000)).await;
    stage.deploy("dip", "sma-cross", "10000", "AAPL", &[]).await;
    let digest = stage.json(&["bot", "show", "dip"]).await["digest"].as_str().unwrap().to_owned();
    let banned = stage.run(&["plugin", "ban", &digest]).await.ok();
    assert!(banned.stdout.contains("bot dip is stopped"), "{}", banned.stdout);
    stage.bot_is("dip", "stopped").await;
    let component = bots::file("sma-cross").display().to_string();
    for arguments in [
        vec!["plugin", "add", &component],
        vec!["plugin", "inspect", &component],
        vec![
            "bot",
            "deploy",
            "other",
            "--plugin",
            "sma-cross",
            "--capital",
            "10",
            "--symbols",
            "AAPL",
        ],
    ] {
        stage.run(&arguments).await.ended(2).says(&["is banned"]);
    }
    stage.run(&["bot", "start", "dip"]).await.ok();
    let failed = "SELECT count(*) FROM stockade.bot_event WHERE message LIKE '%is banned%'";
    stage.count_is("the start that fails", failed, 1).await;
    stage.run(&["plugin", "ban", &digest, "--lift"]).await.ok();
    stage.run(&["plugin", "ban", &digest, "--lift"]).await.ended(4);
    stage.run(&["bot", "stop", "dip"]).await.ok();
    stage.run(&["bot", "start", "dip"]).await.ok();
    stage.bot_is("dip", "running").await;
    stage.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn openssl_makes_keys_and_signatures_that_count() {
    if Command::new("openssl").arg("version").output().is_err() {
        eprintln!("SKIPPED: there is no openssl");
        return;
    }
    let stage = Stage::new(manual(wave("AAPL", 10, 13), 100_000)).await;
    let author = Author::new(&stage).await;
    author.sign(&stage).await;
    let openssl = |arguments: &[&str]| {
        let done = Command::new("openssl").args(arguments).output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    };
    let (key, public) = (author.path("their.key"), author.path("their.pem"));
    openssl(&["genpkey", "-algorithm", "ed25519", "-out", &key]);
    openssl(&["pkey", "-in", &key, "-pubout", "-out", &public]);
    let (manifest, signature) =
        (author.path("sma-cross.bot.toml"), author.path("sma-cross.bot.toml.sig"));
    openssl(&["pkeyutl", "-sign", "-rawin", "-inkey", &key, "-in", &manifest, "-out", &signature]);
    stage.run(&["plugin", "trust", &public]).await.ok();
    let shown = stage.json(&["plugin", "inspect", &author.path("sma-cross.wasm")]).await;
    let trusted = stage.json(&["plugin", "trust"]).await;
    assert_eq!(shown["signed"]["by"], trusted["keys"][0], "{shown:#}\n{trusted:#}");
    stage.run(&["plugin", "trust", &public, "--remove"]).await.ok();
    stage.run(&["plugin", "trust", &author.public]).await.ok();
    let inspected = stage.run(&["plugin", "inspect", &author.path("sma-cross.wasm")]).await;
    inspected.ended(2).says(&["it is of none of the 1 trusted keys"]);
}
