//! Sockets that this process was given by systemd (`LISTEN_FDS`), or by whoever starts it as systemd does.

use listenfd::ListenFd;
use tracing::warn;
use windhover_http::InheritedSocket;

/// The sockets that this process was given. What is no listening stream socket is told and left alone.
pub(crate) fn inherited() -> Vec<InheritedSocket> {
    let names = std::env::var("LISTEN_FDNAMES").unwrap_or_default();
    let mut names = names.split(':').filter(|name| !name.is_empty());
    let mut given = ListenFd::from_env();
    let mut sockets = Vec::new();
    for index in 0..given.len() {
        let name = names.next().unwrap_or("unknown").to_owned(); // as systemd calls what has no name
        if let Ok(Some(socket)) = given.take_tcp_listener(index) {
            sockets.push(InheritedSocket::tcp(name, socket));
            continue;
        }
        #[cfg(unix)]
        if let Ok(Some(socket)) = given.take_unix_listener(index) {
            sockets.push(InheritedSocket::unix(name, socket));
            continue;
        }
        warn!("inherited socket {name} is no stream socket that listens, so nothing is served there");
    }
    sockets
}
