//! What the system knows of connections that no process may know of any more.

use std::fs;

/// Whether it has a socket of TCP over IPv4 that is bound to the one port of this machine and connected to the other, be
/// it one that was closed and whose bytes still wait to be taken. Only Linux tells.
pub(crate) fn holds(local: u16, remote: u16) -> bool {
    if cfg!(not(target_os = "linux")) {
        return false;
    }
    let sockets = fs::read_to_string("/proc/net/tcp").expect("Linux tells");
    let port = |address: Option<&str>| u16::from_str_radix(address?.split_once(':')?.1, 16).ok();
    sockets.lines().skip(1).any(|socket| {
        let mut columns = socket.split_ascii_whitespace().skip(1);
        (port(columns.next()), port(columns.next())) == (Some(local), Some(remote))
    })
}
