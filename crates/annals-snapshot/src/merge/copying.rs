//! Copying one record: first its payload is read and verified, then all of it is written.

use super::job::Job;
use crate::walk::PIECE_BYTES;
use annals_format::snapshot::{PayloadChecksum, SnapshotEntry, SnapshotHead};
use std::io;

/// A record on its way: first its payload is verified, then all of it is copied.
#[derive(Debug)]
pub(super) struct Copying {
    pub(super) input: usize,
    pub(super) entry: SnapshotEntry,
    pub(super) head: SnapshotHead<'static>,
    pub(super) at: u64,
    pub(super) end: u64,
    pub(super) checksum: PayloadChecksum,
    pub(super) verified: bool,
}

impl Job {
    /// Verifies or copies the next piece of a record.
    pub(super) fn copy(&mut self, mut copying: Copying) -> io::Result<u64> {
        let walk = &mut self.inputs[copying.input].walk;
        let wanted = PIECE_BYTES.min((copying.end - copying.at) as usize);
        let piece = walk.bytes(copying.at, wanted)?;
        if piece.len() < wanted {
            self.damaged += 1;
            return Ok(0);
        }
        copying.at += wanted as u64;
        if copying.verified {
            self.output.write(piece)?;
        } else {
            copying.checksum.update(piece);
        }
        if copying.at < copying.end {
            self.copying = Some(copying);
        } else if copying.verified {
            self.output.align(8)?;
        } else {
            self.begin_record(copying)?;
        }
        Ok(wanted as u64)
    }

    /// Writes the header of a record whose payload has been verified.
    fn begin_record(&mut self, mut copying: Copying) -> io::Result<()> {
        let checksum = std::mem::take(&mut copying.checksum).finish();
        let head = &mut copying.head;
        if checksum != head.payload_checksum {
            // What is older takes its place, so it is not counted for one that is there.
            self.damaged += 1;
            return Ok(());
        }
        head.durable = 0;
        self.group.take(&head.stream, &head.tag, head.version);
        self.totals.count += 1;
        self.totals.keys += u64::from(self.last_key != Some(copying.entry.key));
        self.totals.last_sequence = self.totals.last_sequence.max(head.sequence);
        self.last_key = Some(copying.entry.key);
        let mut bytes = Vec::with_capacity(head.head_length() as usize);
        head.encode(self.output.end(), self.header.binding(), &mut bytes);
        self.output.write(&bytes)?;
        copying.at = copying.end - u64::from(head.payload_length);
        copying.verified = true;
        self.copying = Some(copying);
        Ok(())
    }
}
