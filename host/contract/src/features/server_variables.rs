//! What a server knows by name.

use std::collections::BTreeMap;

/// Facts with names (ASP.NET Core: `IServerVariablesFeature`), for what has no type: the server's software, a kernel's
/// queue. What the request itself says is not here; whoever gives it the names of CGI takes it from there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServerVariables(BTreeMap<String, String>);

impl ServerVariables {
    /// The value of a variable. Case does not matter.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(&name.to_ascii_uppercase()).map(String::as_str)
    }

    /// These and more. One that is there already gets the new value.
    pub fn with(&self, more: impl IntoIterator<Item = (String, String)>) -> Self {
        let mut all = self.0.clone();
        all.extend(more.into_iter().map(|(name, value)| (name.to_ascii_uppercase(), value)));
        Self(all)
    }
}

impl FromIterator<(String, String)> for ServerVariables {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(variables: I) -> Self {
        Self(variables.into_iter().map(|(name, value)| (name.to_ascii_uppercase(), value)).collect())
    }
}
