//! What the store of a guest holds.

pub(crate) mod log;
pub(crate) mod resources;
pub(crate) mod state;
