//! A client that waits to be asked for its content.

/// The power to ask such a client for its content (RFC 9110 §10.1.1). ASP.NET Core has no counterpart: there, reading
/// asks. It does so here too; this is for an application that answers before it reads.
pub trait ExpectContinue: Send + Sync {
    /// Says that the application will read the content. Unless it has dropped the content by then, the server sends 100
    /// (Continue) before the head of the answer. Calling it again, or after that head, changes nothing.
    fn will_read(&self);
}
