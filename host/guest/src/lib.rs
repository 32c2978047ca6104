//! What applications for Windhover are written with in Rust: a handler, the types of the [`http`] crate, and content
//! that streams.
//!
//! ```
//! use windhover_guest::Request;
//!
//! windhover_guest::export!(hello);
//!
//! fn hello(request: Request) -> String {
//!     format!("Hello from {}!\n", request.uri().path())
//! }
//! ```
//!
//! It is built for `wasm32-wasip2`, as a `cdylib`. The WIT of every feature is in [`features`], and a component imports
//! those whose functions it calls. Where no server is, as in `cargo test`, a handler may be called as the function that
//! it is, with requests whose [`Content`] is in memory, and its answer read by [`Body::collect`]; features are not there.

#![warn(missing_docs)]

mod body;
mod content;
mod handler;
mod request;
mod response;

pub use http;
pub use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};

pub use body::{Body, Out};
pub use content::{Content, ContentError};
pub use handler::Handler;
#[doc(hidden)]
pub use handler::serve;
pub use response::IntoResponse;

/// The current request. Its URI is absolute where the client named a host, and its path is spelled in one way only: dot
/// segments are removed, and nothing is escaped that need not be, so `/%61dmin` is `/admin`. As in the WIT, `%2F` stays,
/// and may have been `%252F`. What was sent is told by [`features::request::raw_target`].
pub type Request = http::Request<Content>;

/// An answer.
pub type Response = http::Response<Body>;

/// Every feature of the exchange, as the WIT has it. A component imports those that it calls.
pub mod features {
    pub use crate::bindings::windhover::http::*;
}

#[doc(hidden)]
#[allow(missing_docs, reason = "the WIT has the words")]
pub mod bindings {
    wit_bindgen::generate!({
        path: "wit",
        world: "application",
        generate_all,
        ownership: Borrowing { duplicate_if_necessary: false }, // calls take `&str` and `&[u8]`
        pub_export_macro: true,
        export_macro_name: "export_application",
        default_bindings_module: "windhover_guest::bindings",
    });
}

/// Makes a handler the application that this component is: anything that is a [`Handler`], such as the name of a
/// function. It is evaluated for every request.
#[macro_export]
macro_rules! export {
    ($handler:expr) => {
        const _: () = {
            struct Exported;

            impl $crate::bindings::Guest for Exported {
                fn handle() {
                    $crate::serve($handler);
                }
            }

    $crate::bindings::export_application!(Exported with_types_in $crate::bindings);
        };
    };
}
