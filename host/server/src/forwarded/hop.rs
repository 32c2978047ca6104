//! One hop of a request, whichever field tells it.

use http::uri::Authority;
use windhover_contract::{PathBase, Scheme};

use super::node::Node;

/// What one proxy tells about who sent it the request, and for what. `None`: it does not say.
#[derive(Debug, Default)]
pub(super) struct Hop {
    pub(super) node: Option<Node>,
    pub(super) scheme: Option<Scheme>,
    pub(super) authority: Option<Authority>,
    pub(super) port: Option<u16>,
    pub(super) prefix: Option<PathBase>,
}

/// What a proxy tells cannot be parsed.
#[derive(Debug)]
pub(super) struct Malformed;
