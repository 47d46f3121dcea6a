//! Running the cases of a suite on all cores, with a progress bar; panics and hangs are failures.

use crate::suite::{Failure, Suite};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use parking_lot::Mutex;
use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// A case that takes longer hangs. Cases take milliseconds.
const HANGS: Duration = Duration::from_secs(120);
/// How often the cases under way are looked at.
const LOOK: Duration = Duration::from_millis(100);

/// Which cases are run.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// The first case.
    pub first: u64,
    /// No more cases than this are run, if the suite has as many.
    pub cases: Option<u64>,
    /// No case is begun once so many units were checked.
    pub units: Option<u64>,
    /// Cases under way at once.
    pub jobs: usize,
    /// No case is begun once so many have failed.
    pub failures_max: usize,
    /// Whether a progress bar is shown, if standard error is a terminal.
    pub progress: bool,
}

impl Default for Plan {
    fn default() -> Self {
        let jobs = std::thread::available_parallelism().map_or(1, usize::from);
        Plan { first: 0, cases: None, units: None, jobs, failures_max: 10, progress: false }
    }
}

/// What came of it.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    /// Cases that were run.
    pub cases: u64,
    /// Units that were checked.
    pub units: u64,
    /// The cases that failed, by their numbers.
    pub failures: Vec<(u64, Failure)>,
    /// How long it took.
    pub took: Duration,
}

/// Runs the cases of a suite.
///
/// A case that hangs ends the process: its thread cannot be ended alone.
pub fn run(suite: &dyn Suite, plan: Plan) -> Summary {
    capture_panics();
    let begun = Instant::now();
    let end = match (suite.cases(), plan.cases) {
        (Some(there), Some(wanted)) => there.min(plan.first.saturating_add(wanted)),
        (Some(there), None) => there,
        (None, wanted) => plan.first.saturating_add(wanted.unwrap_or(u64::MAX)),
    };
    let run = Run {
        suite,
        plan,
        end,
        next: AtomicU64::new(plan.first),
        cases: AtomicU64::new(0),
        units: AtomicU64::new(0),
        working: AtomicUsize::new(plan.jobs.max(1)),
        under_way: (0..plan.jobs.max(1)).map(|_| Mutex::new(None)).collect(),
        failures: Mutex::default(),
        hung: AtomicBool::new(false),
        bar: bar(suite, plan, end),
    };
    std::thread::scope(|scope| {
        for slot in &run.under_way {
            scope.spawn(|| run.work(slot));
        }
        while run.working.load(Ordering::SeqCst) > 0 {
            std::thread::sleep(LOOK);
            run.look_for_hangs();
        }
    });
    run.bar.finish_and_clear();
    let mut failures = run.failures.into_inner();
    failures.sort_by_key(|(case, _)| *case);
    Summary { cases: run.cases.into_inner(), units: run.units.into_inner(), failures, took: begun.elapsed() }
}

type UnderWay = Mutex<Option<(u64, Instant)>>;

struct Run<'a> {
    suite: &'a dyn Suite,
    plan: Plan,
    end: u64,
    next: AtomicU64,
    cases: AtomicU64,
    units: AtomicU64,
    working: AtomicUsize,
    under_way: Vec<UnderWay>,
    failures: Mutex<Vec<(u64, Failure)>>,
    hung: AtomicBool,
    bar: ProgressBar,
}

impl Run<'_> {
    fn work(&self, slot: &UnderWay) {
        while let Some(case) = self.begin() {
            *slot.lock() = Some((case, Instant::now()));
            IN_CASE.set(true);
            let result = caught(|| self.suite.run(case));
            IN_CASE.set(false);
            *slot.lock() = None;
            self.cases.fetch_add(1, Ordering::SeqCst);
            match result {
                Ok(units) => {
                    self.units.fetch_add(units, Ordering::SeqCst);
                }
                Err(failure) => self.failures.lock().push((case, failure)),
            }
            let units = self.units.load(Ordering::SeqCst);
            self.bar.set_position(if self.plan.units.is_some() { units } else { self.cases() });
        }
        self.working.fetch_sub(1, Ordering::SeqCst);
    }

    fn cases(&self) -> u64 {
        self.cases.load(Ordering::SeqCst)
    }

    fn begin(&self) -> Option<u64> {
        let enough = self.plan.units.is_some_and(|units| self.units.load(Ordering::SeqCst) >= units);
        if enough || self.failures.lock().len() >= self.plan.failures_max {
            return None;
        }
        let case = self.next.fetch_add(1, Ordering::SeqCst);
        (case < self.end).then_some(case)
    }

    fn look_for_hangs(&self) {
        let hung = self.under_way.iter().filter_map(|slot| *slot.lock());
        for (case, since) in hung {
            if since.elapsed() > HANGS && !self.hung.swap(true, Ordering::SeqCst) {
                eprintln!("{}: case {case} hangs", self.suite.name());
                std::process::exit(1);
            }
        }
    }
}

fn bar(suite: &dyn Suite, plan: Plan, end: u64) -> ProgressBar {
    if !plan.progress {
        return ProgressBar::hidden();
    }
    let total = plan.units.unwrap_or(end - plan.first.min(end));
    let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr_with_hz(5));
    if let Ok(style) =
        ProgressStyle::with_template("{msg} {wide_bar} {human_pos}/{human_len} {per_sec} {eta}")
    {
        bar.set_style(style);
    }
    bar.with_message(suite.name())
}

thread_local! {
    static IN_CASE: Cell<bool> = const { Cell::new(false) };
    static LAST_PANIC: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Panics of cases are kept as failures instead of being printed; others go where they went before.
fn capture_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if IN_CASE.get() {
                LAST_PANIC.with(|last| *last.borrow_mut() = format!("panic: {panic}"));
            } else {
                before(panic);
            }
        }));
    });
}

/// Does something, and takes a panic for a failure.
pub(crate) fn caught<T>(act: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
    let result = catch_unwind(AssertUnwindSafe(act));
    result.unwrap_or_else(|_| Err(Failure::new(LAST_PANIC.with(RefCell::take))))
}
