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
    /// It is not middleware.
    #[error("{} is not middleware; it exports {}.\n{hint}", file.display(), names(exports))]
    NoRole { file: PathBuf, exports: Vec<String>, hint: &'static str },
    /// It stands before the app and behind it at once.
    #[error(
        "{} handles requests and also exports {}: it and the components behind it would need each other, so neither \
         could be first.\nSplit it into a middleware that handles requests and one that exports features, and name both \
         with --middleware.",
        file.display(),
        names(features)
    )]
    Cycle { file: PathBuf, features: Vec<String> },
    /// It handles requests in another way than the app.
    #[error(
        "{} cannot stand before {}: it is middleware for {world}, and the app is built for {app_world}.\nUse middleware \
         that is built for the world of the app.",
        file.display(),
        app.display()
    )]
    OtherWorld { file: PathBuf, world: World, app: PathBuf, app_world: World },
    /// Its imports or exports have the right names and the wrong types.
    #[error(
        "{} does not fit the other components: {reason}.\nBuild all of them against the same version of their WIT.",
        file.display()
    )]
    DoesNotFit { file: PathBuf, reason: String },
    /// None of the above, and so not to be expected.
    #[error("cannot compose the components: {reason}; this is a bug in Windhover")]
    Impossible { reason: String },
}

/// A likely mistake in a composition, which does not prevent it.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the fields are what the messages show")]
pub enum ComposeWarning {
    /// A filter that passes nothing on.
    #[error(
        "{} exports {feature} and does not import it, so the components behind it get nothing of what the server says",
        file.display()
    )]
    NotImported { file: PathBuf, feature: String },
    /// A filter without effect.
    #[error("{} exports {feature}, which no component behind it imports, so the export has no effect", file.display())]
    Unused { file: PathBuf, feature: String },
}
