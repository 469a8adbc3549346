//! A disk that is full: under the private database of a host that trades, and under the files that
//! commands write (P9, Q1, Q6; I13). A file system in memory stands in for the disk, where mounting
//! one is allowed.

use std::fs::{File, Permissions};
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

use crate::market::{csv, wave};
use crate::private::Private;
use crate::program::{Surroundings, until};
use crate::stage::SOON;
use crate::{bots, crash};

/// A small file system, unmounted when dropped.
struct Disk {
    folder: TempDir,
}

impl Disk {
    /// `None` where nothing may be mounted; what is left out then is said.
    fn mount(what: &str, size: &str) -> Option<Self> {
        // Open to the user that the server runs under.
        let open = Permissions::from_mode(0o755);
        let folder = tempfile::Builder::new().permissions(open).tempdir().unwrap();
        let options = format!("size={size},mode=755");
        let mut command = Command::new("mount");
        command.args(["-t", "tmpfs", "-o", &options, "stockade-test"]).arg(folder.path());
        if command.output().is_ok_and(|output| output.status.success()) {
            return Some(Self { folder });
        }
        println!("SKIPPED {what}: no file system can be mounted here (it takes root)");
        None
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Leaves no byte.
    fn fill(&self) {
        let mut filler =
            File::options().append(true).create(true).open(self.path("filler")).unwrap();
        for size in [1 << 20, 4_096, 1] {
            let block = vec![0_u8; size];
            while filler.write_all(&block).is_ok() {}
        }
    }

    fn free(&self) {
        std::fs::remove_file(self.path("filler")).unwrap();
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Lazily: what still has a file open there ends on its own.
        let _ = Command::new("umount").arg("-l").arg(self.folder.path()).status();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_disk_of_the_database_is_full_while_the_host_trades() {
    let Some(disk) = Disk::mount("a full disk under the database", "256m") else { return };
    let data = disk.path("data");
    std::fs::create_dir(&data).unwrap();
    let mut place = Private::start(&data, &[]).await;
    place.trades(4).await;
    place.settled().await;

    disk.fill();
    // The log's present segment has room for minutes of trading: the next one has to be made.
    let _ = place.count("SELECT 1 FROM pg_switch_wal()").await;
    until("the host says what is wrong", SOON, async || {
        assert!(place.host.ended().is_none(), "the host has ended\n{}", place.host.errors());
        place.exchange.step().await.unwrap();
        disk.fill();
        tokio::time::sleep(Duration::from_millis(100)).await;
        place.host.errors().contains("No space left on device").then_some(())
    })
    .await;
    // Nothing can be committed, so nothing may be sent.
    let sent = place.orders().len();
    for _ in 0..20 {
        place.exchange.step().await.unwrap();
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(place.orders().len(), sent, "an order was sent on a full disk");

    disk.free();
    let socket = data.join("stockade.sock");
    if place.host.ended().is_none() {
        crash::ready(&mut place.host, &socket).await;
        println!("the host lived on");
    } else {
        panic!("the host has ended\n{}", place.host.errors());
    }
    place.trades(3).await;
    place.settled().await;
    place.holds().await;

    // And from the tables alone.
    place.host.terminate();
    let status = place.host.wait(SOON).await;
    assert!(status.success(), "{status}\n{}", place.host.errors());
    place.host = place.around.start(&["run"]);
    crash::ready(&mut place.host, &socket).await;
    place.trades(2).await;
    place.settled().await;
    place.holds().await;
    place.stop().await;
}

fn entries(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.file_name().into_string().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn results_on_a_full_disk_are_whole_or_not_there() {
    let Some(disk) = Disk::mount("files on a full disk", "64k") else { return };
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let around = Surroundings::default().with("STOCKADE_DATA", data.display().to_string());
    let bars = folder.path().join("AAPL_bars.csv");
    std::fs::write(&bars, csv(&wave("AAPL", 380, 3))).unwrap();
    disk.fill();

    let out = disk.path("out");
    let backtest = async |out: &Path| {
        let (plugin, bars) = (bots::file("sma-cross"), bars.display().to_string());
        let plugin = plugin.display().to_string();
        let out = out.display().to_string();
        let run = ["backtest", "--plugin", &plugin, "--bars", &bars, "--capital", "100000"];
        around.run(&[&run[..], &["--out", &out]].concat()).await
    };
    backtest(&out).await.ended(1).says(&["out", "No space left on device"]);
    assert!(entries(&out).is_empty(), "{:?}", entries(&out));
    // Room for the first files, not for the report.
    disk.free();
    std::fs::write(disk.path("other"), vec![0; 8 << 10]).unwrap();
    backtest(&out).await.ended(1).says(&["can't be written", "No space left on device"]);
    let there = entries(&out);
    assert!(!there.is_empty() && !there.iter().any(|name| name.contains("report")), "{there:?}");
    assert!(!there.iter().any(|name| name.ends_with(".part")), "{there:?}");
    std::fs::remove_dir_all(&out).unwrap();

    around.run(&["sleeve", "create", "mine", "--capital", "1000"]).await.ok();
    let fills: String = (0..2_000)
        .map(|n| format!("2026-01-02T15:00:00Z,AAPL,{},1,1,0\n", ["buy", "sell"][n % 2]))
        .collect();
    let file = folder.path().join("fills.csv");
    std::fs::write(&file, format!("time,symbol,side,qty,price,fee\n{fills}")).unwrap();
    let file = file.display().to_string();
    around.run(&["import", "fills", &file, "--sleeve", "mine"]).await.ok();
    let whole = disk.path("executions.csv").display().to_string();
    for format in ["csv", "json"] {
        let export = ["export", "execution", "--format", format, "--out", &whole];
        around.run(&export).await.ended(1).says(&["executions.csv", "No space left on device"]);
        assert_eq!(entries(disk.folder.path()), ["other"], "half a file is left");
    }
    let packed = disk.path("counter.wasm").display().to_string();
    let component = bots::file("counter").display().to_string();
    let around = around.with("STOCKADE_PLUGINS", disk.path("plugins").display().to_string());
    let added = around.run(&["plugin", "add", &component]).await;
    added.ended(1).says(&["counter.wasm", "No space left on device"]);
    assert!(entries(&disk.path("plugins")).is_empty(), "half a plugin is left, see {packed}");
    let cluster = stockade_store::Cluster::open(&data).await.unwrap();
    cluster.stop().await.unwrap();
}
