//! How many of the written bytes the other end has not acknowledged. The only file of this crate with unsafe code: one
//! system call that no library offers as a safe function.

use tokio::net::TcpStream;

/// Bytes that were written and are not acknowledged. `None`: this system does not tell.
#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64", target_arch = "riscv64")))]
pub(crate) fn outstanding(socket: &TcpStream) -> Option<u64> {
    use rustix::ioctl::{Getter, ioctl};

    /// `SIOCOUTQ` of Linux, tcp(7), as it is numbered on these architectures.
    const SIOCOUTQ: rustix::ioctl::Opcode = 0x5411;

    #[expect(unsafe_code, reason = "rustix has this call, but not this question")]
    // SAFETY: `SIOCOUTQ` writes one C int to where its argument points and reads nothing, which is what `Getter` with
    // this type provides for; the descriptor is open as long as the socket is borrowed.
    let bytes = unsafe { ioctl(socket, Getter::<SIOCOUTQ, std::ffi::c_int>::new()) };
    u64::try_from(bytes.ok()?).ok()
}

/// Bytes that were written and are not acknowledged. `None`: this system does not tell.
#[cfg(not(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64", target_arch = "riscv64"))))]
pub(crate) fn outstanding(_: &TcpStream) -> Option<u64> {
    None
}

#[cfg(test)]
mod tests {
    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn what_the_other_end_has_no_room_for_is_outstanding() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let near =
            tokio::net::TcpStream::connect(listener.local_addr().expect("it is bound")).await.expect("it listens");
        let (_far, _) = listener.accept().await.expect("somebody connects");
        assert_eq!(super::outstanding(&near), Some(0));
        let mut written = 0;
        near.writable().await.expect("it is open");
        while let Ok(size) = near.try_write(&[0; 65536]) {
            written += size as u64;
        }
        let outstanding = super::outstanding(&near).expect("Linux tells");
        assert!(0 < outstanding && outstanding < written, "{outstanding} of {written}");
    }
}
