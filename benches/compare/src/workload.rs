//! The workloads, each with its name and what it needs.

use crate::engine::Appends;
use crate::work::Waiting;

/// A workload.
#[derive(Clone, Copy, Debug)]
pub struct Workload {
    /// What it is called, on the command line as well.
    pub name: &'static str,
    /// What is done.
    pub work: Work,
    /// Where it is done.
    pub place: Place,
}

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// Appends of so many events each.
    Append(Appends, usize),
    /// Reads of streams.
    Read,
    /// Scans of everything.
    Scan,
    /// Opening.
    Open,
    /// Looking at the files.
    Size,
    /// Appends with an expected version by so many threads.
    Expected(usize),
    /// So many appends at a time on their way from one thread.
    Tickets(usize, Waiting),
}

/// Where a workload is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In an empty folder.
    Fresh,
    /// On a data set of so many events, which is not changed.
    Kept(u64),
    /// On a data set of so many events that is opened for it, after a kill where `killed`.
    Opened {
        /// How many events.
        events: u64,
        /// Whether a process was killed before while it appended.
        killed: bool,
    },
}

const MILLION: u64 = 1_000_000;

const fn append(name: &'static str, threads: usize, batch: usize) -> Workload {
    let appends = Appends { threads, synced: true, direct: false };
    Workload { name, work: Work::Append(appends, batch), place: Place::Fresh }
}

const fn opened(name: &'static str, events: u64, killed: bool) -> Workload {
    Workload { name, work: Work::Open, place: Place::Opened { events, killed } }
}

const fn tickets(name: &'static str, in_flight: usize, waiting: Waiting) -> Workload {
    Workload { name, work: Work::Tickets(in_flight, waiting), place: Place::Fresh }
}

/// All of them, in the order of the table.
pub const WORKLOADS: [Workload; 21] = [
    append("w1", 1, 1),
    Workload {
        name: "w1-direct",
        work: Work::Append(Appends { threads: 1, synced: true, direct: true }, 1),
        place: Place::Fresh,
    },
    append("w2-4", 4, 1),
    append("w2-16", 16, 1),
    append("w2-64", 64, 1),
    append("w3-100", 1, 100),
    append("w3-1000", 1, 1000),
    Workload {
        name: "w4",
        work: Work::Append(Appends { threads: 1, synced: false, direct: false }, 100),
        place: Place::Fresh,
    },
    Workload { name: "w5", work: Work::Read, place: Place::Kept(MILLION) },
    Workload { name: "w6", work: Work::Scan, place: Place::Kept(MILLION) },
    opened("w7-clean-1m", MILLION, false),
    opened("w7-kill-1m", MILLION, true),
    opened("w7-clean-10m", 10 * MILLION, false),
    opened("w7-kill-10m", 10 * MILLION, true),
    Workload { name: "w8", work: Work::Size, place: Place::Kept(MILLION) },
    Workload { name: "w9-1", work: Work::Expected(1), place: Place::Fresh },
    Workload { name: "w9-16", work: Work::Expected(16), place: Place::Fresh },
    tickets("tickets-64", 64, Waiting::Blocking),
    tickets("tickets-1024", 1024, Waiting::Blocking),
    tickets("tickets-64-future", 64, Waiting::Future),
    tickets("tickets-1024-future", 1024, Waiting::Future),
];

impl Workload {
    /// The workload of a name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        WORKLOADS.into_iter().find(|workload| workload.name == name)
    }

    /// Whether it waits for the disk, so that a disturbed disk spoils it.
    #[must_use]
    pub fn waits_for_the_disk(&self) -> bool {
        match self.work {
            Work::Append(appends, _) => appends.synced,
            Work::Expected(_) | Work::Tickets(..) => true,
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workloads_are_found_by_their_names() {
        for workload in WORKLOADS {
            assert_eq!(Workload::named(workload.name).map(|found| found.work), Some(workload.work));
        }
        assert!(Workload::named("w0").is_none());
    }
}
