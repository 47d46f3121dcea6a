//! Comparing a run with an index made from the log.

use super::Verification;
use annals_format::Damage;
use annals_index::{MemoryIndex, Postings, Run, TermKind};
use annals_types::Position;

const PAGE: usize = 1024;
const KINDS: [TermKind; 4] = [TermKind::Stream, TermKind::Category, TermKind::Type, TermKind::Tag];

/// Compares every term and its positions. `index` was made from the segment that the run is about.
pub(crate) fn check_run(name: &str, run: &Run, index: &MemoryIndex, found: &mut Verification) {
    for kind in KINDS {
        match compare(kind, run, index) {
            Ok(None) => {}
            Ok(Some(what)) => found.finding(name, None, what),
            Err(damage) => found.finding(name, Some(damage.offset), damage.to_string()),
        }
    }
    if run.id_count() != index.id_count() {
        let what = format!("{} ids, and the log has {}", run.id_count(), index.id_count());
        found.finding(name, None, what);
    }
}

/// The first difference between the terms of a kind.
fn compare(kind: TermKind, run: &Run, index: &MemoryIndex) -> Result<Option<String>, Damage> {
    let ours = index.terms(kind, "", None, usize::MAX);
    let mut after: Option<&str> = None;
    for page in ours.chunks(PAGE) {
        let theirs = run.terms(kind, "", after, PAGE)?;
        for ((our_name, ours), (their_name, theirs)) in page.iter().zip(&theirs) {
            if our_name != their_name {
                return Ok(Some(format!("{kind:?} {their_name:?} stands where the log has {our_name:?}")));
            }
            if !same_positions(run, index, ours, theirs)? {
                return Ok(Some(format!("the positions of {kind:?} {our_name:?} are not the log's")));
            }
        }
        after = page.last().map(|(name, _)| name.as_str());
    }
    if run.term_count(kind) != index.term_count(kind) {
        return Ok(Some(format!("the number of terms ({kind:?}) is not the log's")));
    }
    Ok(None)
}

fn same_positions(
    run: &Run,
    index: &MemoryIndex,
    ours: &Postings,
    theirs: &Postings,
) -> Result<bool, Damage> {
    if ours.count() != theirs.count() || ours.first_version() != theirs.first_version() {
        return Ok(false);
    }
    let (mut mine, mut other): (Vec<Position>, Vec<Position>) = (Vec::new(), Vec::new());
    let mut from = 0;
    while from < ours.count() {
        mine.clear();
        other.clear();
        index.positions(ours, from, PAGE, &mut mine);
        run.positions(theirs, from, PAGE, &mut other)?;
        if mine != other {
            return Ok(false);
        }
        from += PAGE as u64;
    }
    Ok(true)
}
