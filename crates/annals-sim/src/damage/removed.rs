//! What must hold of a damaged store of which events were removed before. What is left is exact or an error that names the file;
//! what was removed does not come back; and what is damaged is never taken for removed.

use super::allowed::Left;
use super::answers::{Answers, Since};
use super::check::{append, compare_with_verify, inspect_all, unchanged, verify, world};
use super::kinds::Damaged;
use super::rebuilt::check_repair;
use super::specimen::Specimen;
use super::witness::Witness;
use crate::suite::Failure;
use crate::world::World;
use annals::{CompactError, Event, OpenError, ReadError, Store};
use annals_format::names;

/// What is known of such a store.
#[derive(Debug)]
pub(super) struct Removed {
    /// What it says, and must say if it is damaged.
    pub(super) answers: Answers,
    /// The numbers of compactions in its ledger, with how much they removed and erased, and how many erasures are under way.
    pub(super) known: (Vec<(u64, u64, u64)>, u64),
    /// The same store at earlier moments.
    pub(super) moments: Vec<Specimen>,
}

impl Removed {
    /// Looks at a damaged store in every way, each on a copy of its own.
    ///
    /// # Errors
    /// The first thing that does not hold.
    pub(super) fn check(
        &self,
        specimen: &Specimen,
        damaged: &Damaged,
        repaired: bool,
    ) -> Result<(), Failure> {
        // It may have been another store in good order, of an earlier moment, before anything else was done to it.
        let earlier = damaged.earlier.and_then(|moment| self.moments.get(moment));
        let specimen = earlier.unwrap_or(specimen);
        let answers = specimen.removed.as_ref().map_or(&self.answers, |removed| &removed.answers);
        let left = Left::new(specimen, damaged);
        let check = Check { left: &left, answers };
        let verified = verify(&world(&damaged.image)?);
        inspect_all(&world(&damaged.image)?, damaged);
        let reading = check.read_only()?;
        compare_with_verify(&left, &reading, &verified)?;
        let writing = check.to_write()?;
        if repaired || reading.refused {
            check_repair(self, &left, &reading)?;
        }
        match reading.refused == writing.refused || !left.has_manifest() {
            true => Ok(()),
            false => Err(Failure::new("it opens for reading and not for writing, or the other way round")),
        }
    }

    /// Whether this is an event that it has shown at any moment.
    pub(super) fn have_shown(&self, event: &Event) -> bool {
        let mut known = self.moments.iter().filter_map(|moment| moment.removed.as_ref()).chain([self]);
        known.any(|removed| removed.answers.have_shown(event))
    }
}

struct Check<'c> {
    left: &'c Left<'c>,
    answers: &'c Answers,
}

impl Check<'_> {
    fn read_only(&self) -> Result<Witness, Failure> {
        let world = world(&self.left.damaged.image)?;
        match world.options().read_only(true).open("damaged") {
            Ok(store) => self.ask(&store),
            Err(error) => self.refused(&error),
        }
    }

    fn to_write(&self) -> Result<Witness, Failure> {
        let world = world(&self.left.damaged.image)?;
        match world.open() {
            Ok(store) => {
                let witness = self.ask(&store)?;
                self.go_on(&world, store, &witness)?;
                Ok(witness)
            }
            Err(error) => {
                unchanged(&world, &self.left.damaged.image)?;
                self.refused(&error)
            }
        }
    }

    fn refused(&self, error: &OpenError) -> Result<Witness, Failure> {
        let mut witness = Witness::default();
        witness.refused(error, !self.left.has_manifest(), false)?;
        self.explain(witness)
    }

    fn ask(&self, store: &Store) -> Result<Witness, Failure> {
        let end = store.last_position().get();
        self.left.may_end_at(end).map_err(Failure::new)?;
        let since = if self.left.has_older_manifest() { Since::Older } else { Since::Damaged };
        self.explain(self.answers.compare(store, end, since, &self.left.specimen.layout)?)
    }

    fn is_touched(&self, file: &str) -> bool {
        self.left.touched.contains(file)
    }

    /// Nothing fails without a reason. An event is unreadable for damage to its own segment, or to what says whether it is
    /// hidden or being erased: the manifest, and the segments with events of the store's own, which a damaged run leaves to be
    /// found in the whole log.
    fn explain(&self, witness: Witness) -> Result<Witness, Failure> {
        let left = self.left;
        if !left.essential() && (witness.refused || !witness.unreadable.is_empty()) {
            return Err(Failure::new("only what can be made again is damaged, and the store cannot be read"));
        }
        let truth = &left.specimen.truth;
        let own =
            truth.iter().filter(|event| event.stream.starts_with('$')).map(|event| event.position.get());
        let touched = |position: u64| {
            let place = left.specimen.layout.record(position);
            place.is_none_or(|(frame, _)| self.is_touched(&frame.file))
        };
        let any_in = |directory: &str| left.touched.iter().any(|file| file.starts_with(directory));
        let explained = self.is_touched(names::MANIFEST)
            || own.into_iter().any(touched)
            || (any_in(names::LOG_DIR) && any_in(names::INDEX_DIR));
        match witness.unreadable.iter().find(|position| !explained && !touched(**position)) {
            Some(position) => Err(Failure::new(format!("position {position} is whole and cannot be read"))),
            None => Ok(witness),
        }
    }

    /// The store goes on: an append, the work of the background, another compaction, a close; and opened again it has the same.
    fn go_on(&self, world: &World, store: Store, before: &Witness) -> Result<(), Failure> {
        let failed = |what: &str, error: &dyn std::fmt::Debug| Failure::new(format!("{what}: {error:?}"));
        let broken = !before.unreadable.is_empty();
        let end = store.last_position().get();
        if let (Err(what), false) = (append(&store), broken) {
            return Err(failed("nothing is unreadable, and an append fails", &what));
        }
        if let (Err(error), false) = (store.maintain(), broken) {
            return Err(failed("maintain", &error));
        }
        match store.compaction().all(true).bytes_per_second(None).run() {
            Ok(_) => {}
            // No read has met it, and nothing is written anew of which something is damaged.
            Err(CompactError::Read(ReadError::Corrupt(damage))) if self.is_touched(&damage.file) => {}
            Err(_) if broken => {}
            Err(error) => return Err(failed("compaction", &error)),
        }
        store.close().map_err(|error| failed("close", &error))?;
        let verified = verify(world).map_err(|error| failed("verify after all", &error))?;
        let told = |file: &&String| verified.findings.iter().any(|finding| finding.file == **file);
        if let Some(file) = before.files.iter().find(|file| !told(file)) {
            return Err(failed("it was damaged, and after a close verify does not say so any more", file));
        }
        // What was damaged in the log stays so, as do snapshots that nobody has asked for, and runs are made again.
        let stays = |file: &str| file.starts_with(names::LOG_DIR) || file.starts_with(names::SNAPSHOT_DIR);
        let expected = |file: &str| broken || (self.is_touched(file) && stays(file));
        if let Some(finding) = verified.findings.iter().find(|finding| !expected(&finding.file)) {
            return Err(failed("it goes on, and verify finds", finding));
        }
        let store = world.open().map_err(|error| failed("opened again", &error))?;
        let after = self.answers.compare(&store, end, Since::WentOn, &self.left.specimen.layout)?;
        match after.unreadable.is_subset(&before.unreadable) {
            true => Ok(()),
            false => Err(failed("unreadable before and after", &(&before.unreadable, after.unreadable))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::compacted::compacted;
    use super::super::seal::Seal;
    use super::*;
    use annals::Query;
    use annals_format::{FRAME_HEADER_BYTES, SEGMENT_HEADER_BYTES};

    #[test]
    fn a_rule_that_cannot_be_read_without_its_dictionary_is_damage_and_asks_for_no_newer_program() {
        let specimens = compacted().unwrap_or_else(|failure| panic!("{failure}"));
        for Specimen { name, image, truth, layout, .. } in &specimens {
            let rule = truth.iter().find(|event| event.event_type == "$annals.RetentionRuleSet");
            let Some(rule) = rule else {
                assert_eq!(*name, "compacted in part, closed");
                continue;
            };
            let frame = layout.record(rule.position.get()).unwrap().0;
            if !frame.rewritten {
                // Compaction has not come so far.
                assert_eq!(*name, "compaction interrupted");
                continue;
            }
            let file = &frame.file;
            let mut image = image.clone();
            image.get_mut(file).unwrap()[SEGMENT_HEADER_BYTES + FRAME_HEADER_BYTES + 50] ^= 1;
            let store = world(&image).unwrap().options().read_only(true).open("damaged").unwrap();
            let said = store.view().read(Query::all()).map(|mut events| events.next().is_none());
            let named = matches!(&said, Err(ReadError::Corrupt(damage)) if damage.file == *file);
            assert!(named, "{name}: {said:?} instead of damage of {file}");
        }
    }

    #[test]
    fn a_record_that_claims_to_be_far_behind_its_segment_is_found_under_right_checksums() {
        let specimens = compacted().unwrap_or_else(|failure| panic!("{failure}"));
        let Specimen { image, layout, .. } = &specimens[0];
        for frame in layout.frames.iter().filter(|frame| frame.rewritten && !frame.records.is_empty()) {
            let mut image = image.clone();
            let at = frame.bytes.start + 16;
            let far = (frame.first + (1 << 40)).to_le_bytes();
            image.get_mut(&frame.file).unwrap()[at..at + 8].copy_from_slice(&far);
            Seal::FrameHeader(frame.clone()).close(&mut image, &frame.file);
            let found = verify(&world(&image).unwrap()).unwrap().findings;
            let named = found.iter().any(|finding| {
                finding.file == frame.file && finding.what.contains("stands here, and the segment ends at")
            });
            assert!(named, "{found:?}");
        }
    }
}
