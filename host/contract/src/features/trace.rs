//! The trace that an exchange is recorded in.

use http::{HeaderMap, Method, StatusCode, Uri};

/// The record of an exchange in a trace, for what is done for it beyond its request and its answer.
///
/// Who records writes the context of its own record into the request's `traceparent` and `tracestate` (W3C Trace
/// Context), so that whoever passes these on has others' records become part of this one.
pub trait Trace: Send + Sync {
    /// A request leaves for another server. Writes into its fields which trace it is part of; where they say so
    /// already, it becomes part of that.
    fn leaves(&self, method: &Method, uri: &Uri, fields: &mut HeaderMap) -> Box<dyn TracedCall>;

    /// The application says something of the exchange.
    fn tag(&self, name: &str, value: &str);
}

/// The record of a request to another server. It ends when it is dropped.
pub trait TracedCall: Send {
    /// The head of its answer has come.
    fn answered(&mut self, status: StatusCode);

    /// There is no answer, or no whole one. `kind` takes few values.
    fn failed(&mut self, kind: &str);
}
