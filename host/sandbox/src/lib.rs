//! Runs guests with wasmtime: components that answer HTTP requests, by default each request in an instance of its own.
//!
//! Three types have three lifetimes: an [`Engine`] that of the process, a [`Guest`] that of a component file, and a
//! [`Sandbox`] makes one call per exchange. A guest has only what it was granted. Whatever it does, only its own
//! exchange fails, with a [`windhover_contract::Fault`]. Everything that it held is freed when its exchange ends.

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
