//! The end of an exchange before its time.

use crate::Fault;

/// The power to break an exchange off (ASP.NET Core: `IHttpRequestLifetimeFeature.Abort`). That the client has left is
/// not told here: the server drops what works for it.
pub trait Lifetime: Send + Sync {
    /// Breaks the exchange off. The client sees a reset, of the connection or of the stream. Soon after it the server
    /// drops what works for the exchange. `why` is for the record. Calling it again changes nothing.
    fn abort(&self, why: Fault);

    /// Why this side has broken the exchange off: the reason of [`Lifetime::abort`], or the server's own, such as a limit
    /// that the client has met or that the server leaves. `None`: it has not, so where the exchange ends before its time
    /// all the same, the client has left. To be asked when what works for the exchange is dropped.
    fn broken_off(&self) -> Option<Fault>;
}
