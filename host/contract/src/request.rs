//! One request as a server hands it over.

use http::{HeaderMap, Method, Version};

use crate::{Body, Features, Target};

/// One request: checked by the server, owned by the application.
pub struct Request {
    /// The method, case preserved (RFC 9110 §9).
    pub method: Method,
    /// What the request is for: scheme, authority, path and query (RFC 9112 §3.2 and §3.3).
    pub target: Target,
    /// The protocol version of the connection's exchange, not of any proxy's.
    pub version: Version,
    /// The header fields as received, names in lower case. Connection-level fields are still in.
    pub fields: HeaderMap,
    /// The content. [`Body::empty`] when the request has none.
    pub body: Body,
    /// What else the server knows about this exchange.
    pub features: Features,
}
