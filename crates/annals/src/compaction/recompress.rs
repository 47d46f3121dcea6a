//! Segments that are not stored as they are to be.

use crate::error::ReadError;
use crate::view::View;
use annals_compaction::{Action, Kept, Plan};
use annals_types::Compression;

/// Has those segments written anew of which nothing goes, or too little, and which are stored otherwise than with this compression. What
/// is hidden in them stays.
pub(super) fn recompress(view: &View, compression: Compression, plan: &mut Plan) -> Result<(), ReadError> {
    let compressed = compression != Compression::None;
    let mut segments = view.parts.segments_up_to(view.position()).map(|(segment, ..)| segment);
    for planned in &mut plan.segments {
        let Some(segment) = segments.find(|segment| segment.id() == planned.figures.segment_id) else {
            break;
        };
        let stays = matches!(planned.action, Action::Keep(Kept::NothingGoes | Kept::TooLittle));
        if stays && segment.is_compressed()? != compressed {
            planned.action = Action::Rewrite;
        }
    }
    Ok(())
}
