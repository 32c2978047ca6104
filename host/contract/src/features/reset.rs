//! The end of a stream with an error code.

/// The power to end a stream with an error code (ASP.NET Core: `IHttpResetFeature`), which HTTP/2 and HTTP/3 have.
pub trait Reset: Send + Sync {
    /// Ends the stream with this code (RFC 9113 §7). As [`super::Lifetime::abort`] else.
    fn reset(&self, code: u32);
}
