//! Both forms of the index behind one face, and a run made of memory.

use annals_format::{Damage, FormatError, StoreId};
use annals_index::{MemoryIndex, Postings, Run, RunIdentity, TermKind, write_run};
use annals_types::{Position, Uuid};
use annals_vfs::{Access, Disk, Mapping, MemoryDisk};

pub(crate) const STORE_ID: StoreId = *b"the store's name";
pub(crate) const RUN_ID: u64 = 7;
pub(crate) const HASH_SEED: u64 = 0x5EED_5EED_5EED_5EED;

/// What both forms of the index answer.
pub(crate) trait Part {
    fn find(&self, kind: TermKind, key: &str) -> Result<Option<Postings>, Damage>;
    fn positions(&self, of: &Postings, from: u64, limit: usize) -> Result<Vec<Position>, Damage>;
    fn rank(&self, of: &Postings, position: Position) -> Result<u64, Damage>;
    fn find_id(&self, id: Uuid) -> Result<Vec<Position>, Damage>;
    fn terms(
        &self,
        kind: TermKind,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(String, Postings)>, Damage>;
    fn counts(&self) -> Counts;
}

/// First position, events, ids, terms of each kind.
pub(crate) type Counts = (Position, u64, u64, [u64; 4]);

impl Part for MemoryIndex {
    fn find(&self, kind: TermKind, key: &str) -> Result<Option<Postings>, Damage> {
        Ok(self.find(kind, key))
    }

    fn positions(&self, of: &Postings, from: u64, limit: usize) -> Result<Vec<Position>, Damage> {
        let mut out = vec![Position::MAX];
        self.positions(of, from, limit, &mut out);
        Ok(out.split_off(1))
    }

    fn rank(&self, of: &Postings, position: Position) -> Result<u64, Damage> {
        Ok(self.rank(of, position))
    }

    fn find_id(&self, id: Uuid) -> Result<Vec<Position>, Damage> {
        let mut out = Vec::new();
        self.find_id(id, &mut out);
        Ok(out)
    }

    fn terms(
        &self,
        kind: TermKind,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(String, Postings)>, Damage> {
        Ok(self.terms(kind, prefix, after, limit))
    }

    fn counts(&self) -> Counts {
        let terms = TermKind::ALL.map(|kind| self.term_count(kind));
        (self.first_position(), self.event_count(), self.id_count(), terms)
    }
}

impl Part for Run {
    fn find(&self, kind: TermKind, key: &str) -> Result<Option<Postings>, Damage> {
        self.find(kind, key)
    }

    fn positions(&self, of: &Postings, from: u64, limit: usize) -> Result<Vec<Position>, Damage> {
        let mut out = vec![Position::MAX];
        let result = self.positions(of, from, limit, &mut out);
        if result.is_err() {
            assert_eq!(out.len(), 1, "positions of a damaged list were left behind");
        }
        result.map(|()| out.split_off(1))
    }

    fn rank(&self, of: &Postings, position: Position) -> Result<u64, Damage> {
        self.rank(of, position)
    }

    fn find_id(&self, id: Uuid) -> Result<Vec<Position>, Damage> {
        let mut out = Vec::new();
        self.find_id(id, &mut out).map(|()| out)
    }

    fn terms(
        &self,
        kind: TermKind,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(String, Postings)>, Damage> {
        self.terms(kind, prefix, after, limit)
    }

    fn counts(&self) -> Counts {
        let terms = TermKind::ALL.map(|kind| self.term_count(kind));
        (self.first_position(), self.event_count(), self.id_count(), terms)
    }
}

/// The index as the bytes of a run.
pub(crate) fn run_bytes(memory: &MemoryIndex) -> (Vec<u8>, RunIdentity) {
    let mut bytes = Vec::new();
    let identity = write_run(memory, &STORE_ID, RUN_ID, HASH_SEED, &mut |piece| {
        bytes.extend_from_slice(piece);
        Ok(())
    });
    (bytes, identity.unwrap())
}

/// Bytes as a mapping.
pub(crate) fn mapping(bytes: &[u8]) -> Mapping {
    let disk = MemoryDisk::new();
    disk.set_content("run", bytes).unwrap();
    disk.open("run", Access::Read).unwrap().map(bytes.len() as u64).unwrap()
}

/// Opens bytes as a run.
pub(crate) fn open(bytes: &[u8], identity: &RunIdentity) -> Result<Run, FormatError> {
    Run::open(mapping(bytes), &STORE_ID, identity)
}
