//! What a guest's store holds.

pub(crate) mod log;
pub(crate) mod resources;
pub(crate) mod state;
