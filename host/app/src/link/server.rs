//! The answering side of the link, for the driver that holds the data folder.

use std::future::Future;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;

use super::protocol::{Answer, Request};
use super::{CONNECTIONS_MAX, LINE_BYTES_MAX};

/// Listens at `socket`, for its owner alone. A socket that nobody listens on is replaced.
///
/// # Errors
/// `AddrInUse` when another host listens there.
pub(crate) async fn bind(socket: &Path) -> io::Result<UnixListener> {
    if let Ok(stream) = UnixStream::connect(socket).await {
        // The credentials are those of the process that listens.
        let pid = stream.peer_cred().ok().and_then(|credentials| credentials.pid());
        let who = pid.map_or_else(String::new, |pid| format!(" (pid {pid})"));
        return Err(io::Error::new(
            io::ErrorKind::AddrInUse,
            format!("another host{who} listens at {}", socket.display()),
        ));
    }
    match std::fs::remove_file(socket) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(socket)?;
    std::fs::set_permissions(socket, std::fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

/// Answers requests with `handler` until the task is dropped. Requests of one connection are
/// handled one after the other; of several, side by side.
pub(crate) async fn serve<H, F>(listener: UnixListener, handler: H)
where
    H: Fn(Request) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Answer> + Send + 'static,
{
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else {
            return;
        };
        match listener.accept().await {
            Ok((stream, _)) => {
                let handler = handler.clone();
                tokio::spawn(async move {
                    if let Err(error) = converse(stream, handler).await {
                        tracing::debug!(%error, "a connection of the link ended");
                    }
                    drop(place);
                });
            }
            Err(error) => {
                // Out of descriptors, most likely: give the others time to end.
                tracing::warn!(%error, "the link can't accept a connection");
                tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            }
        }
    }
}

async fn converse<H, F>(stream: UnixStream, handler: H) -> anyhow::Result<()>
where
    H: Fn(Request) -> F,
    F: Future<Output = Answer>,
{
    let (input, mut output) = stream.into_split();
    let mut input = BufReader::new(input);
    let limit = u64::try_from(LINE_BYTES_MAX)?;
    loop {
        let mut line = Vec::new();
        (&mut input).take(limit).read_until(b'\n', &mut line).await?;
        if line.is_empty() {
            return Ok(());
        }
        let whole = line.ends_with(b"\n");
        let answer = if whole {
            match serde_json::from_slice(&line) {
                Ok(request) => handler(request).await,
                Err(error) => {
                    Answer::Failed { message: format!("a request that is not understood: {error}") }
                }
            }
        } else {
            Answer::Failed {
                message: format!("a request that is cut off or longer than {LINE_BYTES_MAX} bytes"),
            }
        };
        let mut text = serde_json::to_vec(&answer)?;
        text.push(b'\n');
        output.write_all(&text).await?;
        if !whole {
            return Ok(());
        }
    }
}
