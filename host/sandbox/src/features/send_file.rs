//! `wit/send-file.wit`.

use std::fs::File;
use std::io;
use std::sync::Arc;
use std::time::SystemTime;

use cap_std::fs::{Dir, Metadata as FileMetadata};
use http::header::CONTENT_LENGTH;

use crate::answer::Content;
use crate::answer::file::FilePart;
use crate::exchange::log_id::LogId;
use crate::exchange::{Exchange, Progress};
use crate::features::bindings::response::Error as ResponseError;
use crate::features::bindings::send_file::{Error, Host, Metadata};
use crate::grants::Grants;

impl Host for Exchange {
    async fn stat(&mut self, path: String) -> wasmtime::Result<Result<Metadata, Error>> {
        let found = with_files(&self.app.grants, move |files| open(files, &path)).await;
        Ok(found.map(|(_, metadata)| Metadata { size: metadata.len(), modified: modified(&metadata) }))
    }

    async fn send(
        &mut self,
        status: u16,
        list: Vec<(String, Vec<u8>)>,
        path: String,
        offset: u64,
        length: Option<u64>,
    ) -> wasmtime::Result<Result<(), Error>> {
        self.disconnect.check()?;
        let head = match self.check(status, list) {
            Ok(head) if !head.allows_content => return Ok(Err(Error::Response(ResponseError::ContentNotAllowed))),
            Ok(head) => head,
            Err(error) => return Ok(Err(Error::Response(error))),
        };
        let opened = with_files(&self.app.grants, move |files| open_range(files, &path, offset, length)).await;
        let (file, length) = match opened {
            Ok(opened) => opened,
            Err(error) => return Ok(Err(error)),
        };
        if head.length.is_some_and(|promised| promised != length) {
            return Ok(Err(Error::Response(ResponseError::ContentLengthMismatch)));
        }
        let id = LogId::from(&self.features);
        let blocking = &self.app.grants.blocking;
        let part = match FilePart::open(file, offset, length, blocking, Arc::clone(&self.app.name), id) {
            Ok(part) => part,
            Err(_) => return Ok(Err(Error::NotFound)),
        };
        self.progress = Progress::Sent;
        self.begin(head.with_length(length), Content::File(part));
        Ok(Ok(()))
    }
}

/// Asks the disk, which may take its time, on a thread that may wait.
async fn with_files<T: Send + 'static>(
    grants: &Arc<Grants>,
    ask: impl FnOnce(&Dir) -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let own = Arc::clone(grants);
    let asked = grants.blocking.call(move || ask(own.files.folder().ok_or(Error::NotFound)?));
    asked.await.unwrap_or(Err(Error::NotFound))
}

fn open_range(files: &Dir, path: &str, offset: u64, length: Option<u64>) -> Result<(File, u64), Error> {
    let (file, metadata) = open(files, path)?;
    let size = metadata.len();
    let rest = size.checked_sub(offset).ok_or(Error::InvalidRange(size))?;
    let length = length.unwrap_or(rest);
    if length > rest {
        return Err(Error::InvalidRange(size));
    }
    Ok((file, length))
}

/// `cap_std` keeps to the folder, whatever the path and the links in it say.
fn open(files: &Dir, path: &str) -> Result<(File, FileMetadata), Error> {
    let leaves = path.split('/').any(|part| part == "..");
    if path.is_empty() || path.starts_with('/') || leaves || path.contains(['\\', '\0']) {
        return Err(Error::InvalidPath);
    }
    let refused = |failure: io::Error| match failure.kind() {
        // What `cap_std` says of a link that leaves the folder.
        io::ErrorKind::PermissionDenied if failure.raw_os_error().is_none() => Error::InvalidPath,
        _ => Error::NotFound,
    };
    // Looked at first: opening a pipe would wait for its other end.
    if !files.metadata(path).map_err(refused)?.is_file() {
        return Err(Error::NotFound);
    }
    let file = files.open(path).map_err(refused)?;
    let metadata = file.metadata().map_err(refused)?;
    if metadata.is_file() { Ok((file.into_std(), metadata)) } else { Err(Error::NotFound) }
}

fn modified(metadata: &FileMetadata) -> Option<u64> {
    let modified = metadata.modified().ok()?.into_std();
    Some(modified.duration_since(SystemTime::UNIX_EPOCH).ok()?.as_secs())
}

impl super::response::Checked {
    fn with_length(mut self, length: u64) -> Self {
        self.fields.insert(CONTENT_LENGTH, length.into());
        self
    }
}
