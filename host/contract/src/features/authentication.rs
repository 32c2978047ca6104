//! Who the client is, where the server has found out.

/// A user that the server authenticated (ASP.NET Core: `IHttpAuthenticationFeature`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// The name, as the method gives it.
    pub name: String,
    /// How the server knows, in lower case: `negotiate`, `ntlm`, `basic`, `certificate` …
    pub method: String,
}
