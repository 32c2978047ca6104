//! What `windhover doctor` finds, and how it prints that.

use crate::table::Table;

/// A finding about one thing.
pub(super) struct Finding {
    pub(super) state: State,
    pub(super) about: &'static str,
    pub(super) told: String,
    /// Empty if there is nothing to do, or `told` says it.
    pub(super) remedy: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum State {
    Good,
    /// A server runs, but slower than it could.
    Poor,
    /// A server cannot run.
    Bad,
    /// Missing, and needed only by those who use it.
    #[cfg(feature = "authoring")]
    None,
}

/// A row for each finding, and one below it that says what to do.
pub(super) fn table(findings: &[Finding]) -> String {
    let mut table = Table::new([4, 13]);
    for Finding { state, about, told, remedy } in findings {
        let state = match state {
            State::Good => "good",
            State::Poor => "poor",
            State::Bad => "bad",
            #[cfg(feature = "authoring")]
            State::None => "none",
        };
        table.row([state, about], [told]);
        if !remedy.is_empty() {
            table.row(["", ""], [remedy]);
        }
    }
    table.to_string()
}
