//! The guest's world: wasmtime. Runs components that answer HTTP requests, each request in an instance of its own.
//!
//! Three lifetimes, three types: an [`Engine`] a process, a [`Guest`] a component file, and inside a [`Sandbox`] one
//! call an exchange. Promises: a guest has nothing that was not granted; what it does, however hostile, ends as its own
//! exchange's [`windhover_contract::Fault`]; all it held is freed when its exchange ends.

// Times that two threads read may be out of order, and less than no time panics.
#![cfg_attr(not(test), warn(clippy::unchecked_time_subtraction))]

mod answer;
mod component;
mod engine;
mod exchange;
mod features;
mod grants;
mod invoke;
mod limits;
mod memory;
mod reuse;
mod sandbox;
mod scheduling;
mod store;
mod wasi;

pub use component::cache::{Cache, CacheError};
pub use component::compiled::compile;
pub use component::compose::{ComposeError, ComposeWarning, Composition, Part, compose};
pub use component::guest::{Guest, Origin};
pub use component::inspect::{Inspection, MadeWith, Want, inspect};
pub use component::source::Source;
pub use component::{LoadError, World};
pub use engine::Engine;
pub use engine::config::{Capabilities, EngineConfig, EngineError};
pub use exchange::leaving::Leave;
pub use grants::outbound::{Outbound, OutboundError, OutboundLimits, OutboundRule, OutboundRuleError};
pub use grants::{Access, Grant, Grants};
pub use limits::{Reuse, SandboxLimits, WebSocketLimits};
pub use sandbox::Sandbox;
pub use scheduling::admission::Load;
pub use scheduling::profile::{Function, Profile, Sample, Seen};
