//! Which segments are dropped, rewritten, merged or left alone.
//!
//! Decides and does nothing: the same figures and options give the same plan. What may go of a segment has been measured by who
//! asks, by the rules as they stand.

mod figures;
mod options;
mod planner;
#[cfg(test)]
mod tests;

pub use figures::{Action, Kept, Plan, PlannedSegment, SegmentFigures};
pub use options::{Guard, PlanOptions, Share, ShareOutOfRange};
pub use planner::plan;
