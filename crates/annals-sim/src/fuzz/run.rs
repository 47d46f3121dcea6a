//! Index runs: opening one, and everything that it can be asked.

use super::frame::check_damage;
use super::input::{Mode, split};
use super::segment::check_format_error;
use super::structures::{NAMES, STORE_ID, id};
use annals_format::run::{RUN_HEADER_BYTES, RUN_TRAILER_BYTES, RunHeader, RunTrailer};
use annals_format::{Damage, reseal};
use annals_index::{Postings, Run, RunIdentity, TermKind};
use annals_types::{Position, Uuid};
use annals_vfs::{Access, Disk, Mapping, MemoryDisk};

/// Terms that are looked at, of each kind.
const TERMS_MAX: usize = 40;
/// Positions that are asked for at once: more than two blocks of a list.
const POSITIONS_MAX: usize = 300;

/// The file of a run. The manifest knows it as it is, so that everything in it is reached.
///
/// # Panics
/// If opening it or a lookup does what it must not do.
pub fn run(input: &[u8]) {
    let Some((mode, mut bytes)) = split(input) else { return };
    if mode == Mode::Resealed {
        reseal::run(&mut bytes);
    }
    let identity = identity(&bytes);
    match Run::open(mapping(&bytes), &STORE_ID, &identity) {
        Ok(run) => {
            Asked { run: &run, identity, length: bytes.len() }.everything();
            let (first, third) = (run.first_position(), run.event_count() / 3);
            let run = run.with_window(first.plus(third)..first.plus(2 * third + 1));
            let (first_position, count) = (run.first_position(), run.event_count());
            Asked {
                run: &run,
                identity: RunIdentity { first_position, count, ..identity },
                length: bytes.len(),
            }
            .everything();
        }
        Err(error) => check_format_error(&error, bytes.len()),
    }
}

/// What a manifest would say of the file.
fn identity(bytes: &[u8]) -> RunIdentity {
    let length = bytes.len() as u64;
    let header = bytes.first_chunk::<RUN_HEADER_BYTES>().and_then(|header| RunHeader::decode(header).ok());
    let trailer = bytes.last_chunk::<RUN_TRAILER_BYTES>();
    let decoded = trailer.and_then(|trailer| RunTrailer::decode(trailer, length).ok());
    if let Some(trailer) = &decoded {
        assert_eq!(RunTrailer::decode(&trailer.encode(), length).as_ref(), Ok(trailer));
    }
    RunIdentity {
        run_id: header.map_or(0, |header| header.run_id),
        first_position: decoded.as_ref().map_or(Position::FIRST, |trailer| trailer.first_position),
        count: decoded.as_ref().map_or(0, |trailer| trailer.count),
        length,
        trailer_checksum: trailer.map_or(0, RunTrailer::stored_checksum),
    }
}

fn mapping(bytes: &[u8]) -> Mapping {
    let disk = MemoryDisk::new();
    disk.set_content("run", bytes).expect("memory for a small file");
    let file = disk.open("run", Access::Read).expect("it is there");
    file.map(bytes.len() as u64).expect("it is so long")
}

/// A run that is asked everything; each answer is within its bounds, or damage within the file.
struct Asked<'a> {
    run: &'a Run,
    identity: RunIdentity,
    length: usize,
}

impl Asked<'_> {
    fn everything(&self) {
        for kind in TermKind::ALL {
            let mut found = self.terms(kind);
            for name in NAMES {
                if let Some(postings) = self.answer(self.run.find(kind, name)).flatten() {
                    found.push(postings);
                }
            }
            found.iter().for_each(|postings| self.postings(postings));
        }
        (0..40).for_each(|number| self.ids(id(number)));
        self.answer(self.run.check_all());
    }

    /// The answer, if it is no damage.
    fn answer<T>(&self, answer: Result<T, Damage>) -> Option<T> {
        answer.map_err(|damage| check_damage(&damage, 0, self.length)).ok()
    }

    /// Terms come in order, each once, and those after one are the rest.
    fn terms(&self, kind: TermKind) -> Vec<Postings> {
        let all = self.answer(self.run.terms(kind, "", None, TERMS_MAX)).unwrap_or_default();
        assert!(all.len() <= TERMS_MAX && all.is_sorted_by(|one, other| one.0 < other.0));
        for prefix in ["account-", "a", "zz"] {
            let some = self.answer(self.run.terms(kind, prefix, Some("account-3"), TERMS_MAX));
            for (name, _) in some.unwrap_or_default() {
                assert!(name.starts_with(prefix) && name.as_str() > "account-3");
            }
        }
        all.into_iter().map(|(_, postings)| postings).collect()
    }

    fn postings(&self, postings: &Postings) {
        assert!((1..=self.identity.count).contains(&postings.count()));
        assert!(postings.last_version() >= postings.first_version());
        let count = postings.count();
        for from in [0, 1, 127, 128, count / 2, count - 1, count] {
            self.positions(postings, from);
        }
        let end = self.identity.first_position.plus(self.identity.count);
        for position in [Position::ZERO, self.identity.first_position, end, Position::MAX] {
            let rank = self.answer(self.run.rank(postings, position));
            assert!(rank.is_none_or(|rank| rank <= count));
        }
    }

    /// Positions ascend, within the run, and there are as many as were asked for.
    fn positions(&self, postings: &Postings, from: u64) {
        let before = [Position::MAX];
        let mut out = before.to_vec();
        let answer = self.answer(self.run.positions(postings, from, POSITIONS_MAX, &mut out));
        let positions = out.split_off(1);
        assert_eq!(out, before);
        if answer.is_none() {
            return assert!(positions.is_empty(), "positions beside damage");
        }
        let wanted = postings.count().saturating_sub(from).min(POSITIONS_MAX as u64);
        assert_eq!(positions.len() as u64, wanted);
        self.check_positions(&positions);
        if postings.count() <= 128 {
            for (index, position) in positions.iter().enumerate() {
                assert_eq!(self.answer(self.run.rank(postings, *position)), Some(from + index as u64 + 1));
            }
        }
    }

    fn ids(&self, id: Uuid) {
        let mut found = Vec::new();
        if self.answer(self.run.find_id(id, &mut found)).is_none() {
            return assert!(found.is_empty());
        }
        let all = found.iter().all(|position| self.covers(*position));
        assert!(all && found.len() as u64 <= self.run.id_count());
    }

    fn check_positions(&self, positions: &[Position]) {
        assert!(positions.is_sorted_by(|one, other| one < other), "{positions:?}");
        assert!(positions.iter().all(|position| self.covers(*position)), "{positions:?}");
    }

    fn covers(&self, position: Position) -> bool {
        let first = self.identity.first_position;
        position >= first && position.events_since(first) < self.identity.count
    }
}
