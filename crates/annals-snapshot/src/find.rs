//! Looking a snapshot up.

use crate::cursor::{Cursor, place_of};
use crate::error::SnapshotError;
use crate::file::AnyFile;
use crate::files::Files;
use crate::model::{Found, Snapshot, Unusable, check_schema_tag};
use crate::read::read_head;
use crate::store::Snapshots;
use annals_format::Damage;
use annals_format::snapshot::SnapshotKey;
use annals_types::{Timestamp, Version, check_stream_name};

/// What is looked for.
struct Wanted<'a> {
    stream: &'a str,
    tag: &'a str,
    key: SnapshotKey,
    occurred_by: Option<Timestamp>,
}

impl Snapshots {
    /// The newest snapshot of a stream with a schema tag, of a version of at most `at_most`, and, if `occurred_by` is given,
    /// of events that all occurred then or earlier.
    ///
    /// One that is damaged is passed over for the next older one. Whether a snapshot belongs to the history of the stream is
    /// for the caller to see: under weak durability a tail of the log may have been lost and other events have taken its
    /// versions, so the event at [`Snapshot::version`] has to have the id [`Snapshot::event_id`]. If it has not, ask again
    /// for versions below.
    ///
    /// # Errors
    /// [`SnapshotError::Invalid`], [`SnapshotError::SchemaTag`]: there can be no such snapshot. [`SnapshotError::Io`]: the
    /// system refused to read.
    pub fn find(
        &self,
        stream: &str,
        tag: &str,
        at_most: Version,
        occurred_by: Option<Timestamp>,
    ) -> Result<Found, SnapshotError> {
        check_stream_name(stream)?;
        check_schema_tag(tag)?;
        let key = SnapshotKey::new(stream, tag, self.seed);
        let wanted = Wanted { stream, tag, key, occurred_by };
        let files = self.files();
        let mut found = Found { snapshot: None, passed_over: damage_at_large(&files) };
        let mut cursors = Vec::new();
        for file in files.all() {
            let path = file.path();
            match wanted.cursor(file, at_most) {
                Ok(cursor) => cursors.extend(cursor),
                Err(damage) => found.passed_over.push(Unusable::damaged(&path, damage)),
            }
        }
        while let Some(newest) = wanted.newest(&cursors) {
            match self.read_wanted(&wanted, &cursors[newest])? {
                Looked::Found(snapshot) => {
                    found.snapshot = Some(snapshot);
                    break;
                }
                Looked::Other => {}
                Looked::Unusable(what) => found.passed_over.push(what),
            }
            let cursor = &mut cursors[newest];
            let path = cursor.file.path();
            if let Err(damage) = cursor.advance().and_then(|()| wanted.settle(cursor)) {
                found.passed_over.push(Unusable::damaged(&path, damage));
            }
        }
        Ok(found)
    }

    fn read_wanted(&self, wanted: &Wanted<'_>, cursor: &Cursor) -> Result<Looked, SnapshotError> {
        let Some(entry) = &cursor.current else { return Ok(Looked::Other) };
        let file = &cursor.file;
        let doing = || format!("read {}", file.path());
        let damaged = |damage| {
            file.tell_damaged();
            Ok(Looked::Unusable(Unusable::damaged(&file.path(), damage)))
        };
        let read =
            match read_head(file, entry, self.seed).map_err(|error| SnapshotError::io(doing())(error))? {
                Ok(read) => read,
                Err(damage) => return damaged(damage),
            };
        if read.head.stream != wanted.stream || read.head.tag != wanted.tag {
            return Ok(Looked::Other);
        }
        if read.head.flags != 0 {
            let newer = Unusable::newer_flags(&file.path(), entry.offset, read.head.flags);
            return Ok(Looked::Unusable(newer));
        }
        match read.payload(file, entry).map_err(|error| SnapshotError::io(doing())(error))? {
            Ok(payload) => Ok(Looked::Found(Snapshot::new(&read.head, payload))),
            Err(damage) => damaged(damage),
        }
    }
}

enum Looked {
    Found(Snapshot),
    /// Of another stream or tag, whose names have the same hashes.
    Other,
    Unusable(Unusable),
}

/// What may have been any snapshot.
fn damage_at_large(files: &Files) -> Vec<Unusable> {
    let broken = files.broken.iter().map(|broken| broken.why.clone());
    let bad = files.written.iter().flat_map(|file| {
        let path = file.path();
        file.bad().into_iter().map(move |damage| Unusable::damaged(&path, damage))
    });
    broken.chain(bad).collect()
}

impl Wanted<'_> {
    /// A cursor at the newest snapshot in a file that is wanted, if there may be one.
    fn cursor(&self, file: AnyFile, at_most: Version) -> Result<Option<Cursor>, Damage> {
        if let AnyFile::Sorted(sorted) = &file
            && !sorted.may_contain(&self.key)?
        {
            return Ok(None);
        }
        let mut cursor = Cursor::at(file, place_of(self.key, at_most))?;
        self.settle(&mut cursor)?;
        Ok(Some(cursor))
    }

    /// Goes on to a snapshot that is wanted; the cursor ends where there is none.
    fn settle(&self, cursor: &mut Cursor) -> Result<(), Damage> {
        while let Some(entry) = &cursor.current {
            if entry.key != self.key {
                cursor.current = None;
            } else if self.occurred_by.is_some_and(|by| entry.occurred_max > by) {
                cursor.advance()?;
            } else {
                break;
            }
        }
        Ok(())
    }

    /// Which cursor is at the newest snapshot.
    fn newest(&self, cursors: &[Cursor]) -> Option<usize> {
        let places = cursors.iter().enumerate().filter_map(|(index, cursor)| {
            let entry = cursor.current.as_ref()?;
            Some((entry.order(), index))
        });
        places.min().map(|(_, index)| index)
    }
}
