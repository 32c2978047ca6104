//! Applications for Windhover in Rust: a handler, the types of the [`http`] crate, and streaming content.
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
//! Build the crate as a `cdylib` for the target `wasm32-wasip2`. [`features`] has every feature of the WIT; a component
//! imports those whose functions it calls.
//!
//! Tests need no server. In `cargo test`, call the handler as a function, with a request whose [`Content`] is in
//! memory, and read the response with [`Body::collect`]. Features are not available there.

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

/// A request. Its URI is absolute if the client named a host.
///
/// The path has one spelling for each resource: dot segments are removed, and only characters that need it are escaped,
/// so `/%61dmin` becomes `/admin`. As in the WIT, `%2F` may come from `%2F` or from `%252F`.
/// [`features::request::raw_target`] is the target as the client sent it.
pub type Request = http::Request<Content>;

/// A response.
pub type Response = http::Response<Body>;

/// The bindings of every feature in the WIT. A component imports those that it calls.
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

/// Exports a [`Handler`], such as the name of a function, as the application of this component. The expression is
/// evaluated for every request.
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
