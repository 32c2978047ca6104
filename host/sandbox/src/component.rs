//! Everything about a component before it runs: reading, checking, composing, compiling, caching and linking it.

mod binary;
pub(crate) mod cache;
pub(crate) mod code;
pub(crate) mod compiled;
pub(crate) mod compose;
mod concurrency;
mod facts;
mod footprint;
pub(crate) mod guest;
mod imports;
pub(crate) mod inspect;
mod kind;
mod load_error;
mod once;
mod outline;
pub(crate) mod precompiled;
pub(crate) mod source;
mod wasi;
mod without_code;
mod world;

pub(crate) use binary::binary;
pub(crate) use facts::Facts;
pub(crate) use footprint::Footprint;
pub(crate) use kind::{EngineKind, MAX_COPIED};
pub use load_error::LoadError;
pub(crate) use load_error::names;
pub(crate) use once::{answers_once, keeps_resources};
pub(crate) use outline::Outline;
pub(crate) use wasi::Wasi;
pub use world::World;
