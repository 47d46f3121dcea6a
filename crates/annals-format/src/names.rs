//! Every file name of a store, made and parsed here and nowhere else.
//!
//! Segments and runs are numbered in the order in which they were made, so their names sort in the order
//! of the positions that they hold. A segment that compaction writes anew keeps the number and is another edition.

/// The list of live files.
pub const MANIFEST: &str = "MANIFEST";
/// What [`MANIFEST`] is written as before it takes its name.
pub const MANIFEST_TEMPORARY: &str = "MANIFEST.tmp";
/// The file whose lock says that a process has the store open for writing.
pub const LOCK: &str = "LOCK";
/// The file that is there while a repair writes the store, so that what it leaves when it is interrupted is not taken
/// for one.
pub const REPAIR: &str = "REPAIR";
/// The file that makes a directory the backup of a store, see [`BackupMark`](crate::BackupMark).
pub const BACKUP: &str = "BACKUP";
/// What [`BACKUP`] is written as before it takes its name.
pub const BACKUP_TEMPORARY: &str = "BACKUP.tmp";
/// The file that is there while a backup is restored to the directory, so that what is left of it when it is interrupted
/// is not taken for a store.
pub const RESTORE: &str = "RESTORE";
/// The directory of segments.
pub const LOG_DIR: &str = "log";
/// The directory of runs.
pub const INDEX_DIR: &str = "index";
/// The directory of snapshots.
pub const SNAPSHOT_DIR: &str = "snapshots";

/// The path of a segment.
///
/// ```
/// assert_eq!(annals_format::names::segment(7), "log/000000000007.seg");
/// ```
#[must_use]
pub fn segment(id: u64) -> String {
    format!("{LOG_DIR}/{id:012}.seg")
}

/// The path of an edition of a segment: 0 is the one that was appended to.
///
/// ```
/// assert_eq!(annals_format::names::edition(7, 0), "log/000000000007.seg");
/// assert_eq!(annals_format::names::edition(7, 2), "log/000000000007.2.seg");
/// ```
#[must_use]
pub fn edition(id: u64, edition: u64) -> String {
    if edition == 0 { segment(id) } else { format!("{LOG_DIR}/{id:012}.{edition}.seg") }
}

/// The path of a run.
#[must_use]
pub fn run(id: u64) -> String {
    format!("{INDEX_DIR}/{id:012}.run")
}

/// The number of a segment, from its name within [`LOG_DIR`]; `None` if no segment is named so.
///
/// ```
/// use annals_format::names::parse_segment;
/// assert_eq!(parse_segment("000000000007.seg"), Some(7));
/// assert_eq!(parse_segment("7.seg"), None);
/// ```
#[must_use]
pub fn parse_segment(name: &str) -> Option<u64> {
    parse(name, ".seg")
}

/// The number and the edition of a segment, from its name within [`LOG_DIR`]; `None` if no segment is named so.
///
/// ```
/// use annals_format::names::parse_edition;
/// assert_eq!(parse_edition("000000000007.seg"), Some((7, 0)));
/// assert_eq!(parse_edition("000000000007.2.seg"), Some((7, 2)));
/// assert_eq!(parse_edition("000000000007.0.seg"), None);
/// ```
#[must_use]
pub fn parse_edition(name: &str) -> Option<(u64, u64)> {
    if let Some(id) = parse_segment(name) {
        return Some((id, 0));
    }
    let (id, edition) = parse_numbered(name, ".seg")?;
    (edition > 0).then_some((id, edition))
}

/// The number of a run, from its name within [`INDEX_DIR`]; `None` if no run is named so.
#[must_use]
pub fn parse_run(name: &str) -> Option<u64> {
    parse(name, ".run")
}

/// The path of a scratch file: the `number`-th that is needed while run `run_id` is written. It says nothing that
/// matters once it is closed, and is removed whenever it is found.
///
/// ```
/// assert_eq!(annals_format::names::scratch(7, 0), "index/000000000007.0.tmp");
/// ```
#[must_use]
pub fn scratch(run_id: u64, number: u64) -> String {
    format!("{INDEX_DIR}/{run_id:012}.{number}.tmp")
}

/// The number of the run that a scratch file belongs to, and its own, from its name within [`INDEX_DIR`]; `None` if no
/// scratch file is named so.
///
/// ```
/// use annals_format::names::parse_scratch;
/// assert_eq!(parse_scratch("000000000007.0.tmp"), Some((7, 0)));
/// assert_eq!(parse_scratch("000000000007.run"), None);
/// ```
#[must_use]
pub fn parse_scratch(name: &str) -> Option<(u64, u64)> {
    parse_numbered(name, ".tmp")
}

/// The path of a file of snapshots. These are numbered by themselves, in the order in which they were made.
///
/// ```
/// assert_eq!(annals_format::names::snapshots(7), "snapshots/000000000007.snap");
/// ```
#[must_use]
pub fn snapshots(id: u64) -> String {
    format!("{SNAPSHOT_DIR}/{id:012}.snap")
}

/// The path of a file of snapshots before it takes its name.
///
/// ```
/// assert_eq!(annals_format::names::snapshots_temporary(7), "snapshots/000000000007.tmp");
/// ```
#[must_use]
pub fn snapshots_temporary(id: u64) -> String {
    format!("{SNAPSHOT_DIR}/{id:012}.tmp")
}

/// The number of a file of snapshots, from its name within [`SNAPSHOT_DIR`]; `None` if none is named so.
///
/// ```
/// use annals_format::names::parse_snapshots;
/// assert_eq!(parse_snapshots("000000000007.snap"), Some(7));
/// assert_eq!(parse_snapshots("000000000007.tmp"), None);
/// ```
#[must_use]
pub fn parse_snapshots(name: &str) -> Option<u64> {
    parse(name, ".snap")
}

/// The number of a file of snapshots that has not taken its name, from its name within [`SNAPSHOT_DIR`]; `None` if none
/// is named so.
///
/// ```
/// use annals_format::names::parse_snapshots_temporary;
/// assert_eq!(parse_snapshots_temporary("000000000007.tmp"), Some(7));
/// ```
#[must_use]
pub fn parse_snapshots_temporary(name: &str) -> Option<u64> {
    parse(name, ".tmp")
}

/// A padded number, and one that is not, between two dots.
fn parse_numbered(name: &str, ending: &str) -> Option<(u64, u64)> {
    let (id, number) = name.strip_suffix(ending)?.split_once('.')?;
    let plain =
        number.bytes().all(|byte| byte.is_ascii_digit()) && (number == "0" || !number.starts_with('0'));
    if plain { Some((parse(id, "")?, number.parse().ok()?)) } else { None }
}

fn parse(name: &str, ending: &str) -> Option<u64> {
    let digits = name.strip_suffix(ending)?;
    let plain = digits.len() >= 12 && digits.bytes().all(|byte| byte.is_ascii_digit());
    let padded = digits.len() == 12 || !digits.starts_with('0');
    if plain && padded { digits.parse().ok() } else { None }
}
