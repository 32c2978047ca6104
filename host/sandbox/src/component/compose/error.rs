//! Errors and warnings of a composition. Each names the file, what is wrong with it, and what to do.

use std::path::PathBuf;

use crate::component::names;
use crate::component::{LoadError, World};

/// Why components cannot be put together.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the fields are what the messages show")]
pub enum ComposeError {
    /// One of them is no component that this host could run.
    #[error(transparent)]
    Part(#[from] LoadError),
    /// It is no middleware.
    #[error("{} is no middleware; it exports {}.\n{hint}", file.display(), names(exports))]
    NoRole { file: PathBuf, exports: Vec<String>, hint: &'static str },
    /// It stands before the app and behind it at once.
    #[error(
        "{} handles requests and also exports {}: what stands behind it would need it, and it what stands behind, and \
         neither could be first.\nSplit it in two, a middleware that handles and one that exports, and name both with \
         --middleware.",
        file.display(),
        names(features)
    )]
    Cycle { file: PathBuf, features: Vec<String> },
    /// It handles requests in another way than the app.
    #[error(
        "{} cannot stand before {}: it is middleware of {world}, and the app is of {app_world}.\nGive a middleware that \
         was built for the app's world.",
        file.display(),
        app.display()
    )]
    OtherWorld { file: PathBuf, world: World, app: PathBuf, app_world: World },
    /// Its imports or exports have the right names and the wrong types.
    #[error(
        "{} does not fit the others: {reason}.\nBuild all of them against the same version of their WIT.",
        file.display()
    )]
    DoesNotFit { file: PathBuf, reason: String },
    /// None of the above, and so not to be expected.
    #[error("the components cannot be put together: {reason}; this is a bug in Windhover")]
    Impossible { reason: String },
}

/// What looks like a mistake in a composition, and hinders nobody.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the fields are what the messages show")]
pub enum ComposeWarning {
    /// A filter that passes nothing on.
    #[error(
        "{} exports {feature} and does not import it: it makes up what it says, and what the server says is lost",
        file.display()
    )]
    NotImported { file: PathBuf, feature: String },
    /// A filter that nobody asks.
    #[error("{} exports {feature}, which nothing behind it imports: there it changes nothing", file.display())]
    Unused { file: PathBuf, feature: String },
}
