//! The version of WASI that a name belongs to: one place for imports, exports, and the choice of an engine.

/// A version of WASI that this host has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wasi {
    /// 0.2, each patch of it.
    V0_2,
    /// 0.3, each patch of it.
    V0_3,
}

impl Wasi {
    /// `None`: the version is of another WASI, or none. A draft, such as 0.3.0-rc-2026-01-06, is: each has interfaces of its
    /// own, which this host does not have (the component model's rule of names, and wasmtime's).
    pub(crate) fn of(version: &str) -> Option<Self> {
        let number = |text: &str| !text.is_empty() && text.bytes().all(|digit| digit.is_ascii_digit());
        let release = version.split('+').next().unwrap_or(version); // build metadata follows a +
        match release.split('.').collect::<Vec<_>>()[..] {
            ["0", "2", patch] if number(patch) => Some(Self::V0_2),
            ["0", "3", patch] if number(patch) => Some(Self::V0_3),
            _ => None,
        }
    }

    /// Whether a version is that of a draft of one of them.
    pub(crate) fn is_draft(version: &str) -> bool {
        version.split_once('-').is_some_and(|(release, _)| Self::of(release).is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patches_are_of_a_version_and_drafts_are_not() {
        for (version, expected, is_draft) in [
            ("0.2.0", Some(Wasi::V0_2), false),
            ("0.2.12", Some(Wasi::V0_2), false),
            ("0.3.0", Some(Wasi::V0_3), false),
            ("0.3.1+build.5", Some(Wasi::V0_3), false),
            ("0.2.0-rc-2023-12-05", None, true),
            ("0.3.0-rc-2026-01-06", None, true),
            ("0.3.0-draft", None, true),
            ("0.4.0", None, false),
            ("0.4.0-rc-1", None, false),
            ("0.2", None, false),
            ("0.2.", None, false),
            ("0.20.0", None, false),
            ("", None, false),
        ] {
            assert_eq!((Wasi::of(version), Wasi::is_draft(version)), (expected, is_draft), "{version}");
        }
    }
}
