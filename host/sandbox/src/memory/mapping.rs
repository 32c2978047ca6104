//! A range of address space, and which of its pages hold data. A file of unsafe code: it maps and clears memory by
//! address.

#![expect(unsafe_code, reason = "memory that a guest's machine code addresses is no Rust value")]

use std::ffi::c_void;
use std::fs::File;
use std::io;
use std::mem::size_of;
use std::ops::Range;
use std::os::fd::AsRawFd;
use std::ptr::{self, NonNull};

use rustix::ioctl::opcode;
use rustix::mm::{Advice, MapFlags, MprotectFlags, ProtFlags, madvise, mmap_anonymous, mprotect, munmap};

/// Address space of this process that nothing else uses. All offsets are in bytes from its beginning, and multiples of
/// the page size.
pub(super) struct Mapping {
    base: NonNull<u8>,
    size: usize,
}

// SAFETY: it is the only owner of its range, and what it does there it does through `&mut self`.
unsafe impl Send for Mapping {}
// SAFETY: without `&mut self` it only tells where the range is.
unsafe impl Sync for Mapping {}

impl Mapping {
    /// Takes address space, in which nothing can be read or written yet, and which costs no memory.
    pub(super) fn reserve(size: usize) -> io::Result<Self> {
        // SAFETY: without an address the kernel chooses one where nothing is.
        let base = unsafe {
            mmap_anonymous(ptr::null_mut(), size, ProtFlags::empty(), MapFlags::PRIVATE | MapFlags::NORESERVE)?
        };
        let base = NonNull::new(base.cast()).expect("the kernel chooses no address of zero");
        let mapping = Self { base, size };
        // With huge pages a guest that writes one byte would dirty two megabytes. A kernel without them refuses, rightly.
        let _ = mapping.advise(0..size, Advice::LinuxNoHugepage);
        Ok(mapping)
    }

    pub(super) fn base(&self) -> *mut u8 {
        self.base.as_ptr()
    }

    /// Makes a part readable and writable. What it holds is what it held before; where it was never open, zeros.
    pub(super) fn open(&mut self, part: Range<usize>) -> io::Result<()> {
        self.protect(part, MprotectFlags::READ | MprotectFlags::WRITE)
    }

    /// Makes a part inaccessible: an access raises a signal. Its content stays.
    pub(super) fn close(&mut self, part: Range<usize>) -> io::Result<()> {
        self.protect(part, MprotectFlags::empty())
    }

    /// Gives a part's memory back to the kernel: it holds zeros then.
    pub(super) fn discard(&mut self, part: Range<usize>) -> io::Result<()> {
        self.advise(part, Advice::LinuxDontNeed)
    }

    /// Fills an open part with zeros: the pages that hold something in place, up to `keep` bytes, the rest by giving it
    /// back. How many bytes stay in memory.
    ///
    /// The kernel lists the pages (`PAGEMAP_SCAN`) that are in memory **or** swapped out. It counts one that it is just
    /// moving (compaction, balancing between nodes) to the latter, and decides for each page under the lock of its table,
    /// so none is left out, whatever it does meanwhile. It leaves out pages that were never written: those that do not
    /// exist, and those that are the kernel's page of zeros.
    pub(super) fn clear(&mut self, part: Range<usize>, keep: usize, pages: &PageList) -> io::Result<usize> {
        let mut kept = 0;
        let mut from = part.start;
        let mut found = [Found::default(); 32];
        while from < part.end {
            let room = (keep - kept) / PAGE;
            let (Some(pages), true) = (&pages.0, room > 0) else {
                self.discard(from..part.end)?;
                break;
            };
            let begin = self.base.as_ptr() as u64;
            let mut scan = Scan {
                size: size_of::<Scan>() as u64,
                start: begin + from as u64,
                end: begin + part.end as u64,
                vec: found.as_mut_ptr() as u64,
                vec_len: found.len() as u64,
                max_pages: room as u64,
                category_inverted: PFNZERO,
                category_mask: PFNZERO,
                category_anyof_mask: PRESENT | SWAPPED,
                ..Scan::default()
            };
            // SAFETY: the call reads and writes a structure of this size, and writes at most `vec_len` elements to `vec`;
            // both live until it has returned.
            let count = unsafe { libc::ioctl(pages.as_raw_fd(), PAGEMAP_SCAN, &raw mut scan) };
            let Ok(count) = usize::try_from(count) else {
                // A sandbox around this process may forbid it at any time: then as on a kernel that does not have it.
                self.discard(from..part.end)?;
                break;
            };
            for page in found.iter().take(count) {
                let (start, size) = (page.start - begin, page.end - page.start);
                let (start, size) = (start as usize, size as usize);
                assert!(
                    from <= start && start + size <= part.end,
                    "the kernel lists pages of the part it was asked for"
                );
                // SAFETY: the pages are within an open part of this range, which nothing else refers to: `&mut self`.
                unsafe { self.base.add(start).write_bytes(0, size) };
                kept += size;
            }
            let reached = (scan.walk_end.saturating_sub(begin)) as usize;
            if reached <= from {
                self.discard(from..part.end)?; // it looked at nothing, and would do so again
                break;
            }
            from = reached;
        }
        Ok(kept)
    }

    /// A part that is open.
    #[cfg(test)]
    pub(super) fn bytes_mut(&mut self, part: Range<usize>) -> &mut [u8] {
        let (at, size) = self.at(part);
        // SAFETY: it is within the range, open by what is asked of the caller, and borrowed as this value is.
        unsafe { std::slice::from_raw_parts_mut(at.cast(), size) }
    }

    fn protect(&self, part: Range<usize>, access: MprotectFlags) -> io::Result<()> {
        let (at, size) = self.at(part);
        // SAFETY: the pages are of this range, which nobody but the owner of this value uses.
        Ok(unsafe { mprotect(at, size, access) }?)
    }

    fn advise(&self, part: Range<usize>, advice: Advice) -> io::Result<()> {
        let (at, size) = self.at(part);
        // SAFETY: as above; the memory is anonymous, so advice can do no more than make zeros of it.
        Ok(unsafe { madvise(at, size, advice) }?)
    }

    fn at(&self, part: Range<usize>) -> (*mut c_void, usize) {
        assert!(part.start <= part.end && part.end <= self.size, "{part:?} is within {} bytes", self.size);
        // SAFETY: it is within the range, as was just seen.
        (unsafe { self.base.add(part.start) }.as_ptr().cast(), part.end - part.start)
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: all uses of the range borrowed this value, and have ended. An error would leave address space unused.
        let _ = unsafe { munmap(self.base.as_ptr().cast(), self.size) };
    }
}

/// The kernel's account of the pages of this process.
pub(super) struct PageList(Option<File>);

impl PageList {
    /// Where the system hides it, or it does not tell what it should, all pages are given back in place of being cleared.
    pub(super) fn open() -> Self {
        let list = Self(File::open("/proc/self/pagemap").ok());
        if list.is_right().unwrap_or(false) { list } else { Self(None) }
    }

    /// As where there is none.
    #[cfg(test)]
    pub(super) fn none() -> Self {
        Self(None)
    }

    pub(super) fn exists(&self) -> bool {
        self.0.is_some()
    }

    /// Whether it lists the two pages of eight that were written, and not the one that was only read.
    fn is_right(&self) -> io::Result<bool> {
        let mut mapping = Mapping::reserve(8 * PAGE)?;
        mapping.open(0..8 * PAGE)?;
        let byte = |mapping: &Mapping, page: usize| {
            // SAFETY: the page is open, and nothing refers to it.
            unsafe { mapping.base().add(page * PAGE).read_volatile() }
        };
        for page in [1, 4] {
            // SAFETY: as above.
            unsafe { mapping.base().add(page * PAGE).write_volatile(1) };
        }
        let read = byte(&mapping, 6);
        let kept = mapping.clear(0..8 * PAGE, 8 * PAGE, self)?;
        Ok(kept == 2 * PAGE && read + byte(&mapping, 1) + byte(&mapping, 4) == 0)
    }
}

/// Rounded up to whole pages.
pub(super) fn whole_pages(size: usize) -> usize {
    size.next_multiple_of(PAGE)
}

/// The pages that this works in: on a kernel with larger ones the calls above fail, and the pool is not used.
pub(super) const PAGE: usize = 4096;

/// `struct pm_scan_arg` of Linux.
#[repr(C)]
#[derive(Default)]
struct Scan {
    size: u64,
    flags: u64,
    start: u64,
    end: u64,
    walk_end: u64,
    vec: u64,
    vec_len: u64,
    max_pages: u64,
    category_inverted: u64,
    category_mask: u64,
    category_anyof_mask: u64,
    return_mask: u64,
}

/// `struct page_region`.
#[repr(C)]
#[derive(Clone, Copy, Default)]
struct Found {
    start: u64,
    end: u64,
    categories: u64,
}

const PAGEMAP_SCAN: libc::Ioctl = opcode::read_write::<Scan>(b'f', 16) as libc::Ioctl;
const PRESENT: u64 = 1 << 3;
const SWAPPED: u64 = 1 << 4;
const PFNZERO: u64 = 1 << 5;
