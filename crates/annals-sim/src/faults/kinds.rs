//! The ways in which calls fail.

use annals::vfs::{Call, Fault, FaultyDisk, When};
use std::fmt;
use std::io::ErrorKind;

const EIO: Fault = Fault::Os(5);
const ENFILE: Fault = Fault::Os(23);
const EMFILE: Fault = Fault::Os(24);
const ENOSPC: Fault = Fault::Os(28);
const EROFS: Fault = Fault::Os(30);
const EDQUOT: Fault = Fault::Os(122);
const EAGAIN: Fault = Fault::Os(11);
const INTERRUPTED: Fault = Fault::Error(ErrorKind::Interrupted);
/// It is done, and said to have failed: a network that loses the answer, a system that is told to stop.
const AFTER: Fault = Fault::ErrorAfter(ErrorKind::Other);

/// A way in which calls fail.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kind {
    /// The calls that are hit.
    pub(super) calls: &'static [Call],
    pub(super) how: How,
    /// Whether all later ones of these calls fail as well, until the disk is repaired.
    pub(super) forever: bool,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum How {
    Fault(Fault),
    /// A write takes some bytes, and the rest of it fails.
    ShortThen(Fault),
    /// A sync fails, and later ones say `Ok` without having written what this one should have; once the store is
    /// opened again, the `again`-th sync does the same (0: none).
    DroppedPages {
        again: u64,
    },
}

impl Kind {
    /// Lets the `nth` of its calls to a disk fail. That pages are dropped is a matter of the disk below.
    pub(super) fn arm(&self, disk: &FaultyDisk, nth: u64) {
        let when = When { calls: self.calls, nth, from_then_on: self.forever };
        match self.how {
            How::Fault(fault) => disk.arm(when, fault),
            How::ShortThen(fault) => {
                disk.arm(when, Fault::Short(100));
                disk.arm(When { nth: nth + 1, ..when }, fault);
            }
            How::DroppedPages { .. } => {}
        }
    }

    /// Whether the store must go on as if nothing had happened.
    pub(super) fn is_unnoticed(&self) -> bool {
        matches!(self.how, How::Fault(Fault::Short(_) | INTERRUPTED))
    }

    /// Whether it hits calls that are made in another way where the log is written around the system's cache.
    pub(super) fn differs_where_direct(&self) -> bool {
        let differs =
            |call: &Call| matches!(call, Call::OpenToWrite | Call::Write | Call::SyncData | Call::Map);
        self.calls.iter().any(differs)
    }

    /// Whether the disk refuses only to be changed, so that everything can still be read.
    pub(super) fn is_refusal(&self) -> bool {
        self.forever && matches!(self.how, How::Fault(ENOSPC | EDQUOT | EROFS))
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.calls {
            [call] => write!(f, "{call:?}")?,
            calls => write!(f, "any of {} kinds of calls", calls.len())?,
        }
        write!(f, ": {:?}{}", self.how, if self.forever { " from then on" } else { "" })
    }
}

/// Those of scenes, which are many: each call fails once, and each that changes something also after it is done; or the disk
/// is gone or full from then on.
pub(super) fn kinds_of_scenes() -> Vec<Kind> {
    let kind = |calls, fault, forever| Kind { calls, how: How::Fault(fault), forever };
    vec![
        kind(Call::ALL, EIO, false),
        kind(Call::CHANGING, AFTER, false),
        kind(Call::CHANGING, ENOSPC, true),
        kind(Call::ALL, EIO, true),
    ]
}

/// All of them.
pub(super) fn kinds() -> Vec<Kind> {
    let mut kinds = Vec::new();
    let mut add = |calls: &'static [Call], fault: Fault, forever: &[bool]| {
        kinds.extend(forever.iter().map(|forever| Kind { calls, how: How::Fault(fault), forever: *forever }));
    };
    let (once, both) = ([false], [false, true]);
    for call in Call::ALL {
        add(call.only(), EIO, &both);
    }
    for call in Call::CHANGING {
        add(call.only(), ENOSPC, &both);
        add(call.only(), EDQUOT, &once);
        add(call.only(), AFTER, &both);
    }
    for call in [Call::Create, Call::Open, Call::OpenToWrite, Call::List, Call::Lock] {
        add(call.only(), EMFILE, &both);
    }
    add(Call::Map.only(), ENFILE, &both);
    add(Call::Map.only(), EAGAIN, &once);
    for call in [Call::Read, Call::Write] {
        add(call.only(), Fault::Short(1), &both);
        add(call.only(), Fault::Short(512), &both);
        add(call.only(), INTERRUPTED, &once);
    }
    add(Call::CHANGING, ENOSPC, &[true]);
    add(Call::CHANGING, EDQUOT, &[true]);
    add(Call::WRITING, EROFS, &[true]);
    add(Call::ALL, EIO, &[true]);
    for fault in [ENOSPC, EIO] {
        kinds.push(Kind { calls: Call::Write.only(), how: How::ShortThen(fault), forever: false });
    }
    for again in 0..3 {
        kinds.push(Kind { calls: Call::SyncData.only(), how: How::DroppedPages { again }, forever: false });
    }
    kinds
}
