//! What may go of each segment, for a plan.

use super::handle::Retention;
use crate::compaction::survey;
use crate::error::ReadError;
use annals_compaction::{Plan, PlanOptions};

impl Retention {
    /// Options for [`Retention::plan`] as they fit this store.
    #[must_use]
    pub fn plan_options(&self) -> PlanOptions {
        PlanOptions::new(self.store.shared().segment_bytes)
    }

    /// Plans which segments would be dropped, rewritten or merged by the rules as they stand, minding the
    /// [guards](crate::Store::guards) of the store. Nothing is done.
    ///
    /// All events are read for it. The last event of a stream stays, as what is left of it has to tell its version; those of a stream
    /// whose name is closed may all go.
    ///
    /// ```
    /// # let directory = tempfile::tempdir()?;
    /// # let store = annals::Store::open(directory.path().join("store"))?;
    /// use annals::{Action, Kept};
    /// let retention = store.retention();
    /// store.append("a", annals::Expected::Any, &[annals::NewEvent::json("t", "1")])?;
    /// let plan = retention.plan(&retention.plan_options().all(true))?;
    /// assert_eq!(plan.segments[0].action, Action::Keep(Kept::NotSealed));
    /// assert!(plan.is_empty());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`ReadError`] says.
    pub fn plan(&self, options: &PlanOptions) -> Result<Plan, ReadError> {
        let core = self.store.shared();
        let view = self.store.view();
        let guards = core.guards.minded(&view)?;
        let options = guards.into_iter().fold(options.clone(), PlanOptions::guard);
        survey(&view, core.segment_bytes, &options).map(|surveyed| surveyed.plan)
    }
}
