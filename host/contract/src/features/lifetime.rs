//! The end of an exchange before its time.

/// The power to break an exchange off (ASP.NET Core: `IHttpRequestLifetimeFeature.Abort`). That the client has left is
/// not told here: the server drops what works for it.
pub trait Lifetime: Send + Sync {
    /// Breaks the exchange off. The client sees a reset, of the connection or of the stream. Soon after it the server
    /// drops what works for the exchange. Calling it again changes nothing.
    fn abort(&self);
}
