//! Opening a store: find it or create it, lock it, recover its log, put its parts together.

use crate::backup::mark_of;
use crate::budget::Budget;
use crate::catalog::{Catalog, read_manifest};
use crate::erasure::UnderWay;
use crate::error::OpenError;
use crate::options::{Durability, Options};
use crate::part::{IndexPlan, Part, Rebuilt, RunPart, insert_all_stored};
use crate::parts::Parts;
use crate::recovery::RecoveryReport;
use annals_format::{Manifest, SEGMENT_HEADER_BYTES, names};
use annals_index::MemoryIndex;
use annals_types::planted::{Bug, planted};
use annals_types::{Position, Timestamp};
use annals_vfs::sync::{RwLock, thread};
use annals_vfs::{Access, Disk, EntryKind, Env, Lock, RealDisk, read_up_to};
use annals_wal::{LogError, Mode, Recovered, RecoveryInput, Segment, recover};
use std::collections::{BTreeSet, HashMap};
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// How often a look at a store that another process writes is repeated when it was changing meanwhile.
const LOOKS: usize = 20;

/// What opening put together.
pub(crate) struct Opened {
    pub(crate) manifest: Manifest,
    /// The files of segments that are there, whether the manifest names them or not.
    present: BTreeSet<Edition>,
    pub(crate) recovered: Recovered,
    pub(crate) parts: Parts,
    /// What stands in for runs that are missing or damaged.
    pub(crate) rebuilt: Arc<Rebuilt>,
    /// Index of the active part.
    pub(crate) active: Option<Arc<RwLock<MemoryIndex>>>,
    pub(crate) report: RecoveryReport,
    /// Whether it is a backup that nobody has written since it was made.
    backup: bool,
}

/// The disk and the rest of the world for a store at `path`.
pub(crate) fn environment(options: &Options, path: &Path) -> Result<Env, OpenError> {
    if let Some(env) = &options.env {
        return Ok(env.clone());
    }
    let create = options.create && !options.read_only;
    let disk = match RealDisk::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound && create => RealDisk::create(path),
        // Perhaps a creation that was interrupted before the directory's own name was durable.
        Ok(disk) if create && disk.open(names::MANIFEST, Access::Read).is_err() => RealDisk::create(path),
        other => other,
    };
    match disk {
        Ok(disk) => Ok(Env::system(Arc::new(disk))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Err(OpenError::NotFound { path: path.to_owned() })
        }
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => {
            Err(OpenError::NotAStore { path: path.to_owned(), reason: "it is not a directory".into() })
        }
        Err(error) => Err(OpenError::io(format!("open {}", path.display()))(error)),
    }
}

/// Opens for writing, creating the store if it is not there. The lock is held from here on.
pub(crate) fn open_for_writing(
    options: &Options,
    env: &Env,
    path: &Path,
) -> Result<(Opened, Catalog, Box<dyn Lock>), OpenError> {
    check_foreign(&*env.disk, options.create, path)?;
    let lock = take_lock(&*env.disk, path)?;
    let existing = read_manifest(&*env.disk)?;
    let created = existing.is_none();
    let mut catalog = match existing {
        Some(manifest) => Catalog::new(env.clone(), manifest),
        None => create(options, env, path)?,
    };
    let manifest = catalog.manifest().clone();
    catalog.direct = writes_directly(options, env, &manifest)?;
    let known = (&Parts::default(), catalog.direct);
    let opened = assemble(env, manifest, Mode::Repair, options.budget(), known)?;
    if opened.backup {
        // From the next manifest on it is a store like any other, and what a later backup has left must not look newer.
        catalog.pass_over(opened.present.last().map(|(id, _)| *id));
    }
    if !created && !planted(Bug::CleanMarkKept) {
        // From here on the log may grow behind the mark of a close in good order. And if the process before this
        // one was killed between the renaming of the manifest and the sync of its name, the next loss of power
        // would bring back the one before it, which does not name the segments that are appended to from now on,
        // and names files that are about to be removed.
        catalog.set_clean(opened.recovered.next.previous(), None)?;
    }
    if !planted(Bug::OrphansNotRemoved) {
        remove_orphans(&*env.disk, &opened.manifest, &opened.present)?;
    }
    Ok((opened, catalog, lock))
}

/// Whether the log is to be written around the system's cache, and can be: the segments lie where the manifest does. With `os`
/// durability that would be slower and worth nothing.
fn writes_directly(options: &Options, env: &Env, manifest: &Manifest) -> Result<bool, OpenError> {
    let durability = options.durability.or(Durability::from_code(manifest.durability));
    if !options.direct_io || durability != Some(Durability::Sync) {
        return Ok(false);
    }
    let opened = env.disk.open_direct(names::MANIFEST);
    Ok(opened.map_err(OpenError::io("open MANIFEST for direct writes"))?.is_some())
}

/// How often a writer asks for the lock, and how long it waits between: a reader holds it for the moment of opening.
const LOCK_TRIES: usize = 5;
const LOCK_WAIT: Duration = Duration::from_millis(15);

pub(crate) fn take_lock(disk: &dyn Disk, path: &Path) -> Result<Box<dyn Lock>, OpenError> {
    for attempt in 0..LOCK_TRIES {
        if attempt > 0 {
            thread::sleep(LOCK_WAIT);
        }
        if let Some(lock) = disk.try_lock(names::LOCK).map_err(OpenError::io("lock the store (file LOCK)"))? {
            return Ok(lock);
        }
    }
    Err(OpenError::Locked { path: path.to_owned() })
}

/// Opens for reading. With a living writer, and where nothing can be written, nothing is changed.
pub(crate) fn open_for_reading(
    env: &Env,
    budget: Budget,
    path: &Path,
) -> Result<(Opened, Position), OpenError> {
    check_foreign(&*env.disk, false, path)?;
    match env.disk.try_lock(names::LOCK) {
        Ok(Some(_lock)) => {
            let manifest = existing_manifest(env, path)?;
            let go = |mode| assemble(env, manifest.clone(), mode, budget, (&Parts::default(), false));
            let look = || go(Mode::Observe);
            let (opened, proven_only) = match go(Mode::Mend) {
                // A disk that is full or cannot be written: the recovered log can be read all the same.
                Err(OpenError::Io { source, .. }) if is_refusal(&source) => (look()?, false),
                // A disk that fails: after a failed sync the bytes that are seen may not be on it.
                Err(OpenError::Io { .. }) => (look()?, !planted(Bug::FailedMendShown)),
                other => (other?, false),
            };
            hold_runs(&opened.parts);
            let last = opened.recovered.next.previous();
            let visible = if proven_only { opened.recovered.durable.min(last) } else { last };
            Ok((opened, visible))
        }
        Ok(None) => observe(env, path, budget, &Parts::default()),
        Err(_) => {
            let manifest = existing_manifest(env, path)?;
            let opened = assemble(env, manifest, Mode::Observe, budget, (&Parts::default(), false))?;
            hold_runs(&opened.parts);
            let visible = opened.recovered.next.previous();
            Ok((opened, visible))
        }
    }
}

/// Whether the disk does not let itself be written, which says nothing against what is on it.
fn is_refusal(error: &io::Error) -> bool {
    use io::ErrorKind::{PermissionDenied, QuotaExceeded, ReadOnlyFilesystem, StorageFull};
    matches!(error.kind(), PermissionDenied | QuotaExceeded | ReadOnlyFilesystem | StorageFull)
}

/// Looks at a store that another process writes. Files change while they are looked at: what seems damaged is
/// looked at again. Only what is known to be durable is visible.
pub(crate) fn observe(
    env: &Env,
    path: &Path,
    budget: Budget,
    known: &Parts,
) -> Result<(Opened, Position), OpenError> {
    let mut looks = 0;
    loop {
        looks += 1;
        match assemble(env, existing_manifest(env, path)?, Mode::Observe, budget, (known, false)) {
            Ok(opened) => {
                // A writer that merged meanwhile has removed the runs that this manifest names.
                if !hold_runs(&opened.parts) && looks < LOOKS && is_replaced(env, &opened.manifest) {
                    continue;
                }
                let last = opened.recovered.next.previous();
                let all = planted(Bug::ReaderShowsWhatIsNotDurable);
                let visible = if all { last } else { opened.recovered.durable.min(last) };
                return Ok((opened, visible));
            }
            Err(OpenError::Corrupt(_)) if looks < LOOKS => {
                thread::sleep(Duration::from_millis(5));
            }
            Err(error) => return Err(error),
        }
    }
}

/// Most runs that a reader opens ahead. A store in order has some dozens.
const RUNS_HELD_MAX: usize = 1024;

/// Opens the runs, so that they stay readable when a writer merges and removes them: a reader does not hear of that before
/// there are new events, and would make their indexes again. Says whether all are there.
fn hold_runs(parts: &Parts) -> bool {
    let newest = parts.index.iter().rev().take(RUNS_HELD_MAX);
    newest.filter_map(|part| part.as_run()).filter(|run| run.sound().is_none()).count() == 0
}

/// Whether there is another manifest by now.
fn is_replaced(env: &Env, manifest: &Manifest) -> bool {
    let now = read_manifest(&*env.disk).ok().flatten();
    now.is_none_or(|now| now.generation != manifest.generation)
}

fn existing_manifest(env: &Env, path: &Path) -> Result<Manifest, OpenError> {
    read_manifest(&*env.disk)?.ok_or_else(|| OpenError::NotFound { path: path.to_owned() })
}

/// A directory without a manifest is a store only if it is empty but for what an unfinished creation leaves.
pub(crate) fn check_foreign(disk: &dyn Disk, create: bool, path: &Path) -> Result<(), OpenError> {
    let entries = disk.list("").map_err(OpenError::io(format!("list {}", path.display())))?;
    let has = |name: &str| entries.iter().any(|entry| entry.name == name);
    if has(names::MANIFEST) {
        return Ok(());
    }
    for (mark, what) in [(names::BACKUP, "backup"), (names::RESTORE, "restore")] {
        if has(mark) {
            let reason =
                format!("it is what an interrupted {what} has left: do it again, or remove the directory");
            return Err(OpenError::NotAStore { path: path.to_owned(), reason });
        }
    }
    let own = [names::LOCK, names::MANIFEST_TEMPORARY, names::LOG_DIR, names::INDEX_DIR, names::SNAPSHOT_DIR];
    if let Some(foreign) = entries.iter().find(|entry| !own.contains(&entry.name.as_str())) {
        let reason = format!("there is no MANIFEST in it, but {:?}", foreign.name);
        return Err(OpenError::NotAStore { path: path.to_owned(), reason });
    }
    let segments = if has(names::LOG_DIR) {
        disk.list(names::LOG_DIR).map_err(OpenError::io("list log"))?
    } else {
        Vec::new()
    };
    let lost = segments.iter().find(|entry| names::parse_edition(&entry.name).is_some());
    if let Some(segment) = lost.filter(|_| !planted(Bug::MissingManifestReplaced)) {
        // The first manifest is durable before the first segment is created. So if another process has just made the
        // store, between the two looks, the manifest is there by now.
        if disk.open(names::MANIFEST, Access::Read).is_ok() {
            return Ok(());
        }
        let damage = annals_format::Damage::new(0, "manifest that is not there, though there is", 0u64, 0u64);
        let mut corruption = damage.in_file(names::MANIFEST);
        corruption.what = format!("{} {}/{}", corruption.what, names::LOG_DIR, segment.name);
        return Err(OpenError::Corrupt(corruption));
    }
    if create { Ok(()) } else { Err(OpenError::NotFound { path: path.to_owned() }) }
}

/// Creates a store, or finishes the creation that a crash interrupted: directories, then the manifest.
fn create(options: &Options, env: &Env, path: &Path) -> Result<Catalog, OpenError> {
    for name in [names::LOG_DIR, names::INDEX_DIR, names::SNAPSHOT_DIR] {
        match env.disk.create_dir(name) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                return Err(OpenError::io(format!("create {}/{name}", path.display()))(error));
            }
            _ => {}
        }
    }
    env.disk.sync_dir("").map_err(OpenError::io(format!("sync {}", path.display())))?;
    let (mut store_id, mut hash_seed) = ([0; 16], [0; 8]);
    let random = env.random.fill(&mut store_id).and_then(|()| env.random.fill(&mut hash_seed));
    random.map_err(OpenError::io("get random bytes"))?;
    let manifest = Manifest {
        store_id,
        generation: 1,
        created_at: env.clock.now(),
        segment_bytes: options.new_segment_bytes(),
        durability: options.durability.unwrap_or_default().code(),
        ids_indexed: options.index_ids.unwrap_or(true),
        has_rules: false,
        durable: Position::ZERO,
        next_file_id: 1,
        hash_seed: u64::from_le_bytes(hash_seed),
        sealed: Vec::new(),
        open: Vec::new(),
        runs: Vec::new(),
        clean: None,
        removed: None,
        compactions: Vec::new(),
        erasures: None,
    };
    Catalog::create(env.clone(), manifest)
}

/// Recovers the log and puts the parts together. Parts in `known` are taken over, with what they have mapped; beside them
/// stands whether the log will be written around the system's cache.
fn assemble(
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

/// The number and the edition of a segment's file.
pub(crate) type Edition = (u64, u64);

/// Missing segments are found at once, by one look at the directory; the files themselves are opened when
/// they are read. Gives those that are there. In a backup there may be newer ones, of the next backup that did not
/// come to its end: its mark proves that the manifest is the right one.
fn check_present(disk: &dyn Disk, manifest: &Manifest, backup: bool) -> Result<BTreeSet<Edition>, OpenError> {
    let present = present_files(disk, names::LOG_DIR, names::parse_edition)?;
    let missing = manifest.sealed.iter().find(|segment| !present.contains(&(segment.id, segment.edition())));
    if let Some(missing) = missing.filter(|_| !planted(Bug::MissingSegmentNotNoticed)) {
        let what = "sealed segment that is not there";
        let damage = annals_format::Damage::new(0, what, 0u64, 0u64);
        return Err(OpenError::Corrupt(damage.in_file(missing.path())));
    }
    if backup {
        return Ok(present);
    }
    match newest_unnamed(disk, manifest, &present)? {
        None => Ok(present),
        Some(_) if planted(Bug::OlderManifestAccepted) => Ok(present),
        Some(segment) => {
            let what = "next file number of the manifest, which is older than the log,";
            let damage =
                annals_format::Damage::new(0, what, manifest.next_file_id, segment.saturating_add(1));
            Err(OpenError::Corrupt(damage.in_file(names::MANIFEST)))
        }
    }
}

/// The newest segment with something in it that is newer than the manifest. A segment is written only after the
/// manifest that names it is durable, so there is none after any crash, but there is if an old manifest was put in
/// the place of the last one. What the log has gained since would be taken for rubbish.
pub(crate) fn newest_unnamed(
    disk: &dyn Disk,
    manifest: &Manifest,
    present: &BTreeSet<Edition>,
) -> Result<Option<u64>, OpenError> {
    let mut newest = None;
    // What compaction writes has a number that the manifest knows.
    let unnamed = present.iter().filter(|(id, edition)| *id >= manifest.next_file_id && *edition == 0);
    for id in unnamed.map(|(id, _)| *id) {
        let name = names::segment(id);
        let mut header = [0; SEGMENT_HEADER_BYTES];
        let read = disk.open(&name, Access::Read).and_then(|file| read_up_to(&*file, &mut header, 0));
        match read {
            // A writer that goes on meanwhile may have removed it.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            other => drop(other.map_err(OpenError::io(format!("read {name}")))?),
        }
        if header.iter().any(|byte| *byte != 0) {
            newest = newest.max(Some(id));
        }
    }
    Ok(newest)
}

/// The numbers of the files in a directory, in order: what is done with them is done in the same order every time.
pub(crate) fn present_files<N: Ord>(
    disk: &dyn Disk,
    directory: &str,
    parse: impl Fn(&str) -> Option<N>,
) -> Result<BTreeSet<N>, OpenError> {
    match disk.kinds(directory) {
        // What is no plain file is nothing of the store's, whatever it is called.
        Ok(entries) => {
            let files = entries.iter().filter(|(_, kind)| *kind == EntryKind::File);
            Ok(files.filter_map(|(name, _)| parse(name)).collect())
        }
        // Derived files may be deleted, directory and all.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(BTreeSet::new()),
        Err(error) => Err(OpenError::io(format!("list {directory}"))(error)),
    }
}

/// Removes what crashes left behind: files that the manifest, which is durable, does not name.
fn remove_orphans(
    disk: &dyn Disk,
    manifest: &Manifest,
    present: &BTreeSet<Edition>,
) -> Result<(), OpenError> {
    if let Err(error) = disk.remove(names::MANIFEST_TEMPORARY)
        && error.kind() != io::ErrorKind::NotFound
    {
        return Err(OpenError::io("remove MANIFEST.tmp")(error));
    }
    // The index may be deleted, and directories without files are easily lost when a store is copied.
    for name in [names::LOG_DIR, names::INDEX_DIR, names::SNAPSHOT_DIR] {
        match disk.create_dir(name) {
            Ok(()) => disk.sync_dir("").map_err(OpenError::io("sync the store's directory"))?,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(OpenError::io(format!("create {name}"))(error)),
        }
    }
    let open = manifest.open.iter().filter(|_| !planted(Bug::OpenSegmentsTakenForOrphans));
    let sealed = manifest.sealed.iter().map(|segment| (segment.id, segment.edition()));
    let segments: BTreeSet<Edition> = sealed.chain(open.map(|segment| (segment.id, 0))).collect();
    for (id, edition) in present.difference(&segments) {
        let name = names::edition(*id, *edition);
        disk.remove(&name).map_err(OpenError::io(format!("remove {name}")))?;
    }
    for (id, part) in present_files(disk, names::INDEX_DIR, names::parse_scratch)? {
        let name = names::scratch(id, part);
        disk.remove(&name).map_err(OpenError::io(format!("remove {name}")))?;
    }
    let runs: BTreeSet<u64> = manifest.runs.iter().map(|run| run.id).collect();
    for id in present_files(disk, names::INDEX_DIR, names::parse_run)? {
        if !runs.contains(&id) {
            disk.remove(&names::run(id)).map_err(OpenError::io(format!("remove {}", names::run(id))))?;
        }
    }
    Ok(())
}
