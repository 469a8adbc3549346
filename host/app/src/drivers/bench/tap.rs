//! A wire tap between host and exchange: passes bytes on and tells when a new order came past.
//!
//! It stands in this process, on threads of its own, so that its clock is the one that the input
//! was timed with. What it sees has left the host's process and crossed the loopback: the time is
//! an upper bound of "on the wire".

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::Sender;
use std::time::Instant;

use anyhow::{Context, Result};

/// How the request for a new order begins.
const NEW_ORDER: &[u8] = b"POST /v2/orders HTTP/1.1\r\n";
/// Bytes that are passed on at once.
const CHUNK: usize = 64 << 10;

/// Listens on a free port and passes everything on to `to`; `seen` gets the time of each new
/// order. Ends with the process.
pub(super) fn start(to: SocketAddr, seen: Sender<Instant>) -> Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").context("the wire tap can't listen")?;
    let address = listener.local_addr()?;
    let accept = move || {
        while let Ok((host, _)) = listener.accept() {
            let Ok(exchange) = TcpStream::connect(to) else {
                continue;
            };
            if let Err(error) = join(host, exchange, &seen) {
                tracing::warn!(%error, "a connection through the wire tap");
            }
        }
    };
    std::thread::Builder::new().name("wire-tap".to_owned()).spawn(accept)?;
    Ok(address)
}

fn join(host: TcpStream, exchange: TcpStream, seen: &Sender<Instant>) -> std::io::Result<()> {
    host.set_nodelay(true)?;
    exchange.set_nodelay(true)?;
    let (from_host, to_host) = (host.try_clone()?, host);
    let (from_exchange, to_exchange) = (exchange.try_clone()?, exchange);
    let seen = seen.clone();
    std::thread::spawn(move || pass(from_host, to_exchange, Some(&seen)));
    std::thread::spawn(move || pass(from_exchange, to_host, None));
    Ok(())
}

fn pass(mut from: TcpStream, mut to: TcpStream, seen: Option<&Sender<Instant>>) {
    let mut chunk = vec![0; CHUNK];
    loop {
        let count = match from.read(&mut chunk) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(_) => break,
        };
        let now = Instant::now();
        // A request is written in one piece here: at most one is under way on a connection.
        if let Some(seen) = seen
            && chunk[..count].starts_with(NEW_ORDER)
        {
            // Nobody counts any more: the connection still has to be served.
            let _ = seen.send(now);
        }
        if to.write_all(&chunk[..count]).is_err() {
            break;
        }
    }
    // The other direction learns of the end by it.
    let _ = to.shutdown(Shutdown::Write);
    let _ = from.shutdown(Shutdown::Read);
}
