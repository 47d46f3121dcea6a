//! Putting the parts of a store together: what the manifest names, and the recovered log.

use super::Opened;
use super::present::{check_present, present_files};
use crate::backup::mark_of;
use crate::budget::Budget;
use crate::erasure::UnderWay;
use crate::error::OpenError;
use crate::options::Durability;
use crate::part::{IndexPlan, Part, Rebuilt, RunPart, insert_all_stored};
use crate::parts::Parts;
use crate::recovery::RecoveryReport;
use crate::room::room_left;
use annals_format::{Manifest, names};
use annals_index::MemoryIndex;
use annals_types::{Position, Timestamp};
use annals_vfs::Env;
use annals_vfs::sync::RwLock;
use annals_wal::{LogError, Mode, RecoveryInput, Segment, recover};
use std::collections::HashMap;
use std::sync::Arc;

/// Recovers the log and puts the parts together. Parts in `known` are taken over, with what they have mapped; beside them
/// stands whether the log will be written around the system's cache.
pub(super) fn assemble(
    env: &Env,
    manifest: Manifest,
    mode: Mode,
    budget: Budget,
    (known, direct): (&Parts, bool),
) -> Result<Opened, OpenError> {
    if Durability::from_code(manifest.durability).is_none() {
        let what = "durability of a newer version";
        let damage = annals_format::Damage::new(0, what, manifest.durability, 1u8);
        return Err(OpenError::Corrupt(damage.in_file(names::MANIFEST)));
    }
    let plan = IndexPlan::of(&manifest);
    let backup = mark_of(&*env.disk, &manifest)?;
    let present = check_present(&*env.disk, &manifest, backup.is_some())?;
    let rebuilt = known.index.iter().find_map(|part| part.as_run()).map(RunPart::rebuilt);
    let rebuilt = rebuilt.unwrap_or_else(|| Arc::new(Rebuilt::new(plan, budget.rebuilt)));
    let mut parts = sealed_parts(env, &manifest, known, &rebuilt)?;

    let mut indexes: HashMap<u64, MemoryIndex> = HashMap::new();
    let input = RecoveryInput {
        store_id: &manifest.store_id,
        open: &manifest.open,
        next: manifest.sealed_end(),
        durable: manifest.durable,
        last_recorded: manifest.sealed.last().map_or(Timestamp::MIN, |segment| segment.recorded.max),
        segment_bytes: manifest.segment_bytes,
        room_left: room_left(manifest.segment_bytes),
        clean: manifest.clean,
        cut: backup.as_ref().map(|backup| backup.tail),
        direct,
    };
    let recovered = recover(&*env.disk, mode, &input, &mut |segment, events| {
        let new = || plan.begin(segment.first_position());
        let index = indexes.entry(segment.id()).or_insert_with(new);
        insert_all_stored(index, segment, events).map_err(LogError::Corrupt)
    })?;
    let mut active = None;
    for segment in &recovered.segments {
        let new = || plan.begin(segment.first_position());
        let index = Arc::new(RwLock::new(indexes.remove(&segment.id()).unwrap_or_else(new)));
        parts.segments.push(Arc::clone(segment));
        parts.index.push(Arc::new(Part::in_memory(Arc::clone(segment), Arc::clone(&index))));
        active = Some(index);
    }
    let report = RecoveryReport::new(&manifest, &recovered);
    let backup = backup.is_some();
    Ok(Opened { manifest, present, recovered, parts, rebuilt, active, report, backup })
}

/// The sealed segments, and the runs that are about them; where there is none, a part that stands for a missing one.
fn sealed_parts(
    env: &Env,
    manifest: &Manifest,
    known: &Parts,
    rebuilt: &Arc<Rebuilt>,
) -> Result<Parts, OpenError> {
    let present = present_files(&*env.disk, names::INDEX_DIR, names::parse_run)?;
    let (schemas, retention) = (Arc::clone(&known.schemas), Arc::clone(&known.retention));
    let removed = manifest.removed.map_or(Position::ZERO, |removed| removed.through);
    let erasing = UnderWay::of(manifest.erasures, known.erasing.as_ref());
    let mut parts =
        Parts { hash_seed: manifest.hash_seed, removed, schemas, retention, erasing, ..Parts::default() };
    for entry in &manifest.sealed {
        let same = |segment: &&Arc<Segment>| segment.sealed_entry() == Some(entry);
        let new = || Arc::new(Segment::sealed(Arc::clone(&env.disk), &manifest.store_id, entry.clone()));
        let at = known.segments.partition_point(|segment| segment.first_position() < entry.first_position);
        // An empty one may begin at the same position.
        let known = known.segments[at..].iter().take(2).find(same);
        parts.segments.push(known.cloned().unwrap_or_else(new));
    }
    let mut runs = manifest.runs.iter().filter(|run| present.contains(&run.id)).peekable();
    let mut from = 0;
    while let Some(entry) = manifest.sealed.get(from) {
        // What begins before is about segments that another run is about as well, or about none.
        while runs.next_if(|run| run.first_position < entry.first_position).is_some() {}
        let run = runs.peek().filter(|run| run.first_position == entry.first_position);
        let whole = run.and_then(|run| {
            let end = run.first_position.plus(run.count);
            let to = manifest.sealed.partition_point(|segment| segment.first_position < end);
            // A run ends with a segment, and is about one at least.
            let last = manifest.sealed[from..to].last()?;
            (last.last_position().next() == end).then_some(to - from)
        });
        let count = whole.unwrap_or(1);
        let entry = run.filter(|_| whole.is_some()).map(|run| **run);
        let first_position = manifest.sealed[from].first_position;
        let same = |part: &&Arc<Part>| {
            part.as_run()
                .is_some_and(|run| entry.is_some() && run.entry() == entry.as_ref() && !run.is_missing())
        };
        let at = known.index.partition_point(|part| part.first_position() < first_position);
        let part = known.index[at..].first().filter(same).cloned().unwrap_or_else(|| {
            let segments = parts.segments[from..from + count].to_vec();
            let disk = Arc::clone(&env.disk);
            Arc::new(Part::run(RunPart::new(disk, manifest.store_id, entry, segments, Arc::clone(rebuilt))))
        });
        parts.index.push(part);
        from += count;
    }
    Ok(parts)
}
