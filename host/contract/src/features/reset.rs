//! The end of a stream with an error code.

/// The power to end a stream with an error code (ASP.NET Core: `IHttpResetFeature`), which HTTP/2 and HTTP/3 have.
pub trait Reset: Send + Sync {
    /// Ends the stream with this code, which is the protocol's own: of 32 bits in HTTP/2 (RFC 9113 §7), of 62 in HTTP/3
    /// (RFC 9114 §8.1). One that is larger ends the stream with the protocol's INTERNAL_ERROR. Otherwise as
    /// [`super::Lifetime::abort`].
    fn reset(&self, code: u64);
}
