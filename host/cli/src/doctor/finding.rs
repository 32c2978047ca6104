//! What `windhover doctor` finds, and how it prints that.

use crate::table::Table;

/// What was found about one thing.
pub(super) struct Finding {
    pub(super) state: State,
    pub(super) about: &'static str,
    pub(super) told: String,
    /// Empty where nothing is to be done, or where that is told already.
    pub(super) remedy: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum State {
    Good,
    /// A server runs, and would do better.
    Poor,
    /// No server runs.
    Bad,
    /// Of no matter to whoever does not ask for it.
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
