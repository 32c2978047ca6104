//! The circles that remain, each with its reason. None does.

/// Files that refer to each other.
pub(crate) struct Circle {
    pub(crate) room: &'static str,
    pub(crate) files: &'static [&'static str],
    /// Why they must.
    pub(crate) reason: &'static str,
}

pub(crate) const ALLOWED: &[Circle] = &[];
