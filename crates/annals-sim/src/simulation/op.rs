//! What a simulation does, as data: made from a seed first, done afterwards, and made shorter if it fails.

use crate::fates::Left;
use crate::model::{Clauses, Fact, Moment, Question};
use annals::vfs::Call;
use annals::{Durability, Expected, RetentionRule, RetentionScope};
use std::fmt;

/// A whole simulation.
#[derive(Clone, Debug)]
pub(crate) struct Script {
    /// Decides what the engine takes for random.
    pub(crate) seed: u64,
    pub(crate) durability: Durability,
    /// Whether ids that producers gave can be looked up.
    pub(crate) ids: bool,
    /// Whether the index gets as little memory as it can do with.
    pub(crate) little_memory: bool,
    /// A crash during the very first opening.
    pub(crate) birth: Option<Crash>,
    pub(crate) ops: Vec<Op>,
}

/// One step.
#[derive(Clone, Debug)]
pub(crate) enum Op {
    /// One batch, or several that become one group.
    Append(Vec<Draft>),
    /// Decides on a question; the closure refuses, or appends a batch, perhaps an empty one.
    Decide {
        question: Box<Question>,
        draft: Draft,
        refuse: bool,
    },
    /// A batch that was submitted before, once more.
    Repeat {
        back: usize,
    },
    /// A question as of a moment.
    Ask(Box<Question>, Moment),
    /// The clock is moved by so many nanoseconds.
    Clock(i64),
    /// The work of the background thread.
    Maintain,
    Sync,
    /// What the background thread does when nothing happens: the log tells what is durable.
    Mark,
    /// A view is kept.
    Hold,
    /// The views that were kept are asked again.
    Look,
    /// Somebody else opens the store for reading meanwhile.
    Observe,
    /// The store is closed and opened again.
    Reopen,
    /// Closed, and opened for reading first.
    ReadOnly,
    /// Closed; files that are not needed are damaged, or others appear.
    Disturb(Disturbance),
    Crash(Crash),
    /// A call to come fails.
    Fault(Fault),
    /// Something is said of retention.
    Retain(Retain),
    /// What is hidden is removed. It may be told to stop after so many calls that change something.
    Compact {
        all: bool,
        stop_after: Option<u64>,
    },
    /// A backup is made: in a new place, or in the one where there may be one.
    BackUp {
        fresh: bool,
    },
    /// A store is made of the backup. It may take the place of the store.
    Restore {
        to: Until,
        adopt: bool,
    },
}

/// What is said of retention.
#[derive(Clone, Debug)]
pub(crate) enum Retain {
    Rule(RetentionScope, RetentionRule),
    /// The stream is truncated so many versions before its last one.
    Truncate {
        stream: String,
        back: u64,
    },
    Delete(String),
    Tombstone(String),
}

/// Up to where a backup is restored.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Until {
    End,
    /// The position at so many thousandths of it.
    Position(u64),
    /// When the event was recorded at so many thousandths of it.
    Recorded(u64),
}

/// A batch, with expectations relative to what streams are by then.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    pub(crate) facts: Vec<Fact>,
    pub(crate) said: Vec<(String, Expectation)>,
    /// Events that take over the id of one that is stored: index here, and which of the stored ones.
    pub(crate) stolen: Option<(usize, u64)>,
    pub(crate) conditions: Vec<(Clauses, After)>,
}

/// Behind which position none of some events may have come.
#[derive(Clone, Copy, Debug)]
pub(crate) enum After {
    /// So many before the last one by then.
    Last(u64),
    /// So many behind it, which nobody can have seen.
    Beyond(u64),
}

/// What is said of a stream.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Expectation {
    Plain(Expected),
    /// Exactly the version that it has.
    Current,
    /// That version and so many more.
    Off(u64),
}

/// A crash to come.
#[derive(Clone, Debug)]
pub(crate) struct Crash {
    /// After so many more calls that change something.
    pub(crate) after: u64,
    pub(crate) left: Left,
    /// Crashes while it is recovered from.
    pub(crate) again: Vec<Again>,
    /// Whether every file is verified before anything is repaired.
    pub(crate) verify: bool,
}

/// A crash in the middle of opening.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Again {
    /// Whether it was opened for reading only.
    pub(crate) reading: bool,
    pub(crate) after: u64,
    pub(crate) left: Left,
}

/// A call that fails.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fault {
    pub(crate) call: Call,
    /// How many of its kind are done before.
    pub(crate) after: u64,
    pub(crate) how: How,
}

/// How a call fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum How {
    /// It does nothing and fails with this error number.
    Error(i32),
    /// A sync that says `EIO` and leaves the bytes where they never become durable, though later syncs say `Ok`.
    Stranded,
}

/// What happens to a closed store that must not change what is in it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Disturbance {
    /// One bit of an index file is flipped.
    FlipRun {
        file: usize,
        at: usize,
    },
    /// An index file is cut.
    CutRun {
        file: usize,
        at: usize,
    },
    RemoveRun {
        file: usize,
    },
    /// All index files are gone, with their directory.
    RemoveIndex,
    /// Leftovers of a crash: half a manifest, an index file and a segment that nobody knows.
    Leftovers,
}

impl Draft {
    /// One small event.
    pub(crate) fn plain(stream: &str) -> Self {
        let fact = Fact {
            stream: stream.into(),
            event_type: "t".into(),
            id: None,
            occurred: None,
            tags: Vec::new(),
            schema_version: 1,
            metadata: Vec::new(),
            data: vec![7; 30],
            says: None,
        };
        Draft { facts: vec![fact], said: Vec::new(), stolen: None, conditions: Vec::new() }
    }
}

impl Crash {
    /// Power is lost now.
    pub(crate) fn plain() -> Self {
        Crash { after: 0, left: Left::Synced, again: Vec::new(), verify: false }
    }
}

impl fmt::Display for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "durability {}, randomness {:#x}", self.durability, self.seed)?;
        write!(f, "{}", if self.ids { "" } else { ", without ids" })?;
        writeln!(f, "{}", if self.little_memory { ", little memory" } else { "" })?;
        if let Some(birth) = &self.birth {
            writeln!(f, "  the first opening: {birth}")?;
        }
        self.ops.iter().enumerate().try_for_each(|(number, op)| writeln!(f, "  {number:3} {op}"))
    }
}

impl fmt::Display for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Op::Append(drafts) => {
                f.write_str("append")?;
                drafts.iter().try_for_each(|draft| write!(f, " {draft}"))
            }
            Op::Decide { question, draft, refuse } => {
                write!(f, "decide on {question}: {}", if *refuse { "refuse" } else { "append" })?;
                if *refuse { Ok(()) } else { write!(f, " {draft}") }
            }
            Op::Repeat { back } => write!(f, "append the batch {back} before the last once more"),
            Op::Ask(question, moment) => write!(f, "ask {question} {moment}"),
            Op::Clock(by) => write!(f, "move the clock by {by} ns"),
            Op::Maintain => f.write_str("maintain"),
            Op::Sync => f.write_str("sync"),
            Op::Mark => f.write_str("mark what is durable"),
            Op::Hold => f.write_str("keep a view"),
            Op::Look => f.write_str("ask the kept views"),
            Op::Observe => f.write_str("a reader looks"),
            Op::Reopen => f.write_str("close and open"),
            Op::ReadOnly => f.write_str("close, open for reading, open"),
            Op::Disturb(disturbance) => write!(f, "close, disturb by {disturbance:?}, open"),
            Op::Crash(crash) => write!(f, "crash {crash}"),
            Op::Fault(Fault { call, after, how }) => {
                write!(f, "let {call:?} fail after {after} more: {how:?}")
            }
            Op::Retain(Retain::Rule(scope, rule)) => {
                write!(f, "set the rule of {scope:?}: {}", rule.to_json())
            }
            Op::Retain(retain) => write!(f, "{retain:?}"),
            Op::Compact { all, stop_after } => {
                write!(f, "compact{}", if *all { " all of it" } else { "" })?;
                stop_after.map_or(Ok(()), |calls| write!(f, ", stop after {calls} calls"))
            }
            Op::BackUp { fresh } => write!(f, "back up{}", if *fresh { " to a new place" } else { "" }),
            Op::Restore { to, adopt } => {
                write!(f, "restore to {to:?}{}", if *adopt { " and go on with that" } else { "" })
            }
        }
    }
}

impl fmt::Display for Draft {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[")?;
        for (index, fact) in self.facts.iter().enumerate() {
            write!(f, "{}{fact}", if index > 0 { "; " } else { "" })?;
        }
        self.said.iter().try_for_each(|(stream, said)| write!(f, " | {stream:?} is {said:?}"))?;
        for (clauses, after) in &self.conditions {
            write!(f, " | fail if {clauses} after {after:?}")?;
        }
        self.stolen
            .map_or(Ok(()), |(index, nth)| write!(f, " | event {index} with the id of stored {nth}"))?;
        f.write_str("]")
    }
}

impl fmt::Display for Crash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "after {} more calls: {}", self.after, self.left)?;
        for Again { reading, after, left } in &self.again {
            let opened = if *reading { "opened for reading" } else { "opened" };
            write!(f, "; then {opened}, and after {after} calls: {left}")?;
        }
        if self.verify { f.write_str("; verified") } else { Ok(()) }
    }
}
