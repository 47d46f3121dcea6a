//! Listing what there is.

use crate::cursor::{Cursor, START};
use crate::error::SnapshotError;
use crate::model::SnapshotInfo;
use crate::read::read_head;
use crate::store::Snapshots;
use annals_format::Damage;
use annals_format::snapshot::SnapshotEntry;
use std::collections::VecDeque;

/// An iterator over what is known of snapshots, from [`Snapshots::list`]. It keeps the files that it began with.
#[derive(Debug)]
pub struct Infos {
    cursors: Vec<Cursor>,
    prefix: String,
    seed: u64,
    last: Option<(SnapshotEntry, String, String)>,
    /// What is to be told before the next one.
    errors: VecDeque<SnapshotError>,
}

impl Snapshots {
    /// All snapshots of streams whose names begin with `prefix`. Those of a stream and tag come one behind the other, from the
    /// newest to the oldest; the pairs come in no order that means anything. Of those with one stream, tag and version only the
    /// one that counts is told. Takes memory for one snapshot of each file.
    ///
    /// A damaged snapshot is [`SnapshotError::Corrupt`], and the listing goes on behind it; payloads are not looked at.
    #[must_use]
    pub fn list(&self, prefix: &str) -> Infos {
        let mut infos = Infos {
            cursors: Vec::new(),
            prefix: prefix.to_owned(),
            seed: self.seed,
            last: None,
            errors: VecDeque::new(),
        };
        for file in self.files().all() {
            let path = file.path();
            match Cursor::at(file, START) {
                Ok(cursor) => infos.cursors.push(cursor),
                Err(damage) => infos.tell(&path, damage),
            }
        }
        infos
    }
}

impl Infos {
    fn tell(&mut self, path: &str, damage: Damage) {
        self.errors.push_back(damage.in_file(path).into());
    }

    /// The next snapshot that is wanted; `None` if there is a reason to try again.
    fn take(&mut self, index: usize) -> Option<Result<SnapshotInfo, SnapshotError>> {
        let cursor = &mut self.cursors[index];
        let entry = cursor.current?;
        let path = cursor.file.path();
        let read = read_head(&cursor.file, &entry, self.seed);
        let head = match read {
            Ok(read) => read.map(|read| read.head),
            Err(error) => {
                // Without this the same place would be read for ever.
                cursor.current = None;
                return Some(Err(SnapshotError::io(format!("read {path}"))(error)));
            }
        };
        let advanced = cursor.advance();
        if let Err(damage) = advanced {
            self.tell(&path, damage);
        }
        let head = match head {
            Ok(head) => head,
            Err(damage) => {
                self.cursors[index].file.tell_damaged();
                return Some(Err(damage.in_file(path).into()));
            }
        };
        if !head.stream.starts_with(&self.prefix) {
            return None;
        }
        let superseded = self.last.as_ref().is_some_and(|(last, stream, tag)| {
            (last.key, last.version) == (entry.key, entry.version)
                && *stream == head.stream
                && *tag == head.tag
        });
        if superseded {
            return None;
        }
        self.last = Some((entry, head.stream.as_ref().into(), head.tag.as_ref().into()));
        Some(Ok(SnapshotInfo::new(head, path, entry.offset)))
    }
}

impl Iterator for Infos {
    type Item = Result<SnapshotInfo, SnapshotError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(error) = self.errors.pop_front() {
                return Some(Err(error));
            }
            let places = self.cursors.iter().enumerate();
            let places = places.filter_map(|(index, cursor)| Some((cursor.current.as_ref()?.order(), index)));
            let (_, index) = places.min()?;
            if let Some(item) = self.take(index) {
                return Some(item);
            }
        }
    }
}
