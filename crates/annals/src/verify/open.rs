//! The part of `verify` that is about segments without a footer: they are read as opening would read them.

use super::Verification;
use crate::error::OpenError;
use annals_format::{CleanMark, Manifest, names};
use annals_types::Timestamp;
use annals_vfs::{Access, Disk, Env};
use annals_wal::{Case, Mode, RecoveryInput, recover};

/// How long the open segments are; what is missing is found by who reads them.
pub(crate) fn open_bytes(disk: &dyn Disk, manifest: &Manifest) -> u64 {
    let length = |name: String| disk.open(&name, Access::Read).and_then(|file| file.length());
    let lengths = manifest.open.iter().filter_map(|segment| length(names::segment(segment.id)).ok());
    lengths.fold(0, u64::saturating_add)
}

/// The open segments, as opening would read them.
pub(crate) fn check_open(
    env: &Env,
    manifest: &Manifest,
    last_recorded: Timestamp,
    found: &mut Verification,
) -> Result<(), OpenError> {
    let input = RecoveryInput {
        store_id: &manifest.store_id,
        open: &manifest.open,
        next: manifest.sealed_end(),
        durable: manifest.durable,
        last_recorded,
        segment_bytes: manifest.segment_bytes,
        // Look behind the end even after a close in good order: every byte is to be read.
        clean: None::<CleanMark>,
    };
    let recovered = recover(&*env.disk, Mode::Observe, &input, &mut |_, event| {
        found.count(&event);
        Ok(())
    });
    found.bytes += open_bytes(&*env.disk, manifest);
    let Some(recovered) = found.keep(recovered)? else { return Ok(()) };
    found.segments += recovered.segments.len() as u64;
    for finding in &recovered.findings {
        let name = names::segment(finding.segment_id);
        let clean = manifest.clean
            == Some(CleanMark { segment_id: finding.segment_id, frames_end: finding.frames_end });
        match (finding.case, &finding.torn) {
            (Case::TornTail, Some(torn)) if clean => found.corrupt(torn.clone().in_file(name)),
            (Case::TornTail, Some(torn)) => {
                found.notes.push(format!("{name}: torn tail, normal after a crash ({torn})"));
            }
            (Case::FalseStart, _) => {
                found.notes.push(format!("{name}: begun and not used, normal after a crash"))
            }
            _ => {}
        }
    }
    Ok(())
}
