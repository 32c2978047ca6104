//! What the suite stands on: a served host ([`TestServer`]), raw bytes in and out ([`Wire`]), HTTP/2 well spoken or frame
//! by frame ([`http2`]), guests by name ([`guest`]), and a server in memory ([`MemoryServer`]) that proves the contract
//! has no favourite.

pub mod bounded;
pub mod frames;
pub mod guests;
pub mod hold;
pub mod http2;
mod kernel;
mod matrix;
pub mod memory;
pub mod secure;
mod served;
mod server;
pub mod strict;
pub mod wire;

pub use bounded::bounded;
pub use frames::Frame;
pub use guests::{engine, engine_with, guest, guest_behind, guest_file, guest_of};
pub use hold::Hold;
pub use memory::{MemoryClient, MemoryConnection, MemoryServer};
pub use served::Served;
pub use server::TestServer;
pub use wire::{Framing, Received, Wire};
