//! Sends a part of a file as content. A thread that may block reads it piece by piece, as fast as the client takes it.

use std::fs::File;
use std::future::Future;
use std::io::{self, Read, Seek, SeekFrom};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tracing::warn;
use windhover_contract::{Fault, HostFault};

use crate::exchange::log_id::LogId;
use crate::scheduling::blocking::{Blocking, Call};

/// A number of bytes of a file, from its current position.
pub(crate) struct FilePart {
    left: u64,
    stage: Stage,
    blocking: Arc<Blocking>,
    /// For the log.
    app: Arc<str>,
    id: LogId,
}

enum Stage {
    Idle(File),
    Reading(Call<io::Result<(File, Vec<u8>)>>),
    Over,
}

impl FilePart {
    /// `length` bytes from `offset`. Does not read yet.
    pub(crate) fn open(
        mut file: File,
        offset: u64,
        length: u64,
        blocking: &Arc<Blocking>,
        app: Arc<str>,
        id: LogId,
    ) -> io::Result<Self> {
        file.seek(SeekFrom::Start(offset))?;
        Ok(Self { left: length, stage: Stage::Idle(file), blocking: Arc::clone(blocking), app, id })
    }

    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Vec<u8>>> {
        loop {
            match std::mem::replace(&mut self.stage, Stage::Over) {
                Stage::Idle(file) => {
                    let size = usize::try_from(self.left).unwrap_or(PIECE).min(PIECE);
                    self.stage = Stage::Reading(self.blocking.call(move || read(file, size)));
                }
                Stage::Reading(mut reading) => match Pin::new(&mut reading).poll(cx) {
                    Poll::Pending => {
                        self.stage = Stage::Reading(reading);
                        return Poll::Pending;
                    }
                    Poll::Ready(read) => {
                        let (file, piece) = read??;
                        self.left -= piece.len() as u64;
                        self.stage = Stage::Idle(file);
                        return Poll::Ready(Ok(piece));
                    }
                },
                Stage::Over => return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into())),
            }
        }
    }
}

fn read(mut file: File, size: usize) -> io::Result<(File, Vec<u8>)> {
    let mut piece = vec![0; size];
    let mut filled = 0;
    while filled < size {
        match file.read(&mut piece[filled..]) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()), // it has shrunk
            Ok(read) => filled += read,
            Err(failure) if failure.kind() == io::ErrorKind::Interrupted => {}
            Err(failure) => return Err(failure),
        }
    }
    Ok((file, piece))
}

impl Body for FilePart {
    type Data = Bytes;
    type Error = Fault;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Fault>>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        Poll::Ready(Some(match ready!(self.poll_piece(cx)) {
            Ok(piece) => Ok(Frame::data(piece.into())),
            Err(failure) => {
                warn!(app = %self.app, id = %self.id, %failure, "cannot send the whole part of a file");
                self.left = 0;
                Err(HostFault::Internal.into())
            }
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

/// What is read at once.
const PIECE: usize = 64 << 10;
