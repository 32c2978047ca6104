//! The addresses that a server is bound to.

/// The addresses really bound (ASP.NET Core: `IServerAddressesFeature`), each in the form `http://127.0.0.1:8080`.
/// Text and not socket addresses, because a kernel's URL prefix (`http://+:80/app/`) is an address too.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServerAddresses(Box<[String]>);

impl ServerAddresses {
    /// The addresses, in the order in which they were configured.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }
}

impl FromIterator<String> for ServerAddresses {
    fn from_iter<I: IntoIterator<Item = String>>(addresses: I) -> Self {
        Self(addresses.into_iter().collect())
    }
}
