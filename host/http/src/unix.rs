//! Unix sockets: bound with permissions of their own, replacing sockets that nobody listens on any more, and removed
//! when they are not served any more.

use std::fs;
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, chown};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use socket2::{Domain, SockAddr, Socket, Type};

use crate::transport::BACKLOG;

/// The file of a socket. Dropping it removes the file, if it is still that of this socket.
#[derive(Debug)]
pub(crate) struct SocketFile {
    path: PathBuf,
    identity: Identity,
}

/// Distinguishes a file from another that has replaced it: the system gives the numbers of removed files to new ones,
/// but not the times.
type Identity = (u64, u64, i64, i64);

fn identity(found: &fs::Metadata) -> Identity {
    (found.dev(), found.ino(), found.ctime(), found.ctime_nsec())
}

/// Who may connect: the permissions of the file.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Access {
    pub(crate) mode: u32,
    /// `None`: the user that runs this process.
    pub(crate) owner: Option<u32>,
    /// `None`: the group of the user that runs this process.
    pub(crate) group: Option<u32>,
}

impl Access {
    /// For the file's owner and its group.
    pub(crate) const DEFAULT_MODE: u32 = 0o660;
}

/// Listens at a path, or at an abstract name if it begins with `@`: that is no file (Linux).
pub(crate) fn listen(path: &str, access: &Access) -> io::Result<(UnixListener, Option<SocketFile>)> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    if let Some(name) = path.strip_prefix('@') {
        socket.bind(&SockAddr::unix(format!("\0{name}"))?)?;
        socket.listen(BACKLOG)?;
        return Ok((UnixListener::from(std::os::fd::OwnedFd::from(socket)), None));
    }
    let path = Path::new(path);
    make_room(path)?;
    socket.bind(&SockAddr::unix(path)?)?;
    // Before any client can connect: that needs a listening socket.
    chown(path, access.owner, access.group).map_err(not_given_away)?;
    fs::set_permissions(path, fs::Permissions::from_mode(access.mode))?;
    let file = SocketFile { path: path.to_owned(), identity: identity(&fs::symlink_metadata(path)?) };
    socket.listen(BACKLOG)?;
    Ok((UnixListener::from(std::os::fd::OwnedFd::from(socket)), Some(file)))
}

fn not_given_away(reason: io::Error) -> io::Error {
    match reason.kind() {
        io::ErrorKind::PermissionDenied => io::Error::new(
            io::ErrorKind::PermissionDenied,
            "changing the owner or group of the file needs a privilege (CAP_CHOWN, root, or membership in that group)",
        ),
        _ => reason,
    }
}

/// Removes a socket that a server left behind. Any other file stays, and is an error.
fn make_room(path: &Path) -> io::Result<()> {
    let found = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        found => found?,
    };
    if !found.file_type().is_socket() {
        return Err(io::Error::other("the file at this path is not a socket; remove it, or choose another path"));
    }
    let taken = |what| Err(io::Error::new(io::ErrorKind::AddrInUse, what));
    match probe(path) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => fs::remove_file(path),
        // A program listens, and its queue is full.
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
            taken("another program listens there and accepts no connections: stop it, or choose another path")
        }
        Err(error) => Err(error),
        Ok(()) => taken("another program listens there: stop it, or choose another path"),
    }
}

/// Whether a program listens. Does not wait for a program that does not accept (connect(2): EAGAIN).
fn probe(path: &Path) -> io::Result<()> {
    let client = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    client.set_nonblocking(true)?;
    client.connect(&SockAddr::unix(path)?)
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if fs::symlink_metadata(&self.path).is_ok_and(|found| identity(&found) == self.identity) {
            let _ = fs::remove_file(&self.path); // a folder that forbids it by now keeps it
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn access(mode: u32) -> Access {
        Access { mode, ..Access::default() }
    }

    #[test]
    fn a_socket_has_its_mode_and_its_file_goes_with_it() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("a.sock");
        let name = path.to_str().expect("it is text");
        let (listener, file) = listen(name, &access(0o600)).expect("it can be bound");
        assert_eq!(fs::metadata(&path).expect("it is there").permissions().mode() & 0o777, 0o600);
        let error = listen(name, &access(0o600)).expect_err("somebody listens").to_string();
        assert!(error.contains("another program listens there"), "{error}");
        drop(listener);
        // Left behind, as by a server that was killed.
        let (_listener, second) = listen(name, &access(0o660)).expect("nobody listens any more");
        drop(file); // not its own any more
        assert!(path.exists());
        drop(second);
        assert!(!path.exists());
    }

    #[test]
    fn a_program_that_accepts_nobody_is_told_and_not_waited_for() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("a.sock");
        let hung = Socket::new(Domain::UNIX, Type::STREAM, None).expect("a socket");
        hung.bind(&SockAddr::unix(&path).expect("it is a path")).expect("it can be bound");
        hung.listen(0).expect("it can listen");
        // As many as its queue takes; the next one would wait without a limit.
        let mut waiting = Vec::new();
        while probe(&path).is_ok() {
            let client = Socket::new(Domain::UNIX, Type::STREAM, None).expect("a socket");
            client.set_nonblocking(true).expect("it can");
            let _ = client.connect(&SockAddr::unix(&path).expect("it is a path"));
            waiting.push(client);
        }
        let error = listen(path.to_str().expect("it is text"), &access(0o600)).expect_err("somebody listens");
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
        assert!(error.to_string().contains("accepts no connections") && path.exists(), "{error}");
    }

    /// Only root can give a file to another user. All others get an error that says so.
    #[test]
    fn a_socket_belongs_to_whom_it_is_given() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("a.sock");
        let access = Access { owner: Some(1), group: Some(2), ..access(0o600) };
        match listen(path.to_str().expect("it is text"), &access) {
            Ok(_bound) => {
                let found = fs::metadata(&path).expect("it is there");
                assert_eq!((found.uid(), found.gid()), (1, 2));
            }
            Err(error) => assert!(error.to_string().contains("CAP_CHOWN"), "{error}"),
        }
    }

    #[test]
    fn a_file_that_is_no_socket_is_left_alone() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("a.txt");
        fs::write(&path, "precious").expect("it can be written to");
        let error = listen(path.to_str().expect("it is text"), &access(0o600)).expect_err("it is a file").to_string();
        assert!(error.contains("is not a socket"), "{error}");
        assert_eq!(fs::read_to_string(&path).expect("it is there"), "precious");
    }
}
