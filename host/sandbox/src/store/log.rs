//! Writes a guest's standard output and error to the host's log: limited, escaped, and with the name of the app.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::io::AsyncWrite;
use tracing::info;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamResult};

use crate::exchange::log_id::LogId;

/// The log output of one exchange. Both streams share one limit.
pub(crate) struct GuestLog {
    budget: Arc<Mutex<Budget>>,
}

struct Budget {
    name: Arc<str>,
    id: LogId,
    left: usize,
    is_spent: bool,
}

/// One stream. Its clones are the same stream: they share the line that is being written.
#[derive(Clone)]
pub(crate) struct Lines(Arc<Mutex<Line>>);

struct Line {
    stream: &'static str,
    pending: Vec<u8>,
    budget: Arc<Mutex<Budget>>,
}

impl GuestLog {
    /// Output of up to `max` bytes, for an exchange of the app `name`.
    pub(crate) fn new(name: Arc<str>, id: LogId, max: usize) -> Self {
        Self { budget: Arc::new(Mutex::new(Budget { name, id, left: max, is_spent: false })) }
    }

    /// Allows `max` bytes again, for the next exchange of the same instance.
    pub(crate) fn begin(&self, id: LogId, max: usize) {
        let mut budget = self.budget.lock();
        (budget.id, budget.left, budget.is_spent) = (id, max, false);
    }

    pub(crate) fn stdout(&self) -> Lines {
        self.lines("stdout")
    }

    pub(crate) fn stderr(&self) -> Lines {
        self.lines("stderr")
    }

    fn lines(&self, stream: &'static str) -> Lines {
        Lines(Arc::new(Mutex::new(Line { stream, pending: Vec::new(), budget: Arc::clone(&self.budget) })))
    }
}

impl Lines {
    fn push(&self, bytes: &[u8]) {
        self.0.lock().push(bytes);
    }
}

impl Line {
    fn push(&mut self, bytes: &[u8]) {
        let allowed = self.budget.lock().spend(bytes.len());
        for line in bytes[..allowed].split_inclusive(|&byte| byte == b'\n') {
            for piece in line.chunks(MAX_LINE) {
                self.pending.extend_from_slice(piece);
                if piece.ends_with(b"\n") || self.pending.len() >= MAX_LINE {
                    self.emit();
                }
            }
        }
    }

    fn emit(&mut self) {
        let line = std::mem::take(&mut self.pending);
        let line = line.strip_suffix(b"\n").unwrap_or(&line);
        if !line.is_empty() {
            let budget = self.budget.lock();
            let (app, id) = (Arc::clone(&budget.name), budget.id.clone());
            drop(budget);
            let (stream, line) = (self.stream, printable(line));
            match stream {
                "stderr" => info!(target: "guest::stderr", %app, stream, %id, "{line}"),
                _ => info!(target: "guest::stdout", %app, stream, %id, "{line}"),
            }
        }
    }
}

impl Drop for Line {
    /// The last line may lack a line end.
    fn drop(&mut self) {
        self.emit();
    }
}

impl Budget {
    /// How many of `wanted` bytes may be logged. Logs once that the limit is reached.
    fn spend(&mut self, wanted: usize) -> usize {
        let allowed = wanted.min(self.left);
        self.left -= allowed;
        if allowed < wanted && !self.is_spent {
            self.is_spent = true;
            info!(target: "guest::stderr", app = %self.name, id = %self.id, "this request has reached its limit of log output (max-log); the rest is dropped");
        }
        allowed
    }
}

/// Escapes a guest's line, so that it can neither forge another line nor move the cursor of a terminal.
pub(crate) fn printable(line: &[u8]) -> String {
    let is_plain = |char: char| !char.is_control() || char == '\t';
    let line = String::from_utf8_lossy(line);
    if line.chars().all(is_plain) {
        return line.into_owned();
    }
    let mut shown = String::with_capacity(line.len());
    for char in line.chars() {
        if is_plain(char) { shown.push(char) } else { shown.extend(char.escape_default()) }
    }
    shown
}

impl IsTerminal for Lines {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Lines {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }

    // The default would spawn a task for each stream.
    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

impl OutputStream for Lines {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.push(&bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(PERMIT)
    }
}

#[wasmtime_wasi::async_trait]
impl Pollable for Lines {
    async fn ready(&mut self) {}
}

impl AsyncWrite for Lines {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.push(buf);
        Poll::Ready(Ok(buf.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// Longer lines are broken here.
const MAX_LINE: usize = 4096;

/// What a guest may write at once.
const PERMIT: usize = 64 << 10;
