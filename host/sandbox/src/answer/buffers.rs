//! Limits the content that the host holds outside of the guests' memory: answers that clients have not taken, requests
//! that are collected, WebSocket messages that are sent or have arrived in part. All of them use the memory of the
//! process, so the process has one limit.
//!
//! To pass a piece on, a task waits until there is room, first come, first served. The piece stays in the guest's
//! memory meanwhile. Small pieces are not counted and never wait, so slow clients do not delay small answers. A piece
//! that is larger than all the room waits until nothing else is held, then has all of it.
//!
//! No wait is endless. A guest that waits for room holds only pieces that are on their way, and those leave at the pace
//! of their clients, whatever the guest does. A task that collects a request or a message keeps what it has while it
//! waits for more. So one such task at a time may exceed the limit, and then waits for its client only. The pace of
//! clients has limits of its own.

mod machine;

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::limits::SandboxLimits;
use crate::scheduling::queue::QueueSlot;

pub(crate) use machine::{default_max_buffered, default_max_grown_memory};

/// The room for content of an engine.
pub(crate) struct Buffers {
    max: usize,
    /// In units.
    room: Arc<Semaphore>,
    /// The holder of this permit may exceed the limit.
    beyond: Arc<Semaphore>,
}

impl Buffers {
    pub(crate) fn new(max: usize) -> Self {
        let units = (max / UNIT).clamp(1, MAX_UNITS);
        Self { max, room: Arc::new(Semaphore::new(units)), beyond: Arc::new(Semaphore::new(1)) }
    }

    fn units(&self, size: usize) -> u32 {
        let all = (self.max / UNIT).clamp(1, MAX_UNITS);
        u32::try_from(size.div_ceil(UNIT).min(all)).expect("there are fewer units than that")
    }
}

/// An app's access to the room of its engine.
pub(crate) struct Room {
    buffers: Arc<Buffers>,
    /// Tasks that wait, each of which has an instance. Some instances are left to exchanges that need no room.
    waiting: AtomicUsize,
    max_waiting: usize,
    timeout: Duration,
}

/// A waiter for room: the answer of an exchange.
pub(crate) trait Waiter {
    /// Whether the answer has begun.
    fn has_begun(&self) -> bool;

    /// Records whether it waits for room.
    fn lack_room(&self, lacks_room: bool);
}

/// There is no room, and the time to wait for it is over.
#[derive(Debug, thiserror::Error)]
#[error("the host holds {max} bytes of content for all guests, which is its limit (max_buffered)")]
pub(crate) struct NoRoom {
    max: usize,
}

impl Room {
    pub(crate) fn new(buffers: &Arc<Buffers>, limits: &SandboxLimits) -> Self {
        Self {
            buffers: Arc::clone(buffers),
            waiting: AtomicUsize::new(0),
            max_waiting: (limits.max_instances / 2).max(1).min(limits.max_queue),
            timeout: limits.queue_timeout,
        }
    }

    /// The limit, for the log.
    pub(crate) fn max(&self) -> usize {
        self.buffers.max
    }

    /// Takes room for a piece of this size without waiting. `Ok(None)`: it needs none. `Err`: there is not enough.
    pub(crate) fn try_take(&self, size: usize) -> Result<Option<Held>, ()> {
        if self.is_small(size) {
            return Ok(None);
        }
        self.try_count(size).map(Some).ok_or(())
    }

    /// Whether a piece is too small to be counted.
    pub(crate) fn is_small(&self, size: usize) -> bool {
        size < SMALL
    }

    /// Takes room for a piece of any size without waiting.
    pub(crate) fn try_count(&self, size: usize) -> Option<Held> {
        let permit = Arc::clone(&self.buffers.room).try_acquire_many_owned(self.buffers.units(size)).ok()?;
        Some(Held { room: Some(permit), beyond: None })
    }

    /// Waits for room for a piece of this size.
    pub(crate) async fn take(&self, size: usize, waiter: &impl Waiter) -> Result<Option<Held>, NoRoom> {
        if let Ok(held) = self.try_take(size) {
            return Ok(held);
        }
        let permit = self.wait(waiter, self.acquire(size)).await?;
        Ok(Some(Held { room: Some(permit), beyond: None }))
    }

    /// Waits for room for a piece of this size, while other room is held.
    pub(crate) async fn take_besides(&self, size: usize, waiter: &impl Waiter) -> Result<Option<Held>, NoRoom> {
        if let Ok(held) = self.try_take(size) {
            return Ok(held);
        }
        let mut held = Held::default();
        self.grow(&mut held, size, waiter).await?;
        Ok(Some(held))
    }

    /// Waits for `size` bytes of additional room. Does nothing if `held` may exceed the limit.
    pub(crate) async fn grow(&self, held: &mut Held, size: usize, waiter: &impl Waiter) -> Result<(), NoRoom> {
        if held.beyond.is_some() {
            return Ok(());
        }
        let units = self.buffers.units(size);
        let has = held.room.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        let may_fit = has + units as usize <= self.buffers.max / UNIT;
        if may_fit && let Ok(permit) = Arc::clone(&self.buffers.room).try_acquire_many_owned(units) {
            held.add(permit);
            return Ok(());
        }
        let beyond = Arc::clone(&self.buffers.beyond).acquire_owned();
        let got = async {
            tokio::select! {
                biased;
                permit = self.acquire(size), if may_fit => (Some(permit), None),
                permit = beyond => (None, Some(permit.expect("it is never closed"))),
            }
        };
        let (room, beyond) = self.wait(waiter, got).await?;
        if let Some(permit) = room {
            held.add(permit);
        }
        held.beyond = beyond;
        Ok(())
    }

    async fn acquire(&self, size: usize) -> OwnedSemaphorePermit {
        let room = Arc::clone(&self.buffers.room);
        room.acquire_many_owned(self.buffers.units(size)).await.expect("it is never closed")
    }

    /// If the answer has not begun, the wait ends after the queue timeout, because the client can be told to retry. If
    /// it has begun, it waits as long as the guest has time.
    async fn wait<T>(&self, waiter: &impl Waiter, wait: impl Future<Output = T>) -> Result<T, NoRoom> {
        let full = NoRoom { max: self.buffers.max };
        waiter.lack_room(true);
        let got = if waiter.has_begun() {
            let _slot = QueueSlot::take(&self.waiting, usize::MAX);
            wait.await
        } else {
            let Some(_slot) = QueueSlot::take(&self.waiting, self.max_waiting) else { return Err(full) };
            tokio::time::timeout(self.timeout, wait).await.map_err(|_| full)?
        };
        waiter.lack_room(false);
        Ok(got)
    }
}

/// Room that is taken. Dropping it gives it back.
#[derive(Default)]
pub(crate) struct Held {
    room: Option<OwnedSemaphorePermit>,
    beyond: Option<OwnedSemaphorePermit>,
}

impl Held {
    /// Adds the room of another.
    pub(crate) fn merge(&mut self, other: Self) {
        if let Some(permit) = other.room {
            self.add(permit);
        }
        self.beyond = other.beyond.or(self.beyond.take());
    }

    /// Whether it may exceed the limit.
    pub(crate) fn is_beyond(&self) -> bool {
        self.beyond.is_some()
    }

    /// Splits off the right to exceed the limit, without any room.
    pub(crate) fn split_beyond(&mut self) -> Option<Self> {
        Some(Self { room: None, beyond: Some(self.beyond.take()?) })
    }

    /// Bytes of room within the limit.
    pub(crate) fn size(&self) -> usize {
        self.room.as_ref().map_or(0, OwnedSemaphorePermit::num_permits) * UNIT
    }

    fn add(&mut self, permit: OwnedSemaphorePermit) {
        match &mut self.room {
            Some(room) => room.merge(permit),
            room => *room = Some(permit),
        }
    }
}

/// Bytes that hold their room until the last reference is dropped.
pub(crate) fn counted(bytes: Bytes, held: Option<Held>) -> Bytes {
    match held {
        None => bytes,
        Some(held) => Bytes::from_owner(Counted { bytes, _held: held }),
    }
}

struct Counted {
    bytes: Bytes,
    _held: Held,
}

impl AsRef<[u8]> for Counted {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// Smaller pieces are not counted. Ten thousand clients hold at most 160 MB of them.
pub(crate) const SMALL: usize = 16 << 10;

/// The step in which a collection takes room.
pub(crate) const STEP: usize = 64 << 10;

/// The unit of room.
const UNIT: usize = 1 << 10;

/// The maximum of units: it must fit 32 bits, and a semaphore.
const MAX_UNITS: usize = (u32::MAX >> 4) as usize;
