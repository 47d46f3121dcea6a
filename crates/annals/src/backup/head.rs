//! The beginning of a segment of which events were removed, or in front of which a whole one was, as a segment of its own.
//!
//! Where a restore cuts a segment, its frames up to the cut become an open one. In an open one no position may be missing, and none in
//! front of it, so where some are, what lies before the cut is written anew as compaction would: the same number, the next edition, a salt
//! of its own.

use super::Look;
use super::error::BackupError;
use super::files::Copier;
use annals_format::{SealedSegment, names};
use annals_types::Compression;
use annals_vfs::Env;
use annals_wal::{Choice, Rewrite, RewriteTarget};
use std::sync::Arc;

/// What there is of a segment up to a position.
pub(super) enum Head {
    /// Another file has its place by now.
    Gone,
    /// No batch of it ends there or before.
    Nothing,
    Written(SealedSegment),
}

/// Writes what a sealed segment has up to the position of the look, in whole batches.
pub(super) fn write_head(
    to: &Env,
    look: &Look,
    entry: &SealedSegment,
    copier: &mut Copier<'_>,
) -> Result<Head, BackupError> {
    let segment = look.parts.segments.iter().find(|segment| segment.sealed_entry() == Some(entry));
    let Some(segment) = segment else { return Ok(Head::Gone) };
    let mut salt = [0; 8];
    to.random.fill(&mut salt).map_err(BackupError::io("get random bytes"))?;
    let target = RewriteTarget {
        store_id: look.manifest.store_id,
        id: entry.id,
        salt: u64::from_le_bytes(salt),
        edition: entry.edition().saturating_add(1),
        compaction: entry.rewritten.map_or(0, |rewritten| rewritten.compaction),
        compression: if segment.is_compressed()? { Compression::Lz4 } else { Compression::None },
    };
    copier.begin(&names::edition(target.id, target.edition))?;
    let rewrite = Rewrite::begin(&*to.disk, target, vec![Arc::clone(segment)])?;
    let mut rewrite = rewrite.up_to(look.position);
    while rewrite.step(&mut |_| Ok(Choice::Keep))?.goes_on {}
    let Some(head) = rewrite.finish()? else { return Ok(Head::Nothing) };
    copier.counts.copied.add(head.length);
    Ok(Head::Written(head))
}
