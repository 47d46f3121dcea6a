//! Looking into one file, without its store.

use crate::error::OpenError;
use crate::verify::Finding;
use annals_format::run::{RUN_HEADER_BYTES, RUN_TRAILER_BYTES, RunHeader, RunTrailer, page_table_checksum};
use annals_format::{
    FOOTER_TRAILER_BYTES, Footer, FormatError, Manifest, PAGE_BYTES, SEGMENT_HEADER_BYTES, SegmentHeader,
    page_checksums,
};
use annals_types::{Position, Timestamp, Uuid};
use annals_vfs::{Access, Disk, Env, File, RealDisk, read_up_to};
use annals_wal::{Step, scan_mapped};
use std::io;
use std::path::Path;
use std::sync::Arc;

/// What a file says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inspection {
    /// `segment`, `run` or `manifest`.
    pub kind: &'static str,
    /// What its header, footer or sections say.
    pub facts: Vec<(&'static str, String)>,
    /// The frames of a segment.
    pub frames: Vec<InspectedFrame>,
    /// What is wrong in it.
    pub findings: Vec<Finding>,
}

/// One frame of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InspectedFrame {
    /// Where it begins.
    pub offset: u64,
    /// Its length in bytes.
    pub length: u64,
    /// Position of its first event.
    pub first_position: Position,
    /// How many events it has; 0 if it only says what is durable.
    pub records: u32,
    /// The durable position known when it was written.
    pub durable: Position,
    /// When the store took it.
    pub recorded_at: Timestamp,
}

/// Looks into a segment, a run or a manifest.
///
/// ```
/// # let directory = tempfile::tempdir()?;
/// # let path = directory.path().join("store");
/// use annals::{Expected, NewEvent, Store, inspect};
/// let store = Store::open(&path)?;
/// store.append("account-7", Expected::NoStream, &[NewEvent::json("opened", "{}")])?;
/// store.close()?;
///
/// let segment = inspect(path.join("log/000000000001.seg"))?;
/// assert_eq!((segment.kind, segment.frames[0].records), ("segment", 1));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`OpenError::NotFound`], [`OpenError::Newer`], [`OpenError::NotAStore`] if the file is none of these, and what the
/// system says.
pub fn inspect(file: impl AsRef<Path>) -> Result<Inspection, OpenError> {
    let path = file.as_ref();
    let not_found = || OpenError::NotFound { path: path.to_owned() };
    let name = path.file_name().and_then(|name| name.to_str()).ok_or_else(not_found)?;
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    inspect_on(RealDisk::open(parent).and_then(|disk| disk.open(name, Access::Read)), name, path)
}

/// As [`inspect`], a file of a store on a disk of the caller's own, such as a simulated one. `file` is its name within
/// the store, such as `log/000000000001.seg`.
///
/// # Errors
/// As [`inspect`].
pub fn inspect_in(env: &Env, file: &str) -> Result<Inspection, OpenError> {
    inspect_on(env.disk.open(file, Access::Read), file, Path::new(file))
}

fn inspect_on(file: io::Result<Arc<dyn File>>, name: &str, path: &Path) -> Result<Inspection, OpenError> {
    let bytes = file.and_then(|file| whole(&*file));
    let bytes = bytes.map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => OpenError::NotFound { path: path.to_owned() },
        _ => OpenError::Io { what: format!("read {}", path.display()), source: error },
    })?;
    let inspector = Inspector { name, bytes: &bytes };
    match inspector.bytes.first_chunk::<8>() {
        Some(b"ANNALSEG") => inspector.segment(),
        Some(b"ANNALRUN") => inspector.run(),
        Some(b"ANNALMAN") => inspector.manifest(),
        _ => {
            let reason = "the file begins with the magic number of no segment, run or manifest".into();
            Err(OpenError::NotAStore { path: path.to_owned(), reason })
        }
    }
}

/// Reads a file. Not through a mapping: its store may be open, and cut it meanwhile.
fn whole(file: &dyn File) -> io::Result<Vec<u8>> {
    let length = usize::try_from(file.length()?).map_err(|_| io::ErrorKind::OutOfMemory)?;
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(length).map_err(|_| io::ErrorKind::OutOfMemory)?;
    bytes.resize(length, 0);
    let read = read_up_to(file, &mut bytes, 0)?;
    bytes.truncate(read);
    Ok(bytes)
}

struct Inspector<'a> {
    name: &'a str,
    bytes: &'a [u8],
}

impl Inspector<'_> {
    fn finding(&self, offset: Option<u64>, what: impl Into<String>) -> Finding {
        Finding { file: self.name.into(), offset, what: what.into() }
    }

    /// A newer version is an error; damage is a finding.
    fn check<T>(
        &self,
        result: Result<T, FormatError>,
        findings: &mut Vec<Finding>,
    ) -> Result<Option<T>, OpenError> {
        match result {
            Ok(value) => Ok(Some(value)),
            Err(error @ FormatError::Newer { .. }) => Err(OpenError::format(self.name, error)),
            Err(FormatError::Damaged(damage)) => {
                findings.push(self.finding(Some(damage.offset), damage.to_string()));
                Ok(None)
            }
            Err(error) => {
                findings.push(self.finding(None, error.to_string()));
                Ok(None)
            }
        }
    }

    fn segment(&self) -> Result<Inspection, OpenError> {
        let mut out = Inspection { kind: "segment", ..Inspection::default() };
        let Some(header) = self.bytes.first_chunk::<SEGMENT_HEADER_BYTES>() else {
            out.findings.push(self.finding(Some(0), "no room for a segment header"));
            return Ok(out);
        };
        let Some(header) = self.check(SegmentHeader::decode(header), &mut out.findings)? else {
            return Ok(out);
        };
        out.facts = vec![
            ("store_id", Uuid::from_bytes(header.store_id).to_string()),
            ("segment_id", header.segment_id.to_string()),
            ("first_position", header.first_position.to_string()),
            ("salt", format!("{:016x}", header.salt)),
            ("length", self.bytes.len().to_string()),
        ];
        let binding = header.binding();
        let length = self.bytes.len() as u64;
        let footer = self.bytes.last_chunk::<FOOTER_TRAILER_BYTES>();
        let footer = footer.and_then(|trailer| Footer::decode_trailer(trailer, binding, length).ok());
        let mut end = self.bytes.len();
        out.facts.push(("sealed", footer.is_some().to_string()));
        if let Some(footer) = footer {
            end = usize::try_from(footer.frames_end).unwrap_or(end).min(end);
            out.facts.push(("events", footer.count.to_string()));
            out.facts.push(("frames_end", footer.frames_end.to_string()));
            if let Err(damage) = footer.check_tables(&self.bytes[end..]) {
                out.findings.push(self.finding(Some(damage.offset), damage.to_string()));
            }
        }
        let Inspection { frames, findings, .. } = &mut out;
        scan_mapped(&self.bytes[..end], binding, |step| match step {
            Step::Frame { offset, header } => frames.push(InspectedFrame {
                offset,
                length: header.length,
                first_position: header.first_position,
                records: header.record_count,
                durable: header.durable,
                recorded_at: header.recorded_at,
            }),
            Step::Damaged { damage, .. } => {
                findings.push(self.finding(Some(damage.offset), damage.to_string()))
            }
            Step::Record { .. } | Step::Blank { .. } => {}
        });
        Ok(out)
    }

    fn run(&self) -> Result<Inspection, OpenError> {
        let mut out = Inspection { kind: "run", ..Inspection::default() };
        let (Some(header), Some(trailer)) =
            (self.bytes.first_chunk::<RUN_HEADER_BYTES>(), self.bytes.last_chunk::<RUN_TRAILER_BYTES>())
        else {
            out.findings.push(self.finding(Some(0), "no room for header and trailer of a run"));
            return Ok(out);
        };
        if let Some(header) = self.check(RunHeader::decode(header), &mut out.findings)? {
            out.facts.push(("store_id", Uuid::from_bytes(header.store_id).to_string()));
            out.facts.push(("run_id", header.run_id.to_string()));
        }
        let trailer = RunTrailer::decode(trailer, self.bytes.len() as u64);
        if let Some(trailer) = self.check(trailer, &mut out.findings)? {
            let [streams, categories, types, tags] = trailer.terms;
            out.facts.extend([
                ("first_position", trailer.first_position.to_string()),
                ("events", trailer.count.to_string()),
                ("streams", streams.to_string()),
                ("categories", categories.to_string()),
                ("types", types.to_string()),
                ("tags", tags.to_string()),
                ("length", self.bytes.len().to_string()),
                ("dictionary_bytes", trailer.dictionary_length.to_string()),
            ]);
            self.check_pages(&trailer, &mut out.findings);
        }
        Ok(out)
    }

    fn check_pages(&self, trailer: &RunTrailer, findings: &mut Vec<Finding>) {
        let (table, end) = (trailer.parts().page_table, trailer.parts().trailer.start);
        let at = |offset: u64| usize::try_from(offset).unwrap_or(usize::MAX);
        let (covered, sums) =
            (self.bytes.get(..at(table.start)), self.bytes.get(at(table.start)..at(table.end)));
        let (sums, _) = sums.unwrap_or_default().as_chunks::<4>();
        // Zeros up to the trailer are under the checksum, too.
        let whole = self.bytes.get(at(table.start)..at(end)).unwrap_or_default();
        if trailer.pages_checksum != page_table_checksum(whole) {
            findings.push(self.finding(Some(table.start), "checksum of the page table"));
        }
        let pages = page_checksums(covered.unwrap_or_default()).zip(sums).enumerate();
        for (page, (found, expected)) in pages {
            if found.to_le_bytes() != *expected {
                findings.push(self.finding(Some((page * PAGE_BYTES) as u64), "checksum of a page"));
            }
        }
    }

    fn manifest(&self) -> Result<Inspection, OpenError> {
        let mut out = Inspection { kind: "manifest", ..Inspection::default() };
        let Some(manifest) = self.check(Manifest::decode(self.bytes), &mut out.findings)? else {
            return Ok(out);
        };
        let ids = |ids: Vec<u64>| ids.iter().map(u64::to_string).collect::<Vec<_>>().join(" ");
        out.facts = vec![
            ("store_id", Uuid::from_bytes(manifest.store_id).to_string()),
            ("generation", manifest.generation.to_string()),
            ("segment_bytes", manifest.segment_bytes.to_string()),
            ("durable", manifest.durable.to_string()),
            ("next_file_id", manifest.next_file_id.to_string()),
            ("closed_in_good_order", manifest.clean.is_some().to_string()),
            ("sealed_segments", ids(manifest.sealed.iter().map(|segment| segment.id).collect())),
            ("open_segments", ids(manifest.open.iter().map(|segment| segment.id).collect())),
            ("runs", ids(manifest.runs.iter().map(|run| run.id).collect())),
        ];
        Ok(out)
    }
}
