//! Holds machine code that is about to run, where nobody else can change it.

#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "linux")]
pub(crate) use linux::{Draft, Image};

#[cfg(not(target_os = "linux"))]
mod memory;
#[cfg(not(target_os = "linux"))]
pub(crate) use memory::{Draft, Image};
