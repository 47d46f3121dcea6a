//! What must hold of a damaged store.

use super::allowed::Left;
use super::kinds::Damaged;
use super::repaired::{check_repair, survive_repair};
use super::specimen::{Image, Specimen};
use super::witness::Witness;
use crate::suite::Failure;
use crate::world::World;
use annals::vfs::{Disk, MemoryDisk};
use annals::{Event, Expected, NewEvent, OpenError, Store, Verification, inspect_in, verify_in};
use annals_format::names;
use std::sync::Arc;

/// Looks at a damaged store in every way, each on a copy of its own. It is repaired if it is refused, and if `repaired`
/// says so.
///
/// # Errors
/// The first thing that does not hold.
pub(super) fn check(specimen: &Specimen, damaged: &Damaged, repaired: bool) -> Result<(), Failure> {
    if damaged.resealed {
        survive(damaged)?;
        return if repaired { survive_repair(damaged) } else { Ok(()) };
    }
    if let Some(removed) = &specimen.removed {
        return removed.check(specimen, damaged, repaired);
    }
    let left = Left::new(specimen, damaged);
    let verified = verify(&world(&damaged.image)?);
    inspect_all(&world(&damaged.image)?, damaged);
    let reading = read_only(&left)?;
    compare_with_verify(&left, &reading, &verified)?;
    let writing = to_write(&left)?;
    if repaired || reading.refused {
        check_repair(&left)?;
    }
    match reading.refused == writing.refused || !left.has_manifest() {
        true => Ok(()),
        false => Err(Failure::new("it opens for reading and not for writing, or the other way round")),
    }
}

/// Where checksums are right but what was written is not, nobody can know the truth: but nothing may panic, hang, or
/// take too much.
fn survive(damaged: &Damaged) -> Result<(), Failure> {
    let _ = verify(&world(&damaged.image)?);
    inspect_all(&world(&damaged.image)?, damaged);
    if let Ok(store) = world(&damaged.image)?.options().read_only(true).open("damaged") {
        read_whatever(&store);
    }
    let world = world(&damaged.image)?;
    if let Ok(store) = world.open() {
        read_whatever(&store);
        let _ = append(&store);
        let _ = store.maintain();
        let _ = store.close();
        if let Ok(store) = world.open() {
            read_whatever(&store);
        }
        return Ok(());
    }
    unchanged(&world, &damaged.image)
}

/// All that can be asked without knowing what is there; the answers may be anything.
pub(super) fn read_whatever(store: &Store) {
    let view = store.view();
    let events: Vec<Event> = match view.read(annals::Query::all()) {
        Ok(events) => events.map_while(Result::ok).take(10_000).map(|event| event.to_event()).collect(),
        Err(_) => Vec::new(),
    };
    let _ = crate::answers::ask_everything(&view, &events, &mut |_| Ok(()));
    for event in events.iter().take(200) {
        for query in [
            annals::Query::stream(event.stream.as_str()),
            annals::Query::all().of_type(event.event_type.as_str()),
        ] {
            let _ = view.read(query.backwards()).map(|events| events.take(10_000).count());
        }
        let _ = view.event(event.id);
    }
    let _ = (view.streams("").take(10_000).count(), view.types(), store.stats());
}

/// Bytes of a disk that has room for any store of the suite, and for no segment of the usual size: a manifest may say that
/// segments have gigabytes, which the engine reserves on a disk, and which the simulated one has to take from memory.
pub(super) const SMALL_DISK: u64 = 16 << 20;

/// A damaged store, on a small disk.
pub(super) fn world(image: &Image) -> Result<World, Failure> {
    let disk = MemoryDisk::from_image(image.clone()).map_err(|error| Failure::new(format!("{error}")))?;
    disk.set_capacity(Some(SMALL_DISK));
    Ok(World::on(disk, 77, 16 << 10))
}

pub(super) fn verify(world: &World) -> Result<Verification, OpenError> {
    let disk: Arc<dyn Disk> = Arc::new(world.disk.clone());
    verify_in(&world.env_over(disk), &mut |_| {})
}

/// Whatever a file is: looking into it ends.
pub(super) fn inspect_all(world: &World, damaged: &Damaged) {
    let env = world.env_over(Arc::new(world.disk.clone()));
    for file in damaged.image.keys() {
        let _ = inspect_in(&*env.disk, file, &mut |_| {});
    }
}

fn read_only(left: &Left<'_>) -> Result<Witness, Failure> {
    let world = world(&left.damaged.image)?;
    let mut witness = Witness::default();
    match world.options().read_only(true).open("damaged") {
        Ok(store) => {
            let truth = shown(left, &store)?;
            witness.read(&store, truth, false)?;
        }
        Err(error) => witness.refused(&error, !left.has_manifest(), false)?,
    }
    explain(left, &witness)?;
    Ok(witness)
}

/// The events that the store shows, if it may end there.
fn shown<'a>(left: &Left<'a>, store: &Store) -> Result<&'a [Event], Failure> {
    let position = store.last_position().get();
    left.may_end_at(position).map_err(Failure::new)?;
    let end = usize::try_from(position).unwrap_or(usize::MAX);
    let specimen = left.specimen;
    specimen.truth.get(..end).ok_or_else(|| Failure::new(format!("position {position} was never written")))
}

/// Nothing fails without a reason, and what is whole can be read.
fn explain(left: &Left<'_>, witness: &Witness) -> Result<(), Failure> {
    if !left.essential() && (witness.refused || !witness.unreadable.is_empty()) {
        return Err(Failure::new("only what can be made again is damaged, and the store cannot be read"));
    }
    match witness.unreadable.iter().find(|position| !left.may_be_unreadable(**position)) {
        Some(position) => Err(Failure::new(format!("position {position} is whole and cannot be read"))),
        None => Ok(()),
    }
}

pub(super) fn compare_with_verify(
    left: &Left<'_>,
    witness: &Witness,
    verified: &Result<Verification, OpenError>,
) -> Result<(), Failure> {
    let found = match verified {
        Ok(found) => found,
        Err(error) => {
            let alike = witness.refused && !left.has_manifest();
            return if alike { Ok(()) } else { Err(Failure::new(format!("verify ends with {error:?}"))) };
        }
    };
    let reported = |file: &String| found.findings.iter().any(|finding| finding.file == *file);
    if let Some(file) = witness.files.iter().find(|file| !reported(file)) {
        return Err(Failure::new(format!(
            "reads say that {file} is damaged, verify says {:?}",
            found.findings
        )));
    }
    if witness.refused && found.findings.is_empty() {
        return Err(Failure::new("the store is refused, and verify finds nothing"));
    }
    if left.must_be_found() && found.findings.is_empty() {
        return Err(Failure::new("a byte that has a checksum is wrong, and verify finds nothing"));
    }
    Ok(())
}

fn to_write(left: &Left<'_>) -> Result<Witness, Failure> {
    let world = world(&left.damaged.image)?;
    let mut witness = Witness::default();
    let store = match world.open() {
        Ok(store) => store,
        Err(error) => {
            witness.refused(&error, !left.has_manifest(), false)?;
            explain(left, &witness)?;
            unchanged(&world, &left.damaged.image)?;
            return Ok(witness);
        }
    };
    let truth = shown(left, &store)?.to_vec();
    witness.read(&store, &truth, false)?;
    explain(left, &witness)?;
    go_on(&world, store, truth, &witness)?;
    Ok(witness)
}

/// The store goes on: an append, the work of the background, a close; and opened again it has the same and the new event.
fn go_on(world: &World, store: Store, mut truth: Vec<Event>, before: &Witness) -> Result<(), Failure> {
    let broken = !before.unreadable.is_empty();
    match (append(&store), broken) {
        (Ok(event), _) => truth.push(event),
        (Err(_), true) => {}
        (Err(what), false) => {
            return Err(Failure::new(format!("nothing is unreadable, and an append fails: {what}")));
        }
    }
    let maintained = store.maintain();
    if let (Err(error), false) = (&maintained, broken) {
        return Err(Failure::new(format!("maintain: {error:?}")));
    }
    store.close().map_err(|error| Failure::new(format!("close: {error:?}")))?;
    let verified = verify(world).map_err(|error| Failure::new(format!("verify after all: {error:?}")))?;
    let lost =
        before.files.iter().find(|file| !verified.findings.iter().any(|finding| finding.file == **file));
    if let Some(file) = lost {
        return Err(Failure::new(format!(
            "{file} was damaged, and after a close verify does not say so any more"
        )));
    }
    let run = verified.findings.iter().find(|finding| finding.file.starts_with(names::INDEX_DIR));
    if let Some(run) = run.filter(|_| !broken) {
        return Err(Failure::new(format!("a run was not made again: {run:?}")));
    }
    let store = world.open().map_err(|error| Failure::new(format!("opened again: {error:?}")))?;
    let mut after = Witness::default();
    after.read(&store, &truth, false)?;
    match after.unreadable == before.unreadable {
        true => Ok(()),
        false => {
            Err(Failure::new(format!("unreadable: {:?}, later {:?}", before.unreadable, after.unreadable)))
        }
    }
}

pub(super) fn append(store: &Store) -> Result<Event, String> {
    let new = [NewEvent::new("after", b"the damage".as_slice())];
    let appended = store.append("late-1", Expected::Any, &new).map_err(|error| format!("{error:?}"))?;
    let view = store.view();
    let event = view.event_at(appended.first_position).map_err(|error| format!("{error:?}"))?;
    event.map(|event| event.to_event()).ok_or_else(|| "it is not there".into())
}

/// A store that is refused is left as it is: who is to find out what happened needs the bytes.
pub(super) fn unchanged(world: &World, before: &Image) -> Result<(), Failure> {
    let after = world.disk.image();
    let names = before.keys().chain(after.keys()).filter(|name| *name != names::LOCK);
    match names.into_iter().find(|name| before.get(*name) != after.get(*name)) {
        None => Ok(()),
        Some(name) => Err(Failure::new(format!("the store is refused, and {name} has been changed"))),
    }
}
