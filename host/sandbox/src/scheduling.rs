//! Decides when a guest runs, on which thread, and for how long.

pub(crate) mod admission;
pub(crate) mod background;
pub(crate) mod blocking;
pub(crate) mod instance_limit;
pub(crate) mod profile;
pub(crate) mod queue;
pub(crate) mod rapid_fail;
pub(crate) mod stuck;
pub(crate) mod ticker;
pub(crate) mod time_limit;
pub(crate) mod turns;
pub(crate) mod wake;
