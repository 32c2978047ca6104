//! A test is written once and runs on every server: `for_each_server!`.

/// Makes of each function a module with one test for each server: `name::memory`, `name::http` and `name::https`, which
/// is HTTP/1.1 over TLS.
///
/// ```text
/// for_each_server! {
///     async fn a_sentence_about_behaviour(server) {
///         let served = server.serve(guest("rust-hello")).await;
///         …
///     }
/// }
/// ```
#[macro_export]
macro_rules! for_each_server {
    ($($(#[$attribute:meta])* async fn $sentence:ident($server:ident) $body:block)+) => {$(
        mod $sentence {
            #[allow(unused_imports, reason = "not every sentence needs what its file imports")]
            use super::*;

            async fn holds_on($server: $crate::TestServer) $body

            $(#[$attribute])*
            #[tokio::test]
            async fn memory() {
                holds_on($crate::TestServer::memory()).await;
            }

            $(#[$attribute])*
            #[tokio::test]
            async fn http() {
                holds_on($crate::TestServer::http()).await;
            }

            $(#[$attribute])*
            #[tokio::test]
            async fn https() {
                holds_on($crate::TestServer::https()).await;
            }
        }
    )+};
}

/// As [`for_each_server!`], for what only sockets have: `name::http` and `name::https`.
#[macro_export]
macro_rules! for_each_socket {
    ($($(#[$attribute:meta])* async fn $sentence:ident($server:ident) $body:block)+) => {$(
        mod $sentence {
            #[allow(unused_imports, reason = "not every sentence needs what its file imports")]
            use super::*;

            async fn holds_on($server: $crate::TestServer) $body

            $(#[$attribute])*
            #[tokio::test]
            async fn http() {
                holds_on($crate::TestServer::http()).await;
            }

            $(#[$attribute])*
            #[tokio::test]
            async fn https() {
                holds_on($crate::TestServer::https()).await;
            }
        }
    )+};
}
