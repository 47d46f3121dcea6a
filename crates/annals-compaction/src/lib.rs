//! What may go: rules of retention, and the plan that carries them out.
//!
//! Pure values and functions. [`RetentionRule`] says what may go of which [`RetentionScope`], [`effective`] what holds for one stream;
//! [`plan`] takes what is known of the segments of a log, and says which of them are dropped, rewritten, merged or left alone. Who asks
//! has measured them; who carries the plan out writes files. Neither is done here: no file, no clock.

mod plan;
mod policy;

pub use plan::{
    Action, Guard, Kept, Plan, PlanOptions, PlannedSegment, SegmentFigures, Share, ShareOutOfRange, plan,
};
pub use policy::{
    Effective, InScope, MaxAge, RetentionRule, RetentionScope, RuleError, SYSTEM_PREFIX, ScopeKind, Setting,
    effective,
};
