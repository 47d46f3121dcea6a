//! The suite of damaged stores: small stores of every shape, with bits flipped, blocks, records, frames and files lost,
//! replaced, swapped, cut, with absurd numbers under right checksums. Whatever is done to a store, what it says is exactly
//! what was written, or an error that names the file; never a panic, a hang, or more memory than there should be. A repair of
//! it keeps what is whole, invents nothing, and leaves the original as it is. Every eighth case is of a store that was
//! compacted, or of a backup or a restored copy of one, or in which a compaction or an erasure was interrupted: what was removed there
//! does not come back, and what is damaged is not taken for removed. Each of these is repaired.
//!
//! There is a case for every number. The first ones are spread over all kinds; the more are run, the more of all that can
//! be done is done.

mod allowed;
mod answers;
mod bytes;
mod cases;
mod check;
mod compacted;
mod fields;
mod kinds;
mod layout;
mod rebuilt;
mod removed;
mod repaired;
mod seal;
mod specimen;
mod states;
mod witness;

use crate::dice::Dice;
use crate::suite::{Failure, Suite};
use cases::Cases;
use check::check;
use compacted::compacted;
use specimen::specimens;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// The most memory that a case may take at once. The stores have less than a megabyte, and there are several copies of
/// each at a time; what the engine itself may take is 64 MiB.
const MEMORY_MAX: u64 = 80 << 20;

/// Once in so many cases a store is repaired that opens all the same. One that is refused always is, and one that was compacted.
const REPAIRED_IN: u64 = 4;

/// The suite of damaged stores.
#[derive(Clone, Copy, Debug, Default)]
pub struct Damage;

/// Every so many cases one is of a store of which events were removed. The others are not numbered anew by that.
const REMOVED_EVERY: u64 = 8;

static CASES: LazyLock<Result<Cases, Failure>> = LazyLock::new(|| Cases::of(specimens()?));
static CASES_REMOVED: LazyLock<Result<Cases, Failure>> = LazyLock::new(|| Cases::of(compacted()?));

/// The most memory that any case has taken at once.
static PEAK: AtomicU64 = AtomicU64::new(0);

impl Suite for Damage {
    fn name(&self) -> &'static str {
        "damage"
    }

    fn unit(&self) -> &'static str {
        "damaged stores"
    }

    fn cases(&self) -> Option<u64> {
        None
    }

    fn run(&self, case: u64) -> Result<u64, Failure> {
        let (cases, number) = match case % REMOVED_EVERY == REMOVED_EVERY - 1 {
            true => (&CASES_REMOVED, case / REMOVED_EVERY),
            false => (&CASES, case - case / REMOVED_EVERY),
        };
        let (specimen, damaged) = cases.as_ref().map_err(Clone::clone)?.case(number);
        let repaired = specimen.removed.is_some() || Dice::new(case).fork(1).one_in(REPAIRED_IN);
        let mut result = Ok(Ok(()));
        let taken = allocation_counter::measure(|| {
            // The counter must see the end of a case that panics, too.
            result = catch_unwind(AssertUnwindSafe(|| check(specimen, &damaged, repaired)));
        });
        PEAK.fetch_max(taken.bytes_max, Ordering::SeqCst);
        let result = result.unwrap_or_else(|panic| resume_unwind(panic));
        let result = match taken.bytes_max > MEMORY_MAX {
            true => Err(Failure::new(format!("{} bytes of memory at once", taken.bytes_max))),
            false => result,
        };
        let what = || format!("{}; {}", specimen.name, damaged.what.join("; "));
        result.map(|()| 1).map_err(|failure| Failure::new(format!("{}: {failure}", what())))
    }

    fn note(&self) -> Option<String> {
        Some(format!("at most {} KiB of memory in one case", PEAK.load(Ordering::SeqCst) >> 10))
    }
}
