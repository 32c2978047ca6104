//! Sharded free lists: objects that this thread freed last are reused first, because they are in the cache of its core,
//! and threads do not wait for each other.

use std::cell::Cell;
use std::collections::HashMap;
use std::hash::Hash;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use parking_lot::{Mutex, MutexGuard};

pub(super) struct Shards<K, V>(Box<[Mutex<Shard<K, V>>]>);

type Shard<K, V> = HashMap<K, Vec<V>>;

impl<K: Clone + Eq + Hash, V> Shards<K, V> {
    /// One a core.
    pub(super) fn new() -> Self {
        let cores = thread::available_parallelism().map_or(1, NonZeroUsize::get);
        Self((0..cores).map(|_| Mutex::default()).collect())
    }

    /// One that is fit: of this thread, else of another.
    pub(super) fn take(&self, key: &K) -> Option<V> {
        self.all().find_map(|mut shard| shard.get_mut(key)?.pop())
    }

    /// Whichever there is.
    pub(super) fn take_any(&self) -> Option<V> {
        self.all().find_map(|mut shard| shard.values_mut().find_map(Vec::pop))
    }

    pub(super) fn put(&self, key: K, value: V) {
        let mut shard = lock(&self.0[home() % self.0.len()]);
        shard.entry(key).or_default().push(value);
    }

    /// All shards, this thread's first, one lock at a time.
    fn all(&self) -> impl Iterator<Item = MutexGuard<'_, Shard<K, V>>> {
        let home = home();
        (0..self.0.len()).map(move |next| lock(&self.0[(home + next) % self.0.len()]))
    }
}

/// A thread that panicked left it whole: nothing that is done under the lock can panic half-way.
fn lock<T>(shard: &Mutex<T>) -> MutexGuard<'_, T> {
    shard.lock()
}

/// The number of this thread.
fn home() -> usize {
    static THREADS: AtomicUsize = AtomicUsize::new(0);
    thread_local!(static HOME: Cell<usize> = Cell::new(THREADS.fetch_add(1, Ordering::Relaxed)));
    HOME.get()
}
