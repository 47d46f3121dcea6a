//! What damage may take away: worked out from the bytes alone, without the engine.

use super::kinds::Damaged;
use super::layout::{Frame, manifest, same};
use super::specimen::Specimen;
use annals_format::{
    FOOTER_TRAILER_BYTES, Manifest, SEGMENT_HEADER_BYTES, SealedSegment, SegmentHeader, StoreId, names,
};
use std::collections::{BTreeMap, BTreeSet};

/// What is left of a specimen.
pub(super) struct Left<'a> {
    pub(super) specimen: &'a Specimen,
    pub(super) damaged: &'a Damaged,
    manifest: Option<Manifest>,
    /// Files that are not as they were.
    pub(super) touched: BTreeSet<&'a str>,
}

impl<'a> Left<'a> {
    pub(super) fn new(specimen: &'a Specimen, damaged: &'a Damaged) -> Self {
        let names = specimen.image.keys().chain(damaged.image.keys());
        let touched = names.filter(|name| specimen.image.get(*name) != damaged.image.get(*name));
        Left {
            specimen,
            damaged,
            manifest: manifest(&damaged.image),
            touched: touched.map(String::as_str).collect(),
        }
    }

    pub(super) fn has_manifest(&self) -> bool {
        self.damaged.image.contains_key(names::MANIFEST)
    }

    /// Whether there is a sound manifest of an earlier moment.
    pub(super) fn has_older_manifest(&self) -> bool {
        let now = manifest(&self.specimen.image);
        let older =
            |(is, was): (&Manifest, &Manifest)| is.store_id == was.store_id && is.generation < was.generation;
        self.manifest.as_ref().zip(now.as_ref()).is_some_and(older)
    }

    /// Whether what is left tells that it is this store: by the manifest, and if there is none that is sound, or it is
    /// that of another store without a segment of its own, by most headers of segments.
    pub(super) fn is_own(&self) -> bool {
        let Some(own) = manifest(&self.specimen.image).map(|manifest| manifest.store_id) else {
            return false;
        };
        let headers = self.damaged.image.iter().filter_map(|(file, bytes)| {
            names::parse_edition(file.strip_prefix(names::LOG_DIR)?.strip_prefix('/')?)?;
            SegmentHeader::decode(bytes.first_chunk()?).ok()
        });
        let mut votes: BTreeMap<StoreId, usize> = BTreeMap::new();
        headers.for_each(|header| *votes.entry(header.store_id).or_default() += 1);
        let named = self.manifest.as_ref().map(|manifest| manifest.store_id);
        let named = named.filter(|named| votes.is_empty() || votes.contains_key(named));
        let most = |(store, votes_of): (&StoreId, &usize)| {
            *store == own || *votes_of < votes.get(&own).copied().unwrap_or(0)
        };
        named.map_or_else(|| votes.contains_key(&own) && votes.iter().all(most), |named| named == own)
    }

    /// The positions in segments whose bytes are all as they were.
    pub(super) fn in_untouched_segments(&self) -> Vec<u64> {
        let whole =
            self.specimen.layout.frames.iter().filter(|frame| !self.touched.contains(frame.file.as_str()));
        whole.flat_map(|frame| frame.positions.iter().copied()).collect()
    }

    /// Whether anything is damaged that the store cannot make again: the manifest, or the log.
    pub(super) fn essential(&self) -> bool {
        self.touched.iter().any(|file| match *file {
            names::MANIFEST => true,
            names::LOCK | names::MANIFEST_TEMPORARY => false,
            file if !file.starts_with(names::LOG_DIR) => false,
            // What was not there before is in the way only if it claims to be a segment.
            file if !self.specimen.image.contains_key(file) => true,
            file => !self.log_is_whole(file),
        })
    }

    /// Whether all of a segment is there that is not derived.
    fn log_is_whole(&self, file: &str) -> bool {
        let frames: Vec<&Frame> = self.frames(file).collect();
        let Some(frame) = frames.first() else { return false };
        // The end of an open segment may hide more of the log; only what follows a sealed one is derived.
        let Some(end) = frame.sealed else { return false };
        let (was, is) = (&self.specimen.image, &self.damaged.image);
        same(was, is, file, 0..end) && is.get(file).map_or(0, Vec::len) >= was.get(file).map_or(0, Vec::len)
    }

    fn frames<'f>(&'f self, file: &'f str) -> impl Iterator<Item = &'f Frame> {
        self.specimen.layout.frames.iter().filter(move |frame| frame.file == file)
    }

    /// The highest position that undamaged bytes say is durable: a log that ends before is refused.
    fn floor(&self) -> u64 {
        let (was, is) = (&self.specimen.image, &self.damaged.image);
        let manifest = self.manifest.as_ref();
        let mut floor =
            manifest.map_or(0, |manifest| manifest.durable.get().max(manifest.sealed_end().get() - 1));
        let named = |frame: &&Frame| self.names(&frame.file);
        for frame in self.specimen.layout.frames.iter().filter(named).filter(|frame| frame.is_intact(was, is))
        {
            floor = floor.max(frame.durable);
            if frame.bytes.start == SEGMENT_HEADER_BYTES
                && same(was, is, &frame.file, 0..SEGMENT_HEADER_BYTES)
            {
                floor = floor.max(frame.first - 1);
            }
        }
        floor
    }

    /// The last position of the undamaged beginning of the log.
    fn intact(&self) -> u64 {
        let (was, is) = (&self.specimen.image, &self.damaged.image);
        let whole = |frame: &&Frame| {
            self.names(&frame.file)
                && frame.is_intact(was, is)
                && same(was, is, &frame.file, 0..SEGMENT_HEADER_BYTES)
        };
        let frames = self.specimen.layout.frames.iter().take_while(whole);
        frames.last().map_or(0, |frame| frame.next() - 1)
    }

    /// Whether the manifest, as it is now, leads to a segment.
    fn names(&self, file: &str) -> bool {
        self.manifest.as_ref().is_some_and(|manifest| {
            let open = manifest.open.iter().map(|segment| names::segment(segment.id));
            manifest.sealed.iter().map(SealedSegment::path).chain(open).any(|name| name == file)
        })
    }

    /// Whether the log may end at a position.
    ///
    /// # Errors
    /// Why not.
    pub(super) fn may_end_at(&self, position: u64) -> Result<(), String> {
        let all = self.specimen.last;
        if position == all || (self.damaged.earlier.is_some() && self.specimen.layout.is_boundary(position)) {
            return Ok(());
        }
        if !self.specimen.layout.is_boundary(position) || position > all {
            return Err(format!("the log ends at position {position}, in the middle of a batch"));
        }
        let least = self.floor().max(self.intact());
        if position < least {
            Err(format!("the log ends at position {position} instead of {all}; {least} is proven"))
        } else {
            Ok(())
        }
    }

    /// Whether there is a reason why the event at a position cannot be read.
    pub(super) fn may_be_unreadable(&self, position: u64) -> bool {
        let (was, is) = (&self.specimen.image, &self.damaged.image);
        let Some((frame, index)) = self.specimen.layout.record(position) else { return true };
        let length = |image: &super::specimen::Image| image.get(&frame.file).map_or(0, Vec::len);
        if length(is) < length(was) || !same(was, is, &frame.file, frame.records[index].clone()) {
            return true;
        }
        // Without its footer a record is found by walking its frame.
        let end = frame.sealed.unwrap_or(0);
        let footer = same(was, is, &frame.file, end..length(was));
        let before = same(was, is, &frame.file, frame.bytes.start..frame.records[index].start);
        let manifest = same(was, is, names::MANIFEST, 0..was.get(names::MANIFEST).map_or(0, Vec::len));
        !manifest || !(before || footer)
    }

    /// Whether every byte that is touched is one that verify looks at.
    pub(super) fn must_be_found(&self) -> bool {
        let Some(manifest) = &self.manifest else { return true };
        // Runs of an earlier moment, which were merged since, are as they were then.
        let earlier = self.damaged.earlier.and_then(|moment| self.specimen.older.get(moment));
        let (was, is) = (earlier.unwrap_or(&self.specimen.image), &self.damaged.image);
        self.touched.iter().any(|file| {
            let sealed = manifest.sealed.iter().find(|segment| segment.path() == **file);
            let run = manifest.runs.iter().find(|run| names::run(run.id) == **file);
            let covered = sealed.map(|segment| segment.length).or(run.map(|run| run.length));
            let covered = usize::try_from(covered.unwrap_or(0)).unwrap_or(0);
            // A run that is not there is made again, and no damage.
            is.contains_key(*file) && covered >= FOOTER_TRAILER_BYTES && !same(was, is, file, 0..covered)
        })
    }
}
