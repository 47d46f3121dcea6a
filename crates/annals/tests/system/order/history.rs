//! What a record of calls says: when each path was written and synced, which manifests counted from when on, which frames
//! were written.

use crate::recording::{Call, Entry};
use annals_format::{FrameHeader, Manifest, SEGMENT_HEADER_BYTES, SegmentHeader, names};
use std::collections::BTreeMap;

/// A manifest as it was written, and the steps that make it count.
pub(super) struct Written {
    pub(super) manifest: Manifest,
    /// The end of the last write to the temporary file.
    pub(super) written: u64,
    /// Beginning and end of its rename.
    pub(super) renamed: (u64, u64),
    /// The end of the first sync of the directory that began afterwards.
    pub(super) durable: u64,
}

/// What was done to each path, in order: moments of beginning and end.
#[derive(Default)]
pub(super) struct History<'a> {
    pub(super) created: BTreeMap<&'a str, u64>,
    pub(super) changed: BTreeMap<&'a str, Vec<(u64, u64)>>,
    synced: BTreeMap<&'a str, Vec<(u64, u64)>>,
    directories_synced: BTreeMap<&'a str, Vec<(u64, u64)>>,
}

impl<'a> History<'a> {
    pub(super) fn of(entries: &'a [Entry]) -> Self {
        let mut history = History::default();
        for Entry { begun, ended, call } in entries {
            let list = match call {
                Call::Create(path) => {
                    history.created.insert(path, *ended);
                    continue;
                }
                Call::Write { path, .. } | Call::SetLength(path) => history.changed.entry(path),
                Call::SyncData(path) => history.synced.entry(path),
                Call::SyncDir(path) => history.directories_synced.entry(path),
                Call::CreateDir(_) | Call::Rename { .. } | Call::Remove(_) => continue,
            };
            list.or_default().push((*begun, *ended));
        }
        history
    }

    /// Whether a sync of a file began after `after` and had ended before `before`.
    pub(super) fn synced(&self, path: &str, after: u64, before: u64) -> bool {
        self.synced.get(path).is_some_and(|syncs| within(syncs, after, before))
    }

    /// The same of a directory.
    pub(super) fn directory_synced(&self, path: &str, after: u64, before: u64) -> bool {
        self.directories_synced.get(path).is_some_and(|syncs| within(syncs, after, before))
    }
}

fn within(moments: &[(u64, u64)], after: u64, before: u64) -> bool {
    let later = &moments[moments.partition_point(|(begun, _)| *begun <= after)..];
    later.iter().take_while(|(begun, _)| *begun < before).any(|(_, ended)| *ended < before)
}

pub(super) fn manifests(entries: &[Entry], history: &History<'_>, wrong: &mut Vec<String>) -> Vec<Written> {
    let mut found: Vec<Written> = Vec::new();
    let (mut bytes, mut written) = (Vec::new(), 0);
    for entry in entries {
        match &entry.call {
            Call::Create(path) if path == names::MANIFEST_TEMPORARY => bytes.clear(),
            Call::Write { path, offset, bytes: part } if path == names::MANIFEST_TEMPORARY => {
                assert_eq!(*offset, bytes.len() as u64, "a manifest is written from front to back");
                bytes.extend_from_slice(part);
                written = entry.ended;
            }
            Call::Rename { from, to } if from == names::MANIFEST_TEMPORARY && to == names::MANIFEST => {
                let manifest = Manifest::decode(&bytes).unwrap();
                let number = manifest.generation;
                if !history.synced(names::MANIFEST_TEMPORARY, written, entry.begun) {
                    wrong.push(format!("manifest {number} is renamed before it is synced"));
                }
                if found.last().is_some_and(|last| last.durable > entry.begun) {
                    wrong
                        .push(format!("manifest {number} is renamed before the name of the last is durable"));
                }
                let syncs = history.directories_synced.get("").map_or(&[][..], Vec::as_slice);
                let synced = syncs.iter().find(|(begun, _)| *begun > entry.ended);
                let durable = synced.map_or(u64::MAX, |(_, ended)| *ended);
                found.push(Written { manifest, written, renamed: (entry.begun, entry.ended), durable });
            }
            _ => {}
        }
    }
    if found.last().is_some_and(|last| last.durable == u64::MAX) {
        wrong.push("the name of the last manifest is not durable".to_owned());
    }
    found
}

/// Frames that were written: the file, the last position, and the moments of the write.
pub(super) struct Frame<'a> {
    pub(super) path: &'a str,
    pub(super) last_position: u64,
    pub(super) begun: u64,
    pub(super) ended: u64,
}

pub(super) fn frames<'a>(entries: &'a [Entry], manifests: &[Written]) -> Vec<Frame<'a>> {
    let open = manifests.iter().flat_map(|written| &written.manifest.open);
    let store_id = manifests[0].manifest.store_id;
    let bindings: BTreeMap<_, _> =
        open.map(|segment| (names::segment(segment.id), segment.binding(&store_id))).collect();
    let mut frames = Vec::new();
    for entry in entries {
        let Call::Write { path, bytes, .. } = &entry.call else { continue };
        let Some(binding) = bindings.get(path) else { continue };
        let mut rest = &bytes[..];
        if rest
            .first_chunk::<SEGMENT_HEADER_BYTES>()
            .is_some_and(|header| SegmentHeader::decode(header).is_ok())
        {
            rest = &rest[SEGMENT_HEADER_BYTES..];
        }
        while let Ok(header) = FrameHeader::decode(rest, *binding, 0) {
            let last_position = header.last_position().get();
            frames.push(Frame { path, last_position, begun: entry.begun, ended: entry.ended });
            rest = &rest[header.length as usize..];
        }
    }
    frames
}
