//! The paper exchange in a process of its own, of the same program.

use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::{Child, Command as Process, Stdio};

use anyhow::{Context, Result, ensure};

/// Market seconds in a second: the exchange's request budget is 200 a minute times this.
const SPEED: &str = "400";
/// Where an exchange is that has not said it.
const NOWHERE: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);

/// The exchange's process; it ends with this value.
pub(super) struct Exchange {
    child: Child,
    /// Where it listens.
    pub(super) address: SocketAddr,
}

impl Exchange {
    /// Starts one that replays a file of one symbol for one key pair.
    pub(super) fn start(bars: &Path, symbol: &str, key: &str, data: &Path) -> Result<Self> {
        let mut process = Process::new(std::env::current_exe()?);
        process.arg("exchange").arg("--bars").arg(format!("{}:{symbol}", bars.display()));
        process.args(["--listen", "127.0.0.1:0", "--speed", SPEED, "--cash", "100000"]);
        process.arg("--key").arg(key).arg("--data").arg(data);
        process.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::inherit());
        let mut child = process.spawn().context("the exchange's process")?;
        let mut line = String::new();
        let mut output = BufReader::new(child.stdout.take().context("the exchange's output")?);
        // From here on the process is ended with this value.
        let exchange = |address| Self { child, address };
        output.read_line(&mut line)?;
        let address = line.trim().rsplit('/').next().and_then(|address| address.parse().ok());
        let exchange = exchange(address.unwrap_or(NOWHERE));
        ensure!(address.is_some(), "the exchange does not say where it listens: {line:?}");
        Ok(exchange)
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        // Already gone is as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
