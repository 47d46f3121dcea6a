//! What is there after a failure: read in every way, and after the power has failed as well.

use super::account::{Account, Told};
use crate::answers::{all_events, ask_everything, no_errors};
use crate::dice::Dice;
use crate::suite::Failure;
use crate::world::World;
use annals::vfs::{Disk, Fate, Survival, Unsynced};
use annals::{Event, OpenError, ReadError, Store, View, verify_in};
use std::sync::Arc;

/// The directories of a store, which may be there without files.
const DIRECTORIES: [&str; 3] = ["", "log", "index"];

/// The events that are in the files at this moment, read by somebody else, over a disk where no call fails.
///
/// # Errors
/// Anything but that there is no store yet.
pub(super) fn content(world: &World) -> Result<Vec<Event>, Failure> {
    let copy = world.after(world.disk.crash(Survival::All));
    match copy.options().read_only(true).open("simulated") {
        Ok(store) => all_events(&store.view()).map_err(|error| Failure::new(format!("the files: {error:?}"))),
        Err(OpenError::NotFound { .. }) => Ok(Vec::new()),
        Err(error) => Err(Failure::new(format!("the files: {error:?}"))),
    }
}

/// Reads a view in every way. Says whether no read failed; `may_fail` says whether one may.
///
/// # Errors
/// A wrong answer, damage where there is none, or an error though no call fails.
pub(super) fn check_reads(view: &View, truth: &[Event], may_fail: bool) -> Result<bool, Failure> {
    let mut failed = false;
    ask_everything(view, truth, &mut |error| match error {
        ReadError::Io { .. } if may_fail => {
            failed = true;
            Ok(())
        }
        error => no_errors(error),
    })?;
    Ok(!failed)
}

/// What the store has is what was told, however it is read.
///
/// # Errors
/// As [`Account::settle`] and [`check_reads`].
pub(super) fn settle(store: &Store, account: &mut Account) -> Result<(), Failure> {
    let view = store.view();
    let events = all_events(&view).map_err(|error| Failure::new(format!("{error:?}")))?;
    account.settle(&events)?;
    check_reads(&view, &events, false).map(|_| ())
}

/// The process is killed now, or the power fails: before anything is repaired verify finds nothing wrong, the store
/// opens, has what was told, takes an append, and opens again.
///
/// # Errors
/// The first of these that does not hold.
pub(super) fn check_crashes(world: &World, account: &Account) -> Result<(), Failure> {
    let mut fates = fates(account.told.len() as u64);
    let states = [
        ("the power fails", Survival::Synced),
        ("the process is killed", Survival::All),
        ("the power fails, part of what was not synced arrived", Survival::Chosen(&mut fates)),
    ];
    let mut seen = Vec::new();
    for (what, survival) in states {
        let left = world.after(world.disk.crash(survival));
        // Where everything was durable all of them leave the same, which is looked at once.
        let files = (left.disk.image(), DIRECTORIES.map(|path| left.disk.list(path).ok()));
        if seen.contains(&files) {
            continue;
        }
        seen.push(files);
        check_left(&left, account.clone()).map_err(|failure| Failure::new(format!("{what}: {failure}")))?;
    }
    Ok(())
}

fn check_left(left: &World, mut account: Account) -> Result<(), Failure> {
    let disk: Arc<dyn Disk> = Arc::new(left.disk.clone());
    match verify_in(&left.env_over(disk), &mut |_| {}) {
        Ok(found) if found.findings.is_empty() => {}
        Err(OpenError::NotFound { .. }) if account.acknowledged() == 0 => {}
        other => return Err(Failure::new(format!("verify: {other:?}"))),
    }
    let open = || left.open().map_err(|error| Failure::new(format!("open: {error:?}")));
    let store = open()?;
    settle(&store, &mut account)?;
    if account.submit(&store)? != Told::Acknowledged {
        return Err(Failure::new("an append is not acknowledged"));
    }
    store.maintain().map_err(|error| Failure::new(format!("maintain: {error:?}")))?;
    drop(store);
    let events = all_events(&open()?.view()).map_err(|error| Failure::new(format!("{error:?}")))?;
    account.settle(&events)
}

/// What becomes of what was not synced.
fn fates(seed: u64) -> impl FnMut(&Unsynced<'_>) -> Fate {
    let mut dice = Dice::new(seed);
    move |operation| {
        let bytes = if let Unsynced::Write { bytes, .. } = operation { bytes.len() } else { 0 };
        match dice.below(8) {
            0..=1 => Fate::Kept,
            2..=3 => Fate::Lost,
            4 => Fate::Torn { kept: dice.index(bytes / 512 + 1) * 512 },
            5 => Fate::Sectors { size: 512, kept: dice.number() },
            6 => Fate::Zeros,
            _ => Fate::Garbage,
        }
    }
}
