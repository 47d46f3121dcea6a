//! Putting snapshots: appending to the active file.

use crate::error::SnapshotError;
use crate::model::{NewSnapshot, Snapshot};
use crate::store::Snapshots;
use crate::written::{Written, entry_of};
use annals_format::names;
use annals_format::snapshot::{PayloadChecksum, SnapshotFileHeader, SnapshotFileKind, SnapshotHead};
use annals_types::Timestamp;
use annals_vfs::sync::atomic::Ordering;
use annals_vfs::write_all_at;
use std::io::{self, IoSlice};
use std::sync::Arc;

/// Full written files beside the active one from which on a put makes them into sorted ones itself.
const WRITTEN_MAX: usize = 4;

/// What a put needs.
#[derive(Debug)]
pub(crate) struct Writer {
    next_id: u64,
    next_sequence: u64,
    /// The file that is appended to. There is none before the first put, and after a write or sync that failed.
    active: Option<Active>,
    pub(crate) closed: bool,
    /// Whether anything was put.
    pub(crate) used: bool,
}

#[derive(Debug)]
struct Active {
    file: Arc<Written>,
    end: u64,
    records: u64,
}

impl Writer {
    pub(crate) fn new(next_id: u64, next_sequence: u64) -> Self {
        Writer { next_id, next_sequence, active: None, closed: false, used: false }
    }

    /// A number for a new file. No number is used twice.
    pub(crate) fn take_id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id - 1
    }

    /// The number of the active file.
    pub(crate) fn active_id(&self) -> Option<u64> {
        self.active.as_ref().map(|active| active.file.id)
    }

    /// Appends no more to the active file.
    pub(crate) fn end_active(&mut self) {
        self.active = None;
    }

    /// As [`Writer::end_active`], if that is the file.
    pub(crate) fn end_active_if(&mut self, id: u64) {
        self.active.take_if(|active| active.file.id == id);
    }
}

impl Snapshots {
    /// Puts a snapshot. It is found at once, and survives the end of the process; it survives the loss of power once
    /// [`Snapshots::sync`] has returned, or the background has made its file into a sorted one. Of several with the same
    /// stream, tag and version the one that was put last counts.
    ///
    /// # Errors
    /// - [`SnapshotError::TooLarge`], [`SnapshotError::Invalid`], [`SnapshotError::SchemaTag`], [`SnapshotError::NoEvent`]:
    ///   the snapshot is not one.
    /// - [`SnapshotError::ReadOnly`], [`SnapshotError::Closed`].
    /// - [`SnapshotError::Io`]: it could not be written. It may or may not be there when the store is opened again; it is not
    ///   found until then. The next put begins a new file.
    pub fn put(&self, new: &NewSnapshot<'_>) -> Result<(), SnapshotError> {
        self.put_taken(new, self.env.clock.now())
    }

    /// Puts a snapshot that was found in another directory of the store, as it is there: it also keeps the time at which it was put.
    ///
    /// # Errors
    /// As [`Snapshots::put`].
    pub fn take_over(&self, stream: &str, tag: &str, found: &Snapshot) -> Result<(), SnapshotError> {
        let Snapshot { version, position, event_id, recorded_at, occurred_max, codec, .. } = *found;
        let payload = &found.payload;
        let new = NewSnapshot {
            stream,
            tag,
            version,
            position,
            event_id,
            recorded_at,
            occurred_max,
            codec,
            payload,
        };
        self.put_taken(&new, found.taken_at)
    }

    fn put_taken(&self, new: &NewSnapshot<'_>, taken_at: Timestamp) -> Result<(), SnapshotError> {
        self.check_writable()?;
        new.check(self.options.payload_bytes_max)?;
        let mut head = SnapshotHead {
            stream: new.stream.into(),
            tag: new.tag.into(),
            version: new.version,
            position: new.position,
            event_id: new.event_id,
            recorded_at: new.recorded_at,
            occurred_max: new.occurred_max,
            taken_at,
            sequence: 0,
            durable: 0,
            codec: new.codec,
            flags: 0,
            payload_length: new.payload.len() as u32,
            payload_checksum: PayloadChecksum::of(new.payload),
        };
        if self.files().written.len() > WRITTEN_MAX {
            self.sort_written()?;
        }
        let mut writer = self.writer.lock();
        if writer.closed {
            return Err(SnapshotError::Closed);
        }
        writer.used = true;
        head.sequence = writer.next_sequence;
        let length = head.record_length();
        let options = &self.options;
        let full = |active: &Active| {
            let bytes = active.end - active.file.header.length() as u64;
            bytes.saturating_add(length) > options.file_bytes || active.records >= options.file_records
        };
        writer.active.take_if(|active| full(active));
        let result = match &writer.active {
            Some(_) => self.append_to_active(&mut writer, &mut head, new.payload),
            None => self.begin_file(&mut writer, &mut head, new.payload),
        };
        // One that could not be written may be found later all the same, so its number is not given again either.
        writer.next_sequence += 1;
        result
    }

    pub(crate) fn check_writable(&self) -> Result<(), SnapshotError> {
        if self.options.writable { Ok(()) } else { Err(SnapshotError::ReadOnly) }
    }

    fn append_to_active(
        &self,
        writer: &mut Writer,
        head: &mut SnapshotHead<'_>,
        payload: &[u8],
    ) -> Result<(), SnapshotError> {
        let Some(active) = &mut writer.active else { return Ok(()) };
        let file = &active.file;
        head.durable = file.durable.load(Ordering::Acquire);
        match write_record(file, &[], head, payload, active.end) {
            Ok(()) => {
                let entry = entry_of(head, active.end, &file.header);
                active.end += entry.length;
                active.records += 1;
                file.insert(&entry);
                Ok(())
            }
            Err(error) => {
                // Part of it may be there. What was put before stays readable, and is taken over into a sorted file.
                file.trusted.store(false, Ordering::Release);
                let what = format!("write {}", file.path());
                writer.end_active();
                Err(SnapshotError::io(what)(error))
            }
        }
    }

    /// Begins a file with a first record.
    fn begin_file(
        &self,
        writer: &mut Writer,
        head: &mut SnapshotHead<'_>,
        payload: &[u8],
    ) -> Result<(), SnapshotError> {
        let id = writer.take_id();
        let path = names::snapshots(id);
        let mut salt = [0; 8];
        self.env.random.fill(&mut salt).map_err(SnapshotError::io("get random bytes"))?;
        self.make_directory()?;
        let file = self.env.disk.create(&path);
        self.removal.names_changed();
        let file = file.map_err(|error| {
            self.removal.add(id);
            SnapshotError::io(format!("create {path}"))(error)
        })?;
        let header = SnapshotFileHeader {
            store_id: self.store_id,
            file_id: id,
            salt: u64::from_le_bytes(salt),
            kind: SnapshotFileKind::Written,
            replaced: Vec::new(),
        };
        let (bytes, written) = (header.encode(), Arc::new(Written::begin(header, file)));
        let start = written.end();
        if let Err(error) = write_record(&written, &bytes, head, payload, start) {
            // On a full disk, each try would leave a file.
            self.removal.remove_at_once(&*self.env.disk, id);
            return Err(SnapshotError::io(format!("write {path}"))(error));
        }
        let entry = entry_of(head, start, &written.header);
        written.insert(&entry);
        self.change_files(|files| files.written.push(Arc::clone(&written)));
        writer.active = Some(Active { file: written, end: start + entry.length, records: 1 });
        Ok(())
    }

    /// Makes the directory of snapshots if it is not there.
    fn make_directory(&self) -> Result<(), SnapshotError> {
        let made = self.env.disk.create_dir(names::SNAPSHOT_DIR);
        match made {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            made => {
                // Also after an error: it may be there all the same.
                self.removal.directory_made();
                made.map_err(SnapshotError::io(format!("create {}", names::SNAPSHOT_DIR)))
            }
        }
    }
}

/// Writes a record at an offset, behind some bytes if it is the first.
fn write_record(
    file: &Written,
    before: &[u8],
    head: &SnapshotHead<'_>,
    payload: &[u8],
    offset: u64,
) -> io::Result<()> {
    let mut bytes = Vec::with_capacity(head.head_length() as usize);
    head.encode(offset, file.binding, &mut bytes);
    let zeros = (head.record_length() - head.head_length()) as usize - payload.len();
    let mut parts = [before, &bytes, payload, &[0; 8][..zeros]].map(IoSlice::new);
    write_all_at(&*file.file, &mut parts, offset - before.len() as u64)
}
