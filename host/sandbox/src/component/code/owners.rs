//! Whose files Windhover takes machine code from.

/// The users that may have written a file.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Owners {
    /// This user.
    User,
    /// This user, or the superuser, who installs what others run.
    UserOrRoot,
}
