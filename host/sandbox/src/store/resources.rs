//! Limits the memory that the host holds for the resources of one instance: streams, fields, pollables, open files, and
//! everything else that the guest has a handle of. The limit is a size, not a number: language runtimes keep thousands
//! of small handles, one for each timer or piece that they read, while other resources are large.
//!
//! wasmtime creates most resources without asking. So each call adds the maximum that it can create. If the sum exceeds
//! an allowance, everything is counted, and the allowance is doubled, so counting costs little.

use std::any::Any;
use std::sync::Arc;

use wasmtime::component::ResourceTable;
use wasmtime_wasi::filesystem::Descriptor;
use wasmtime_wasi_http::{FieldMap, p3};

use crate::exchange::fields::size_of_fields;
use crate::limits::memory::{GrownMemory, Refused};
use crate::wasi::p2::messages;

/// The resources of one instance.
pub(crate) struct Resources {
    table: ResourceTable,
    /// Used in place of `table` when the limit is exceeded: any call of the guest then ends it.
    closed: ResourceTable,
    max: usize,
    /// An upper bound of what is held.
    at_most: usize,
    /// The bound at which everything is counted again.
    allowed: usize,
    /// The part that was taken from the memory of all guests.
    taken: usize,
    all: Arc<GrownMemory>,
    refused: Option<Refused>,
}

impl Resources {
    /// `max`: bytes that may be held, [`RESOURCE`] for each resource and its content.
    pub(crate) fn new(max: usize, all: Arc<GrownMemory>) -> Self {
        let mut table = ResourceTable::new();
        table.set_max_capacity(usize::MAX); // counted here
        let mut closed = ResourceTable::new();
        closed.set_max_capacity(0);
        Self { table, closed, max, at_most: 0, allowed: FIRST.min(max), taken: 0, all, refused: None }
    }

    /// The table, for a call that adds at most a few small resources.
    pub(crate) fn table(&mut self) -> &mut ResourceTable {
        self.table_for(0)
    }

    /// The table, for a call that may also add this many bytes of content.
    pub(crate) fn table_for(&mut self, content: usize) -> &mut ResourceTable {
        let more = FEW * RESOURCE + content;
        self.at_most = self.at_most.saturating_add(more);
        if self.at_most > self.allowed {
            self.count(more);
        }
        if self.refused.is_some() { &mut self.closed } else { &mut self.table }
    }

    /// All resources, whatever the limit is.
    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut (dyn Any + Send)> {
        self.table.iter_mut()
    }

    /// Whether the guest holds so much that the next exchange may lack memory.
    pub(crate) fn are_many(&mut self) -> bool {
        if self.at_most > self.max / 2 {
            self.count(0);
        }
        self.at_most > self.max / 2 || self.refused.is_some()
    }

    /// Why the guest was refused another resource.
    pub(crate) fn refused(&self) -> Option<Refused> {
        self.refused
    }

    /// Counts everything, for a call that may add `more` bytes.
    fn count(&mut self, more: usize) {
        let held: usize = self.table.iter_mut().map(|resource| RESOURCE + content(resource)).sum();
        self.at_most = held.saturating_add(more);
        if self.at_most > self.max {
            self.refused = Some(Refused::Own);
            return;
        }
        let wanted = self.at_most.saturating_mul(2).clamp(FIRST, self.max.max(FIRST));
        if wanted > self.allowed {
            let more = wanted - self.allowed;
            if self.all.take(more) {
                self.taken += more;
                self.allowed = wanted;
            } else if self.at_most > self.allowed {
                self.refused = Some(Refused::All);
            }
        }
    }
}

impl Drop for Resources {
    fn drop(&mut self) {
        self.all.give_back(self.taken);
    }
}

/// What a resource holds beyond itself, in bytes.
fn content(resource: &(dyn Any + Send)) -> usize {
    if let Some(fields) = resource.downcast_ref::<FieldMap>() {
        return size_of_fields(fields);
    }
    if let Some(request) = resource.downcast_ref::<p3::Request>() {
        return size_of_fields(&request.headers);
    }
    if let Some(response) = resource.downcast_ref::<p3::Response>() {
        return size_of_fields(&response.headers);
    }
    if resource.is::<Descriptor>() {
        return OPEN_FILE;
    }
    messages::content(resource)
}

/// The size of a resource without content: its entry in the table, and a small allocation.
pub(crate) const RESOURCE: usize = 128;

/// The maximum of resources that one call adds.
const FEW: usize = 2;

/// What an instance may hold before it is counted for the first time: more than most exchanges need.
const FIRST: usize = 1 << 20;

/// The maximum size of fields, as wasmtime-wasi-http limits them.
pub(crate) const MAX_FIELDS: usize = 128 << 10;

/// An open file takes little memory, but the process has a limited number of them.
pub(crate) const OPEN_FILE: usize = 128 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    fn all(max: usize) -> Arc<GrownMemory> {
        Arc::new(GrownMemory::new(max))
    }

    #[test]
    fn as_many_small_ones_as_have_room_and_no_more() {
        let (all, max) = (all(usize::MAX), 8 << 20);
        let mut resources = Resources::new(max, Arc::clone(&all));
        let mut held = 0;
        while resources.table().push("a small one").is_ok() {
            held += 1;
        }
        assert!((max / RESOURCE - FEW..=max / RESOURCE).contains(&held), "{held}");
        assert_eq!(resources.refused(), Some(Refused::Own));
        assert!(resources.are_many());
    }

    #[test]
    fn what_comes_and_goes_is_not_held() {
        let mut resources = Resources::new(2 << 20, all(usize::MAX));
        for _ in 0..100_000 {
            let resource = resources.table().push("a small one").expect("nothing is held");
            resources.table().delete(resource).expect("it was just put there");
        }
        assert!(resources.refused().is_none() && !resources.are_many());
    }

    #[test]
    fn fields_count_as_large_as_they_are() {
        let mut resources = Resources::new(4 << 20, all(usize::MAX));
        let mut held = 0;
        loop {
            let mut fields = FieldMap::new_mutable(MAX_FIELDS);
            fields
                .append_raw("x".parse().expect("a name"), "y".repeat(100_000).parse().expect("a value"))
                .expect("there is room");
            if resources.table_for(size_of_fields(&fields)).push(fields).is_err() {
                break;
            }
            held += 1;
        }
        assert_eq!(held, 41);
        assert_eq!(resources.refused(), Some(Refused::Own));
    }

    #[test]
    fn what_all_hold_together_is_limited_and_comes_back() {
        let all = all(4 << 20);
        let fill = |resources: &mut Resources| while resources.table().push("a small one").is_ok() {};
        let mut first = Resources::new(64 << 20, Arc::clone(&all));
        fill(&mut first);
        assert_eq!(first.refused(), Some(Refused::All));
        drop(first);
        assert!(all.take(4 << 20), "all of it has come back");
    }
}
