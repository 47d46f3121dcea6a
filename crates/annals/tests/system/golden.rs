//! Stores of each version of the format, as files of this repository: they are opened for ever.
//!
//! `closed` was closed in good order, `killed` was left by a process that ended without that, and of `compacted`, which was closed,
//! the first nine events of a stream were removed; `compressed` is the same with all of its sealed segments compressed. Those that were closed have, since version 2, one run, which was merged of four.
//! The listings beside them were made by the program that made the stores. Neither is made again: a test that fails
//! here says that old stores are not read as they were. A new version of the format adds stores of its own, made by
//! the role `golden` of this program in an empty directory:
//!
//! ```text
//! ANNALS_TEST_ROLE=golden ANNALS_TEST_EXTRA=closed ANNALS_TEST_STORE=DIR \
//!     cargo test -p annals --test system -- --ignored --exact child::role --nocapture
//! ```

use crate::child::{append, findings};
use crate::copies::copy;
use annals::vfs::{Clock, Env, ManualClock, RealDisk, SeededRandom};
use annals::{
    Batch, Compression, ContentType, NewEvent, OpenError, Options, Query, Store, Timestamp, Uuid, Version,
};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tempfile::TempDir;

/// A store, and what is known of it besides its listing.
struct Golden {
    version: u32,
    kind: &'static str,
    events: usize,
    segments: u64,
    runs: usize,
    /// Bytes between two places of a large file that are damaged.
    stride: usize,
}

const STORES: [Golden; 10] = [
    Golden { version: 1, kind: "closed", events: 33, segments: 3, runs: 2, stride: 397 },
    Golden { version: 1, kind: "killed", events: 33, segments: 3, runs: 2, stride: 397 },
    Golden { version: 2, kind: "closed", events: 36, segments: 5, runs: 1, stride: 397 },
    Golden { version: 2, kind: "killed", events: 32, segments: 1, runs: 0, stride: 61 },
    Golden { version: 3, kind: "closed", events: 36, segments: 5, runs: 1, stride: 397 },
    Golden { version: 3, kind: "killed", events: 32, segments: 1, runs: 0, stride: 61 },
    Golden { version: 4, kind: "closed", events: 36, segments: 5, runs: 1, stride: 397 },
    Golden { version: 4, kind: "killed", events: 32, segments: 1, runs: 0, stride: 61 },
    Golden { version: 4, kind: "compacted", events: 29, segments: 5, runs: 1, stride: 397 },
    Golden { version: 4, kind: "compressed", events: 29, segments: 5, runs: 1, stride: 61 },
];

/// A version of the format that does not exist yet.
const LATER: u8 = annals_format::FORMAT_VERSION as u8 + 1;

/// Makes a store, the same on every machine, and tells its listing.
pub(crate) fn make(path: &Path, kind: &str) {
    let clock = Arc::new(ManualClock::new(Timestamp::from_nanos(1_700_000_000_123_456_789)));
    let disk = Arc::new(RealDisk::create(path).unwrap());
    let random = Arc::new(SeededRandom::new(2026));
    let env = Env { disk, clock: Arc::clone(&clock) as Arc<dyn Clock>, random };
    let options = Options::new().env(env).segment_bytes(16 << 10).background(false);
    let store = options.open(path).unwrap();
    let mut at = 1_700_000_001_000_000_000;
    for batch in batches(kind) {
        at += 1_500_000_000;
        clock.set(Timestamp::from_nanos(at));
        store.append_batch(batch).unwrap();
    }
    store.maintain().unwrap();
    let mut more = Batch::new();
    more.push("order-1", &NewEvent::json("Paid", r#"{"by":"card"}"#)).unwrap();
    store.append_batch(more).unwrap();
    if kind == "compacted" || kind == "compressed" {
        let (compressed, compaction) =
            (kind == "compressed", store.compaction().all(true).bytes_per_second(None));
        store.retention().truncate("many", Version::new(10)).unwrap();
        let compression = if compressed { Compression::Lz4 } else { Compression::None };
        compaction.compression(compression).recompress(compressed).run().unwrap();
        store.settle().unwrap();
    }
    for line in listing(&store) {
        crate::child::say(&line);
    }
    if kind != "killed" {
        store.close().unwrap();
    } else {
        // Ends as a kill does: nothing is closed or given back.
        std::process::exit(0);
    }
}

/// Events with everything that an event can have. Those of the store that is closed are in five segments, of which the
/// second and the fourth have one large event; files are kept small by having none in the other store.
fn batches(kind: &str) -> Vec<Batch> {
    let mut batches = Vec::new();
    let mut add = |events: &[(&str, NewEvent<'_>)]| {
        let mut batch = Batch::new();
        events.iter().for_each(|(stream, event)| batch.push(stream, event).unwrap());
        batches.push(batch);
    };
    let placed = NewEvent::json("Placed", r#"{ "total": 25.00, "note": "Grüße" }"#)
        .with_id(Uuid::from_u128(0x8fdb_3160_2904_56a7_84a5_cbab_24cd_44c8))
        .at(Timestamp::from_nanos(-1))
        .with_tag("shop:7")
        .with_tag("日本")
        .with_metadata(&br#"{"user":7}"#[..])
        .with_schema_version(3);
    add(&[("order-1", placed.clone())]);
    add(&[
        ("order-2", NewEvent::new("Placed", &b""[..]).at(Timestamp::MIN)),
        ("order-1", NewEvent::new("Packed", &[0, 255, 7][..]).at(Timestamp::MAX)),
        ("../x", NewEvent::new("T", &b"plain"[..]).with_tag("shop:7")),
    ]);
    for content_type in [ContentType::TEXT, ContentType::CBOR, ContentType::from_code(200)] {
        let mut event = NewEvent::new("Typed", &b"typed"[..]);
        event.content_type = content_type;
        add(&[("a\0b", event)]);
    }
    let many: Vec<_> = (0..20).map(|number| ("many", NewEvent::new("N", vec![b'a'; number]))).collect();
    add(&many);
    let large = NewEvent::new("Large", vec![b'x'; 16_150]).with_tag("large");
    if kind != "killed" {
        add(&[("large", large.clone())]);
    }
    add(&[("order-2", NewEvent::json("Paid", "{}").with_id(Uuid::from_u128(7)))]);
    add(&many[..3]);
    if kind != "killed" {
        add(&[("large", large)]);
        add(&[("order-3", NewEvent::json("Placed", "{}")), ("a\0b", NewEvent::new("T", &b""[..]))]);
    }
    batches
}

/// Every event with everything that it has, in lines.
fn listing(store: &Store) -> Vec<String> {
    let view = store.view();
    let lines = view.read(Query::all()).unwrap().map(|event| {
        let event = event.unwrap().to_event();
        let (data, metadata) = (event.data().unwrap(), event.metadata().unwrap());
        format!(
            "{} {:?} {} {:?} recorded={} occurred={} id={} tags={:?} schema={} content={} metadata={} data={}",
            event.position,
            event.stream,
            event.version,
            event.event_type,
            event.recorded_at.as_nanos(),
            event.occurred_at.as_nanos(),
            event.id,
            event.tags,
            event.schema_version,
            event.content_type.code(),
            metadata.escape_ascii(),
            if data.len() > 100 {
                format!("{} times {}", data.len(), data[..1].escape_ascii())
            } else {
                data.escape_ascii().to_string()
            }
        )
    });
    lines.collect()
}

impl Golden {
    fn name(&self) -> String {
        format!("v{}/{}", self.version, self.kind)
    }

    fn path(&self) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(self.name())
    }

    fn wanted(&self) -> Vec<String> {
        let listing = fs::read_to_string(self.path().with_extension("listing")).unwrap();
        listing.lines().map(str::to_owned).collect()
    }

    /// A copy, since opening changes files.
    fn copied(&self) -> (TempDir, PathBuf) {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("store");
        copy(&self.path(), &path);
        (place, path)
    }
}

fn open(path: &Path) -> Result<Store, OpenError> {
    Options::new().create(false).open(path)
}

#[test]
fn stores_of_every_version_are_read_verified_and_appended_to() {
    for golden in STORES {
        let name = golden.name();
        let (_place, path) = golden.copied();
        let wanted = golden.wanted();
        assert_eq!(wanted.len(), golden.events);
        assert_eq!(findings(&path), Vec::<String>::new(), "{name}");
        assert_eq!(outdated_runs(&path), if golden.version == 1 { golden.runs } else { 0 }, "{name}");
        let reader = Options::new().read_only(true).open(&path).unwrap();
        assert_eq!(listing(&reader), wanted, "{name}");
        assert_eq!(reader.recovery().clean, golden.kind != "killed");
        drop(reader);
        let store = open(&path).unwrap();
        assert_eq!(listing(&store), wanted, "{name}");
        let stats = store.stats().unwrap();
        // Runs of version 1 are not read. The background worker may have made some of them again by now.
        let runs = stats.runs + stats.runs_missing;
        assert_eq!(
            (stats.format_version, stats.segments, runs, stats.segment_bytes),
            (annals_format::FORMAT_VERSION, golden.segments, golden.runs as u64, 16 << 10)
        );
        check_lookups(&store, &wanted, &golden);
        (0..20).for_each(|_| _ = append(&store, "new", 3_000));
        store.maintain().unwrap();
        store.close().unwrap();
        assert_eq!(outdated_runs(&path), 0, "{name}");
        let store = open(&path).unwrap();
        assert_eq!(listing(&store)[..golden.events], wanted);
        assert_eq!(store.view().stream("new").unwrap().unwrap().events, 20);
        drop(store);
        assert_eq!(findings(&path), Vec::<String>::new(), "{name}");
    }
}

/// How many runs `verify` notes to be of an older version.
fn outdated_runs(path: &Path) -> usize {
    let notes = annals::verify(path, &mut |_| {}).unwrap().notes;
    notes.iter().filter(|note| note.contains(".run is of an older version of the format")).count()
}

fn check_lookups(store: &Store, wanted: &[String], golden: &Golden) {
    let view = store.view();
    assert_eq!(view.read(Query::all().tagged("shop:7")).unwrap().count(), 2);
    assert_eq!(view.read(Query::all().tagged("large")).unwrap().count() as u64, golden.segments / 2);
    assert_eq!(view.read(Query::stream("order-1")).unwrap().count(), 3);
    let removed = if ["compacted", "compressed"].contains(&golden.kind) { 9 } else { 0 };
    assert_eq!(view.stream("many").unwrap().unwrap().events, 23 - removed);
    assert_eq!(view.floor("many").unwrap().get(), 1 + removed);
    assert_eq!(view.event(Uuid::from_u128(7)).unwrap().unwrap().stream, "order-2");
    for line in wanted {
        let id = line.split("id=").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap();
        let position = line.split(' ').next().unwrap();
        assert_eq!(view.event(id).unwrap().unwrap().position.to_string(), position, "{line}");
    }
}

/// The files of a directory; none if it is not there, for empty ones are not kept in a repository.
fn files(path: &Path, directory: &str) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(path.join(directory)) else { return Vec::new() };
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

fn flip(path: &Path, offset: usize) {
    let mut bytes = fs::read(path).unwrap();
    bytes[offset] ^= 0x10;
    fs::write(path, bytes).unwrap();
}

#[test]
fn without_its_index_a_store_of_any_version_says_the_same() {
    for golden in STORES {
        let runs = files(&golden.path(), "index").len();
        assert_eq!(runs, golden.runs, "{}", golden.name());
        for damage in [|run: &Path| fs::remove_file(run).unwrap(), |run: &Path| flip(run, 100)] {
            for number in 0..runs {
                let (_place, path) = golden.copied();
                damage(&files(&path, "index")[number]);
                let store = open(&path).unwrap();
                assert_eq!(listing(&store), golden.wanted());
                check_lookups(&store, &golden.wanted(), &golden);
            }
        }
    }
}

/// A byte in each stretch of manifest and segments: the same events, or an error; never others, never fewer.
#[test]
fn damage_to_a_store_of_any_version_is_an_error_or_changes_nothing() {
    for golden in STORES {
        let (wanted, kind) = (golden.wanted(), golden.kind);
        let (place, path) = golden.copied();
        let damaged = place.path().join("damaged");
        let mut errors = 0;
        for file in files(&path, "log").into_iter().chain([path.join("MANIFEST")]) {
            let name = file.strip_prefix(&path).unwrap();
            let length = fs::metadata(&file).unwrap().len() as usize;
            for offset in (0..length).step_by(if length > 2_000 { golden.stride } else { 29 }) {
                copy(&path, &damaged);
                flip(&damaged.join(name), offset);
                errors += usize::from(damaged_says(&damaged, &wanted, kind));
                fs::remove_dir_all(&damaged).unwrap();
            }
        }
        assert!(errors > 20, "{}: only {errors} errors", golden.name());
    }
}

/// Says whether there was an error.
fn damaged_says(path: &Path, wanted: &[String], kind: &str) -> bool {
    let store = match Options::new().read_only(true).open(path) {
        Ok(store) => store,
        Err(error) => {
            assert!(error.is_corruption() || matches!(error, OpenError::NotAStore { .. }), "{error:?}");
            return true;
        }
    };
    let view = store.view();
    let events: Vec<_> = view.read(Query::all()).unwrap().collect();
    let failed = events.iter().any(|event| !event.as_ref().is_ok_and(|event| event.plain().is_ok()));
    if failed {
        assert!(!findings(path).is_empty());
        return true;
    }
    let found = listing(&store);
    // What nothing proves to be durable may be a torn tail: the last batch of a store that was not closed.
    let least = if kind != "killed" { wanted.len() } else { wanted.len() - 1 };
    assert!(found.len() >= least && *found == wanted[..found.len()], "{} events", found.len());
    false
}

#[test]
fn files_of_a_later_version_are_refused_by_their_version() {
    for golden in STORES {
        let (_place, path) = golden.copied();
        let wanted = golden.wanted();
        let manifest = path.join("MANIFEST");
        for file in files(&path, "log").into_iter().chain([manifest]) {
            let before = fs::read(&file).unwrap();
            if before[..8] == [0; 8] {
                continue;
            }
            fs::write(&file, of_version(&before, LATER)).unwrap();
            let opened = Options::new().read_only(true).open(&path);
            let said = match opened {
                // The header of a sealed segment is not needed to read it: its records say themselves what they are.
                Ok(store) => {
                    assert_eq!(listing(&store), wanted, "{}", file.display());
                    format!("{:?}", findings(&path))
                }
                Err(error) => error.to_string(),
            };
            assert!(said.contains(&format!("version {LATER}")), "{}: {said}", file.display());
            assert_eq!(fs::read(&file).unwrap(), of_version(&before, LATER), "it was changed");
            fs::write(&file, before).unwrap();
        }
        for run in files(&path, "index") {
            fs::write(&run, of_version(&fs::read(&run).unwrap(), LATER)).unwrap();
        }
        let store = open(&path).unwrap();
        assert_eq!(listing(&store), wanted, "what is derived is made again");
        check_lookups(&store, &wanted, &golden);
    }
}

/// The same file with another version in its header, under a right checksum. All headers have the version at 8 and
/// the checksum of the rest at 12; of a manifest the rest is the whole file, of others their 64 bytes of header.
fn of_version(bytes: &[u8], version: u8) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes[8] = version;
    let length = if bytes.starts_with(b"ANNALMAN") { bytes.len() } else { 64 };
    let mut crc = !0_u32;
    for byte in bytes[..12].iter().chain(&bytes[16..length]) {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ 0xEDB8_8320 } else { crc >> 1 };
        }
    }
    bytes[12..16].copy_from_slice(&(!crc).to_le_bytes());
    bytes
}
