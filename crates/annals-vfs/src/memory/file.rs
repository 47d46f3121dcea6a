//! Open files in memory: each call, carried out on the bytes of the file.

use super::node::{Node, within};
use crate::disk::{Access, DIRECT_BLOCK_BYTES, DirectFile, File};
use crate::io_ext::joined;
use crate::mapping::Mapping;
use std::io::{self, IoSlice};
use std::sync::Arc;

/// An open file in memory.
#[derive(Debug)]
pub(super) struct MemoryFile {
    pub(super) node: Arc<Node>,
    pub(super) access: Access,
}

impl MemoryFile {
    fn writable(&self) -> io::Result<&Node> {
        match self.access {
            Access::Read => {
                Err(io::Error::new(io::ErrorKind::PermissionDenied, "file is open for reading only"))
            }
            Access::ReadWrite => Ok(&self.node),
        }
    }
}

impl File for MemoryFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let offset = within(offset)?;
        let state = self.node.state.lock();
        let bytes = state.content.bytes(offset..offset.saturating_add(buffer.len()));
        buffer[..bytes.len()].copy_from_slice(bytes);
        Ok(bytes.len())
    }

    fn write_at(&self, parts: &[IoSlice<'_>], offset: u64) -> io::Result<usize> {
        self.writable()?.write(joined(parts), offset)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.node.sync()
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        self.writable()?.set_length(within(length)?, true)
    }

    fn preallocate(&self, length: u64) -> io::Result<()> {
        self.writable()?.set_length(within(length)?, false)
    }

    fn preallocate_leaving(&self, length: u64, left: u64) -> io::Result<()> {
        // Memory that is taken for a moment would be copied.
        self.preallocate(length)?;
        self.node.has_room_for(left)
    }

    fn length(&self) -> io::Result<u64> {
        Ok(self.node.length())
    }

    fn map(&self, length: u64) -> io::Result<Mapping> {
        self.node.state.lock().content.map(length)
    }
}

/// An open file in memory that is written in blocks, which are durable at once.
#[derive(Debug)]
pub(super) struct MemoryDirectFile(pub(super) Arc<Node>);

impl DirectFile for MemoryDirectFile {
    fn write_durably_at(&self, parts: &[IoSlice<'_>], offset: u64) -> io::Result<usize> {
        let whole = |length: usize| length.is_multiple_of(DIRECT_BLOCK_BYTES);
        if !within(offset).is_ok_and(whole) || !parts.iter().all(|part| whole(part.len())) {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        self.0.write_durably(&joined(parts), offset)
    }
}
