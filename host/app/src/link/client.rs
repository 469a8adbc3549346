//! The asking side of the link.

use std::io::ErrorKind;
use std::path::Path;

use anyhow::Context as _;
use stockade_core::Slug;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};

use super::LINE_BYTES_MAX;
use super::protocol::{Answer, Request, Task};

/// A connection to the running host.
#[derive(Debug)]
pub(crate) struct Link {
    input: BufReader<OwnedReadHalf>,
    output: OwnedWriteHalf,
}

impl Link {
    /// Connects; `None` when no host listens there.
    pub(crate) async fn open(socket: &Path) -> anyhow::Result<Option<Self>> {
        let stream = match UnixStream::connect(socket).await {
            Ok(stream) => stream,
            // A socket that nobody listens on is left behind by kill -9.
            Err(error)
                if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::ConnectionRefused) =>
            {
                return Ok(None);
            }
            Err(error) => {
                return Err(error).with_context(|| format!("{} can't be opened", socket.display()));
            }
        };
        let (input, output) = stream.into_split();
        Ok(Some(Self { input: BufReader::new(input), output }))
    }

    /// Asks, and waits for the answer.
    pub(crate) async fn call(
        &mut self,
        account: Option<Slug>,
        task: Task,
    ) -> anyhow::Result<Answer> {
        let mut line = serde_json::to_vec(&Request { account, task })?;
        anyhow::ensure!(
            line.len() < LINE_BYTES_MAX,
            "a request of {} bytes, at most {LINE_BYTES_MAX} are allowed",
            line.len()
        );
        line.push(b'\n');
        self.output.write_all(&line).await.context("the host closed the connection")?;
        let mut answer = Vec::new();
        let limit = u64::try_from(LINE_BYTES_MAX)?;
        (&mut self.input).take(limit).read_until(b'\n', &mut answer).await?;
        anyhow::ensure!(
            answer.ends_with(b"\n"),
            "the host closed the connection before it answered: whether it was done is not known"
        );
        serde_json::from_slice(&answer)
            .context("the host's answer is not understood (another version?)")
    }
}
