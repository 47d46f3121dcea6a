//! Writing a live segment around the system's cache: one call to the system makes a group durable.
//!
//! The frames lie in memory of the segment's size, which is what readers see; the file is only written. A write takes whole
//! blocks, so the block in which one group ends and the next one begins is written for both of them. Two such writes under
//! way at once could reach the disk in either order, and the older one would then take away what the newer one has
//! acknowledged. So there is one write at a time, it begins in the block where the last one ended, and it takes along all frames
//! that are in memory by then; whoever had to wait for it mostly finds that its group is durable already.

use crate::error::LogError;
use crate::zeros::{SMALL, push_zeros, zeros_end};
use annals_vfs::sync::Mutex;
use annals_vfs::sync::atomic::{AtomicU64, Ordering};
use annals_vfs::{
    DIRECT_BLOCK_BYTES, DirectFile, Disk, File, Mapping, Memory, read_exact_at, write_all_durably_at,
};
use std::io::{self, IoSlice};
use std::sync::Arc;

const BLOCK: u64 = DIRECT_BLOCK_BYTES as u64;

/// So much of a file is read at once.
const READ_BYTES: usize = 1 << 20;

/// Bytes that lie where the device can fetch them.
#[derive(Debug)]
#[repr(C, align(4096))]
struct Aligned<const BYTES: usize>([u8; BYTES]);
const _: () = assert!(align_of::<Aligned<0>>() == DIRECT_BLOCK_BYTES);

/// The writer's side of a segment that is written so.
#[derive(Debug)]
pub(crate) struct Direct {
    memory: Memory,
    writes: Arc<DirectWrites>,
}

/// The way from the memory to the file.
#[derive(Debug)]
pub(crate) struct DirectWrites {
    file: Arc<dyn DirectFile>,
    /// The memory, as readers see it.
    mapping: Mapping,
    /// Where the frames end that are in memory. Nothing before it changes any more.
    end: AtomicU64,
    state: Mutex<Written>,
}

#[derive(Debug)]
struct Written {
    /// Up to where the frames are durable.
    end: u64,
    /// Where the space ends that was laid out.
    capacity: u64,
    /// Up to where blocks have been written, frames or zeros.
    blocks_end: u64,
    /// Whether a write has failed. Nothing is written any more then: the writer refuses everything, and what is known of
    /// the bytes would not get better by another try.
    failed: bool,
    /// A copy of the block in which the frames end, which does not change while the device fetches it.
    tail: Box<Aligned<DIRECT_BLOCK_BYTES>>,
}

impl Direct {
    /// For the file at `path`, which `file` reads: its first `end` bytes are frames, and durable. `Ok(None)` if the file cannot
    /// be written so.
    ///
    /// # Errors
    /// What the system says.
    pub(crate) fn open(
        disk: &dyn Disk,
        path: &str,
        file: &dyn File,
        capacity: u64,
        end: u64,
    ) -> Result<Option<Self>, LogError> {
        let direct =
            disk.open_direct(path).map_err(LogError::io(format!("open {path} for direct writes")))?;
        let Some(direct) = direct else { return Ok(None) };
        let made = || {
            let mut memory = Memory::new(capacity)?;
            fill(&mut memory, file, end)?;
            Direct::over(memory, direct, capacity)
        };
        made().map(Some).map_err(LogError::io(format!("hold {path} in memory")))
    }

    fn over(memory: Memory, file: Arc<dyn DirectFile>, capacity: u64) -> io::Result<Self> {
        let end = memory.end();
        let written = Written {
            end,
            capacity,
            blocks_end: end.next_multiple_of(BLOCK),
            failed: false,
            tail: Box::new(Aligned([0; DIRECT_BLOCK_BYTES])),
        };
        let (mapping, end) = (memory.map()?, AtomicU64::new(end));
        let writes = DirectWrites { file, mapping, end, state: Mutex::new(written) };
        Ok(Direct { memory, writes: Arc::new(writes) })
    }

    /// Another memory, of this capacity, for a segment that nothing was put into.
    ///
    /// # Errors
    /// What the system says.
    pub(crate) fn resize(&mut self, capacity: u64) -> io::Result<Mapping> {
        *self = Direct::over(Memory::new(capacity)?, Arc::clone(&self.writes.file), capacity)?;
        self.map()
    }

    /// The memory that stands for the file.
    ///
    /// # Errors
    /// What the system says.
    pub(crate) fn map(&self) -> io::Result<Mapping> {
        self.memory.map()
    }

    /// Where the bytes end that are in memory.
    pub(crate) fn end(&self) -> u64 {
        self.memory.end()
    }

    /// Puts bytes behind those that are in memory. They are not written yet.
    ///
    /// # Errors
    /// They do not fit.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.memory.push(bytes)
    }

    /// Has what was pushed written by the next write, and gives that.
    pub(crate) fn writes(&self) -> &Arc<DirectWrites> {
        self.writes.end.store(self.memory.end(), Ordering::Release);
        &self.writes
    }
}

/// Puts the first `end` bytes of a file into memory.
fn fill(memory: &mut Memory, file: &dyn File, end: u64) -> io::Result<()> {
    let most = usize::try_from(end).unwrap_or(usize::MAX).min(READ_BYTES);
    let mut buffer = vec![0; most];
    while memory.end() < end {
        let taken = usize::try_from(end - memory.end()).unwrap_or(usize::MAX).min(most);
        read_exact_at(file, &mut buffer[..taken], memory.end())?;
        memory.push(&buffer[..taken])?;
    }
    Ok(())
}

impl DirectWrites {
    /// Returns when everything is durable that was in memory when this was called.
    ///
    /// # Errors
    /// What the system says, now or when another write failed: nothing is known then of what was not durable before.
    pub(crate) fn write(&self) -> io::Result<()> {
        let wanted = self.end.load(Ordering::Acquire);
        let mut written = self.state.lock();
        if written.failed {
            return Err(io::Error::other("an earlier write of the segment has failed"));
        }
        if wanted <= written.end {
            return Ok(());
        }
        // Who waits for this write is spared one of their own.
        let end = self.end.load(Ordering::Acquire);
        let result = self.write_up_to(&mut written, end);
        written.failed = result.is_err();
        result
    }

    /// Cuts the file behind the first `capacity` bytes, when no write is under way. `reader` is the same file.
    ///
    /// # Errors
    /// What the system says.
    pub(crate) fn shrink(&self, reader: &dyn File, capacity: u64) -> io::Result<()> {
        let mut written = self.state.lock();
        reader.set_len(capacity)?;
        written.capacity = capacity;
        written.blocks_end = written.blocks_end.min(capacity);
        Ok(())
    }

    fn write_up_to(&self, written: &mut Written, end: u64) -> io::Result<()> {
        let start = written.end - written.end % BLOCK;
        let tail_start = end - end % BLOCK;
        let bytes = |from, to| self.mapping.bytes(from..to).ok_or(io::ErrorKind::UnexpectedEof);
        let mut parts = Vec::with_capacity(2);
        if start < tail_start {
            parts.push(IoSlice::new(bytes(start, tail_start)?));
        }
        let mut blocks_end = tail_start;
        if tail_start < end {
            let last = bytes(tail_start, end)?;
            written.tail.0[..last.len()].copy_from_slice(last);
            written.tail.0[last.len()..].fill(0);
            parts.push(IoSlice::new(&written.tail.0));
            blocks_end += BLOCK;
        }
        if blocks_end > written.blocks_end && end - written.end < SMALL {
            let zeros_end = zeros_end(blocks_end, written.capacity);
            push_zeros(&mut parts, zeros_end - blocks_end);
            blocks_end = zeros_end;
        }
        write_all_durably_at(&*self.file, &mut parts, start)?;
        written.end = end;
        written.blocks_end = written.blocks_end.max(blocks_end);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::zeros::AHEAD;

    const CAPACITY: u64 = 1 << 20;

    /// A file that says where it was written, and with how many bytes; and whether it is to fail.
    #[derive(Debug, Default)]
    struct Noting {
        bytes: Mutex<Vec<u8>>,
        writes: Mutex<Vec<(u64, u64)>>,
        fails: Mutex<bool>,
    }

    impl DirectFile for Noting {
        fn write_durably_at(&self, parts: &[IoSlice<'_>], offset: u64) -> io::Result<usize> {
            if *self.fails.lock() {
                return Err(io::ErrorKind::Other.into());
            }
            let aligned = |part: &IoSlice<'_>| {
                part.as_ptr().addr().is_multiple_of(DIRECT_BLOCK_BYTES)
                    && part.len().is_multiple_of(DIRECT_BLOCK_BYTES)
            };
            assert!(offset.is_multiple_of(BLOCK) && parts.iter().all(aligned));
            let (mut bytes, start) = (self.bytes.lock(), usize::try_from(offset).unwrap());
            let new = parts.iter().flat_map(|part| part.iter().copied()).collect::<Vec<u8>>();
            let length = bytes.len().max(start + new.len());
            bytes.resize(length, 0xEE);
            bytes[start..start + new.len()].copy_from_slice(&new);
            self.writes.lock().push((offset, new.len() as u64));
            Ok(new.len())
        }
    }

    fn direct() -> (Arc<Noting>, Direct) {
        let file = Arc::new(Noting::default());
        let own: Arc<dyn DirectFile> = Arc::clone(&file) as _;
        (file, Direct::over(Memory::new(CAPACITY).unwrap(), own, CAPACITY).unwrap())
    }

    /// Group by group: each write begins in the block where the last one ended, and the file has what was pushed, and zeros.
    #[test]
    fn the_file_gets_what_is_in_memory_and_zeros_behind_it() {
        let (file, mut direct) = direct();
        let mut pushed: Vec<u8> = Vec::new();
        for (number, length) in
            [100, 3996, 1, 4095, 4096, 9000, 70_000, 1, 400_000, 500].into_iter().enumerate()
        {
            let bytes = vec![u8::try_from(number).unwrap() + 1; length];
            let start = pushed.len() as u64 / BLOCK * BLOCK;
            pushed.extend(&bytes);
            direct.push(&bytes).unwrap();
            direct.writes().write().unwrap();
            let content = file.bytes.lock();
            assert_eq!(content[..pushed.len()], pushed);
            assert!(content[pushed.len()..].iter().all(|byte| *byte == 0));
            assert_eq!(file.writes.lock().last().unwrap().0, start);
        }
    }

    #[test]
    fn zeros_are_written_ahead_once_and_never_behind_the_segment() {
        let (file, mut direct) = direct();
        let mut ahead = 0;
        while direct.end() + 300 <= CAPACITY {
            direct.push(&[1; 300]).unwrap();
            direct.writes().write().unwrap();
            let (offset, length) = *file.writes.lock().last().unwrap();
            assert!(offset + length <= CAPACITY);
            ahead += u64::from(length > 2 * BLOCK);
        }
        // Each takes the block along that it is written with.
        assert_eq!(ahead, CAPACITY.div_ceil(AHEAD + BLOCK));
    }

    #[test]
    fn a_write_takes_along_what_came_since_and_whoever_waited_has_nothing_to_do() {
        let (file, mut direct) = direct();
        direct.push(&[1; 100]).unwrap();
        let older = Arc::clone(direct.writes());
        direct.push(&[2; 100]).unwrap();
        let newer = Arc::clone(direct.writes());
        newer.write().unwrap();
        older.write().unwrap();
        assert_eq!(file.writes.lock().len(), 1);
        assert_eq!(file.bytes.lock()[..201], [[1; 100].as_slice(), &[2; 100], &[0]].concat());
    }

    /// Whether the bytes of a write that failed are on the disk nobody knows, and a write that says `Ok` later would not tell.
    #[test]
    fn after_a_write_that_failed_all_fail_but_for_what_was_durable_before() {
        let (file, mut direct) = direct();
        direct.push(&[1; 100]).unwrap();
        direct.writes().write().unwrap();
        direct.push(&[2; 100]).unwrap();
        *file.fails.lock() = true;
        direct.writes().write().unwrap_err();
        *file.fails.lock() = false;
        direct.writes().write().unwrap_err();
        assert_eq!(file.writes.lock().len(), 1);
    }
}
