//! What servers and applications agree on: plain types and a few traits.
//!
//! A [`Server`] speaks HTTP and hands each exchange to an [`Application`] as a [`Request`] whose [`Features`] say what
//! else the server knows. Nothing in this crate knows an HTTP library, a runtime, WebAssembly or an operating system,
//! so a third party writes a server by depending on this crate alone.
//!
//! # Life of a request
//!
//! ```text
//! wire ──► server       reads the head, checks it, refuses what is malformed: no guest ever sees it
//!      ──► Request      method, target, fields, body, features; ownership moves up, once
//!      ──► Application  handle(request) → response; infallible: a failure is a response too
//!      ◄── Response     status, fields, body; the body may go on producing long after `handle` returned
//!      ◄── server       head once; a failure after the head is a reset, never a second head
//! ```
//!
//! Before the head a [`Fault`] is a status ([`Response`]'s `From<Fault>`), after it a reset. Dropping the future of
//! `handle`, or the response's body, is cancellation: the client is gone or the server is leaving.

// Times that two threads read may be out of order, and less than no time panics.
#![cfg_attr(not(test), warn(clippy::unchecked_time_subtraction))]

mod application;
mod body;
mod fault;
mod features;
mod limit;
mod limits;
mod observer;
mod request;
mod response;
mod server;
mod target;
mod trailers;
mod trusted_peers;

pub use application::Application;
pub use body::Body;
pub use fault::{ClientFault, Fault, GuestFault, HostFault};
pub use features::{
    BodyLimits, Connection, Ends, ExchangeLimits, ExpectContinue, Feature, Features, Identifier, Informational,
    Lifetime, Reset, ServerAddresses, ServerVariables, Tls, TooLate, Trace, TraceContext, TracedCall, Upgrade,
    UpgradeKind, User,
};
pub use limit::Limit;
pub use limits::{DataRate, Http1Limits, Http2Limits, InRange, Limits, OutOfRange, TlsLimits};
pub use observer::{ConnectionEnd, Observer, ProxyFault};
pub use request::Request;
pub use response::{Delivery, Framing, Response, is_connection_field};
pub use server::{ConnectionCounts, Drained, EndpointsChanged, Server, ServerHandle};
pub use target::{Host, KnownHost, PathBase, PathBaseError, Scheme, Target, is_same_authority};
pub use trailers::{keep_trailers, may_be_trailer};
pub use trusted_peers::{TrustedPeer, TrustedPeerError, TrustedPeers};
