//! The grants that a component may need, judged by its imports. Only *may*: the runtimes of most languages import
//! files, variables and more whether the app uses them or not.

use crate::grants::{self, Grant};

/// A grant, and the reason why a component may need it.
#[derive(Debug)]
pub struct Want {
    /// The grant.
    pub grant: Grant,
    /// The imports that show it.
    pub imports: Vec<String>,
}

/// What a component with these imports may want.
pub(super) fn wants(imports: &[String]) -> Vec<Want> {
    let want = |grant: &Grant| Want {
        grant: *grant,
        imports: imports.iter().filter(|import| grant.is_imported_by(import)).cloned().collect(),
    };
    grants::ALL.iter().map(want).filter(|want| !want.imports.is_empty()).collect()
}
