//! Stores that were compacted, and copies of them: events are gone, payloads are erased, segments have editions, tables of
//! positions and dictionaries.

use super::answers::{Answers, Question};
use super::check::world;
use super::layout::{Layout, manifest};
use super::removed::Removed;
use super::specimen::{Image, SEGMENT_BYTES, Specimen, failed};
use super::states;
use crate::answers::all_events;
use crate::suite::Failure;
use crate::world::{START, World};
use annals::vfs::{Disk, Fault, FaultyDisk, MemoryDisk, Survival, When};
use annals::{
    BackupOptions, Compression, EraseTarget, Expected, NewEvent, Position, RestoreTo, RetentionRule,
    RetentionScope, Store, Timestamp, Uuid, Version, restore_in,
};
use std::io::ErrorKind;
use std::sync::Arc;

/// Events of a batch.
const EVENTS: u64 = 5;
/// Streams of each category.
const STREAMS: u64 = 4;
/// Up to here no event is gone in any of them: the last batch that a rule lets go has the position of its last event.
const BATCHES: u64 = 30;

/// Makes all of them.
///
/// # Errors
/// That the engine cannot do it.
pub(super) fn compacted() -> Result<Vec<Specimen>, Failure> {
    let mut all = Vec::new();
    for (again, name) in [(false, "compacted, closed"), (true, "compacted again, closed")] {
        let mut making = Making::begin()?;
        making.compact_once()?;
        if again {
            making.compact_again()?;
        }
        all.push(making.close(name)?);
    }
    let mut making = Making::begin()?;
    making.compact_once()?;
    all.push(making.kill("compacted, killed")?);
    let mut making = Making::begin()?;
    making.compact_in_part()?;
    all.push(making.close("compacted in part, closed")?);
    all.extend(copies()?);
    all.push(compaction_interrupted()?);
    all.push(erasure_interrupted()?);
    Ok(all)
}

/// A backup that was made before compaction and again after it, and a store that was restored from it.
fn copies() -> Result<Vec<Specimen>, Failure> {
    let mut making = Making::begin()?;
    let (backup, restored) = (MemoryDisk::new(), MemoryDisk::new());
    let options = BackupOptions::new();
    let env = |disk: &MemoryDisk| making.world.env_over(Arc::new(disk.clone()));
    let (from, into) = (env(&backup), env(&restored));
    making.store.backup_in(&from, &options, &mut |_| {}).map_err(failed)?;
    let first = backup.image();
    making.compact_once()?;
    making.store.backup_in(&from, &options, &mut |_| {}).map_err(failed)?;
    // Within the last batch, so that the segment with the cut has events that are left out.
    let cut = Position::new(making.store.last_position().get() - 2);
    let to = RestoreTo::Position(cut);
    restore_in(&from, &into, to, &options, &mut |_| {}).map_err(failed)?;
    let questions = making.questions()?;
    let made = |name, disk: &MemoryDisk, older| specimen(&making.world, name, disk, older, &questions);
    Ok(vec![made("backup", &backup, vec![first])?, made("restored", &restored, Vec::new())?])
}

/// A compaction ends between a manifest that names new files and the ledger: files are left over, and only the manifest tells what
/// was removed.
fn compaction_interrupted() -> Result<Specimen, Failure> {
    let mut making = Making::begin()?;
    making.let_go()?;
    making.interrupted(
        "compaction interrupted",
        &|store| drop(store.compaction().all(true).bytes_per_second(None).run()),
        &|image| manifest(image).is_some_and(|manifest| !manifest.compactions.is_empty()),
    )
}

/// An erasure ends behind its request: what is to go is still there, and nobody is shown it.
fn erasure_interrupted() -> Result<Specimen, Failure> {
    let mut making = Making::begin()?;
    making.compact_once()?;
    making.interrupted(
        "erasure interrupted",
        &|store| drop(store.erase(EraseTarget::Stream("order-1".into())).bytes_per_second(None).run()),
        &|image| {
            let world = world(image);
            let store =
                world.and_then(|world| world.options().read_only(true).open("specimen").map_err(failed));
            store.is_ok_and(|store| store.erasures_under_way() > 0)
        },
    )
}

/// A store that is being made.
struct Making {
    world: World,
    store: Store,
    batches: u64,
    older: Vec<Image>,
    /// All that was appended, as it was then.
    names: Vec<annals::Event>,
}

impl Making {
    /// With events of two categories, nothing of which is hidden yet.
    fn begin() -> Result<Self, Failure> {
        let world = World::new(50, SEGMENT_BYTES);
        let store = world.options().open("specimen").map_err(failed)?;
        let mut making = Making { world, store, batches: 0, older: Vec::new(), names: Vec::new() };
        making.append(BATCHES, &["account", "order"])?;
        making.names = all_events(&making.store.view()).map_err(failed)?;
        Ok(making)
    }

    /// Batches of events whose texts are alike, as those of real ones are.
    fn append(&mut self, batches: u64, categories: &[&str]) -> Result<(), Failure> {
        for _ in 0..batches {
            self.batches += 1;
            let now = START + 1_000_000 * i64::try_from(self.batches).unwrap_or(0);
            self.world.clock.set(Timestamp::from_nanos(now));
            let mut batch = annals::Batch::new();
            for index in 0..EVENTS {
                let number = self.batches * EVENTS + index;
                let category = categories[usize::try_from(number).unwrap_or(0) % categories.len()];
                let stream = format!("{category}-{}", number / 2 % STREAMS);
                batch.push(&stream, &event(number)).map_err(failed)?;
            }
            self.store.append_batch(batch).map_err(failed)?;
            if self.batches.is_multiple_of(4) {
                self.keep()?;
            }
        }
        self.keep()
    }

    /// What is full is sealed, and the files are kept as they are.
    fn keep(&mut self) -> Result<(), Failure> {
        self.store.maintain().map_err(failed)?;
        self.older.push(self.world.disk.image());
        Ok(())
    }

    /// Rules that let events go whatever is appended behind them, an erasure, a compaction; then events of streams that have
    /// no rule, so that what is hidden does not depend on where the log ends.
    fn compact_once(&mut self) -> Result<(), Failure> {
        self.let_go()?;
        self.compact()?;
        states::go_on(&self.store)?;
        self.append(6, &["order"])
    }

    fn let_go(&mut self) -> Result<(), Failure> {
        let retention = self.store.retention();
        let scope = RetentionScope::category("account");
        retention.set(&scope, &RetentionRule::new().max_count(4)).map_err(failed)?;
        retention.truncate("order-1", Version::new(5)).map_err(failed)?;
        retention.delete("order-2", Expected::Any).map_err(failed)?;
        self.keep()?;
        let erased = EraseTarget::Stream("order-3".into());
        self.store.erase(erased).reason("a letter").bytes_per_second(None).run().map_err(failed)?;
        states::truncate(&self.store)?;
        self.keep()
    }

    /// Only what lies in front is written anew, so that the run that was about everything is looked at through a window.
    fn compact_in_part(&mut self) -> Result<(), Failure> {
        self.store.settle().map_err(failed)?;
        self.store.retention().truncate("order-1", Version::new(8)).map_err(failed)?;
        self.store.retention().truncate("order-3", Version::new(8)).map_err(failed)?;
        self.keep()?;
        let report = self.store.compact_if_worth().map_err(failed)?;
        let image = self.world.disk.image();
        let windows =
            manifest(&image).is_some_and(|manifest| manifest.runs.iter().any(|run| run.file.is_some()));
        if report.events_removed == 0 || !windows {
            return Err(failed(report));
        }
        self.keep()?;
        self.append(2, &["visit-late"])
    }

    /// What stays of segments that were compacted is compacted with what has come since.
    fn compact_again(&mut self) -> Result<(), Failure> {
        self.append(12, &["order", "visit"])?;
        let retention = self.store.retention();
        retention.tombstone("order-0", Expected::Any).map_err(failed)?;
        retention.truncate("visit-1", Version::new(4)).map_err(failed)?;
        self.keep()?;
        self.compact()?;
        self.append(3, &["visit-late"])
    }

    fn compact(&mut self) -> Result<(), Failure> {
        let compaction = self.store.compaction().all(true).bytes_per_second(None);
        let report = compaction.compression(Compression::Lz4).run().map_err(failed)?;
        if report.events_removed < 20 || report.segments_rewritten == 0 {
            return Err(failed(report));
        }
        self.keep()
    }

    /// Whatever can be asked of what there was at any time.
    fn questions(&self) -> Result<Vec<Question>, Failure> {
        let shown = all_events(&self.store.view()).map_err(failed)?;
        let events: Vec<_> = self.names.iter().chain(&shown).collect();
        Ok(Question::all(&events, self.store.last_position().get()))
    }

    fn close(mut self, name: &'static str) -> Result<Specimen, Failure> {
        let questions = self.questions()?;
        self.store.close().map_err(failed)?;
        let older = std::mem::take(&mut self.older);
        specimen(&self.world, name, &self.world.disk, older, &questions)
    }

    fn kill(mut self, name: &'static str) -> Result<Specimen, Failure> {
        let questions = self.questions()?;
        let left = self.world.disk.crash(Survival::All);
        let older = std::mem::take(&mut self.older);
        specimen(&self.world, name, &left, older, &questions)
    }

    /// Does something on a disk that takes no more calls from one on, which comes later each time, until what is left is as it is wanted.
    fn interrupted(
        self,
        name: &'static str,
        act: &dyn Fn(&Store),
        wanted: &dyn Fn(&Image) -> bool,
    ) -> Result<Specimen, Failure> {
        let questions = self.questions()?;
        self.store.close().map_err(failed)?;
        for nth in 1..CALLS_MAX {
            let left = self.world.disk.crash(Survival::All);
            let faulty = FaultyDisk::new(Arc::new(left.clone()));
            let disk: Arc<dyn Disk> = Arc::new(faulty.clone());
            let store = self.world.options_over(disk).open("specimen").map_err(failed)?;
            faulty.arm(When::nth_of_all(nth).from_then_on(), Fault::Error(ErrorKind::Other));
            act(&store);
            drop(store);
            if wanted(&left.image()) {
                return specimen(&self.world, name, &left, self.older, &questions);
            }
        }
        Err(failed(format!("{name}: never in {CALLS_MAX} calls")))
    }
}

/// More calls to the disk than compaction or an erasure of such a store makes.
const CALLS_MAX: u64 = 1_000;

fn event(number: u64) -> NewEvent<'static> {
    let (amount, pad) = (number * 7919 % 10_000, "the same in every one of them ".repeat(4));
    let text = format!("{{\"number\":{number},\"amount\":{amount},\"note\":\"{pad}{}\"}}", number * 31 % 97);
    let mut event =
        NewEvent::json(["opened", "moved", "closed"][usize::try_from(number % 3).unwrap_or(0)], text);
    if number.is_multiple_of(3) {
        event = event.with_id(Uuid::from_u64_pair(50, number));
    }
    if number.is_multiple_of(4) {
        event = event.with_tag("every").with_tag(format!("tag-{}", number % 5));
    }
    event
}

/// A specimen of what is on a disk, with its earlier moments.
fn specimen(
    world: &World,
    name: &'static str,
    disk: &MemoryDisk,
    older: Vec<Image>,
    questions: &[Question],
) -> Result<Specimen, Failure> {
    let moment = |image: Image| {
        let copy = MemoryDisk::from_image(image.clone()).map_err(failed)?;
        let store = world.after(copy).options().read_only(true).open("specimen").map_err(failed)?;
        let (view, last, layout) = (store.view(), store.last_position().get(), Layout::of(&image));
        let truth = all_events(&view).map_err(failed)?;
        let ledger = store.ledger().map_err(failed)?;
        let ledger = ledger.iter().map(|entry| (entry.compaction, entry.events(), entry.erased)).collect();
        let known = (ledger, store.erasures_under_way());
        let removed = Removed { answers: Answers::of(&store, questions)?, known, moments: Vec::new() };
        Ok(Specimen { name, image, truth, last, older: Vec::new(), layout, removed: Some(removed) })
    };
    let moments = older.iter().cloned().map(moment).collect::<Result<_, Failure>>()?;
    let mut specimen = moment(disk.image())?;
    if let Some(removed) = &mut specimen.removed {
        removed.moments = moments;
    }
    specimen.older = older;
    Ok(specimen)
}

#[cfg(test)]
mod tests {
    use super::*;
    use annals_format::FRAME_HEADER_BYTES;

    #[test]
    fn they_have_all_that_compaction_leaves() {
        let specimens = compacted().unwrap_or_else(|failure| panic!("{failure}"));
        assert_eq!(specimens.len(), 8);
        for Specimen { name, layout, truth, last, .. } in &specimens {
            // Compaction has not come so far, or nothing was erased.
            if ["compaction interrupted", "compacted in part, closed"].contains(name) {
                continue;
            }
            let rewritten = || layout.frames.iter().filter(|frame| frame.rewritten);
            let dictionary =
                rewritten().any(|frame| frame.records.is_empty() && frame.bytes.len() > FRAME_HEADER_BYTES);
            let gaps = rewritten().any(|frame| frame.next() - frame.first > frame.records.len() as u64);
            assert!(
                dictionary && gaps,
                "{name}: dictionary {dictionary}, positions missing in a frame {gaps}"
            );
            let erased = truth.iter().filter(|event| event.payload.is_err()).count();
            assert!(
                erased > 10 && (truth.len() as u64) < last - 40,
                "{name}: {erased}, {} of {last}",
                truth.len()
            );
            assert!(truth.iter().any(|event| event.stream == "$annals.ledger"), "{name}");
        }
    }

    #[test]
    fn they_show_what_their_rules_leave_and_nothing_else() {
        let specimens = compacted().unwrap_or_else(|failure| panic!("{failure}"));
        let written = Making::begin().unwrap_or_else(|failure| panic!("{failure}")).names;
        for Specimen { name, truth, .. } in specimens.iter().filter(|specimen| {
            !["compacted again, closed", "compacted in part, closed"].contains(&specimen.name)
        }) {
            let end = written.last().map_or(0, |event| event.position.get());
            let shown: Vec<_> = truth
                .iter()
                .filter(|event| event.position.get() <= end)
                .map(|event| event.position)
                .collect();
            let wanted = written.iter().filter(|event| {
                let behind = written
                    .iter()
                    .filter(|other| other.stream == event.stream && other.version > event.version);
                match event.stream.as_str() {
                    "order-1" => event.version.get() >= 5,
                    "order-2" => false,
                    stream => !stream.starts_with("account") || behind.count() < 4,
                }
            });
            assert_eq!(shown, wanted.map(|event| event.position).collect::<Vec<_>>(), "{name}");
        }
    }
}
