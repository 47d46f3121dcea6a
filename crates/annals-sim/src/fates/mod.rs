//! What a crash leaves of a disk, as data: chosen by dice or one after the other, printed, and done again.

#[cfg(test)]
mod tests;

use crate::dice::Dice;
use annals::vfs::{Fate, Filling, MemoryDisk, Survival, Unsynced};
use std::fmt;

/// What is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Left {
    /// The process is killed, the system runs on: everything, though what was not synced still is not.
    Killed,
    /// Power is lost: what was synced, nothing else.
    Synced,
    /// Power is lost just after everything has reached the disk by itself.
    Written,
    /// One change of a name is lost and all others are kept, with the bytes or without them.
    NameLost { nth: usize, bytes: bool },
    /// One change of a name is kept and all others are lost, with the bytes or without them.
    NameKept { nth: usize, bytes: bool },
    /// A file system with a journal in order: so many changes to names and lengths survive, and any of the bytes.
    Journal { changes: usize, seed: u64 },
    /// One write, counted from the last, is torn; everything else is kept.
    Torn { back: usize, tear: Tear },
    /// Anything may become of anything.
    Mixed { seed: u64 },
}

/// Which sectors of a write arrive, and what is in the place of the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tear {
    /// Bytes in a sector.
    pub(crate) size: usize,
    /// A bit for each sector.
    pub(crate) kept: u64,
    /// What was there before, if nothing else.
    pub(crate) with: Option<Filling>,
}

impl Left {
    /// Anything that may be left.
    pub(crate) fn any(dice: &mut Dice) -> Self {
        let nth = |dice: &mut Dice| dice.index(6);
        match dice.below(16) {
            0..=1 => Left::Killed,
            2..=3 => Left::Synced,
            4 => Left::Written,
            5 => Left::NameLost { nth: nth(dice), bytes: dice.one_in(2) },
            6 => Left::NameKept { nth: nth(dice), bytes: dice.one_in(2) },
            7..=8 => Left::Journal { changes: dice.index(12), seed: dice.number() },
            9..=10 => Left::Torn { back: dice.index(3), tear: Tear::any(dice) },
            _ => Left::Mixed { seed: dice.number() },
        }
    }

    /// Whether the power was lost, and with it, perhaps, what was not synced.
    pub(crate) fn loses_power(self) -> bool {
        self != Left::Killed
    }

    /// The disk after such a crash at this moment.
    pub(crate) fn of(self, disk: &MemoryDisk) -> MemoryDisk {
        let kept_if = |kept: bool| if kept { Fate::Kept } else { Fate::Lost };
        match self {
            Left::Killed => disk.crash(Survival::All),
            Left::Synced => disk.crash(Survival::Synced),
            Left::Written => disk.crash(Survival::Chosen(&mut |_| Fate::Kept)),
            Left::NameLost { nth, bytes } => {
                let mut names = Counter::default();
                disk.crash(Survival::Chosen(&mut |unsynced| {
                    kept_if(if is_name(unsynced) { names.next() != nth } else { bytes })
                }))
            }
            Left::NameKept { nth, bytes } => {
                let mut names = Counter::default();
                disk.crash(Survival::Chosen(&mut |unsynced| {
                    kept_if(if is_name(unsynced) { names.next() == nth } else { bytes })
                }))
            }
            Left::Journal { changes, seed } => {
                let (mut dice, mut asked) = (Dice::new(seed), Counter::default());
                disk.crash(Survival::Ordered(&mut |unsynced| match unsynced {
                    Unsynced::Write { bytes, .. } => any_fate(&mut dice, bytes.len()),
                    _ => kept_if(asked.next() < changes),
                }))
            }
            Left::Torn { back, tear } => {
                let writes = Census::of(disk).writes.len();
                let mut seen = Counter::default();
                disk.crash(Survival::Chosen(&mut |unsynced| match unsynced {
                    Unsynced::Write { .. } if seen.next() + back + 1 == writes => tear.fate(),
                    _ => Fate::Kept,
                }))
            }
            Left::Mixed { seed } => {
                let mut dice = Dice::new(seed);
                disk.crash(Survival::Chosen(&mut |unsynced| match unsynced {
                    Unsynced::Write { bytes, .. } => any_fate(&mut dice, bytes.len()),
                    _ => kept_if(dice.one_in(2)),
                }))
            }
        }
    }
}

impl Tear {
    pub(crate) fn any(dice: &mut Dice) -> Self {
        let size = *dice.one_of(&[512, 512, 4096]);
        let cut = dice.below(40);
        let kept = match dice.below(4) {
            0 => Tear::front(cut),
            1 => !Tear::front(cut),
            2 => !(Tear::front(cut + 1 + dice.below(4)) & !Tear::front(cut)),
            _ => dice.number(),
        };
        let with = match dice.below(4) {
            0 => Some(Filling::Ones),
            1 => Some(Filling::Random(dice.number())),
            _ => None,
        };
        Tear { size, kept, with }
    }

    /// The bits of the first sectors.
    pub(crate) fn front(sectors: u64) -> u64 {
        if sectors >= 64 { u64::MAX } else { (1 << sectors) - 1 }
    }

    fn fate(self) -> Fate {
        let Tear { size, kept, with } = self;
        match with {
            Some(with) => Fate::Filled { size, kept, with },
            None => Fate::Sectors { size, kept },
        }
    }
}

fn any_fate(dice: &mut Dice, bytes: usize) -> Fate {
    match dice.below(8) {
        0..=1 => Fate::Kept,
        2..=3 => Fate::Lost,
        4 => Fate::Torn { kept: dice.index(bytes / 512 + 1) * 512 },
        5 => Fate::Torn { kept: dice.index(bytes + 1) },
        _ => Tear::any(dice).fate(),
    }
}

/// What was not made durable yet.
#[derive(Clone, Debug, Default)]
pub(crate) struct Census {
    /// Changes of names.
    pub(crate) names: usize,
    /// Changes of names and lengths that a journal in order may lose.
    pub(crate) changes: usize,
    /// Where each write begins in its file, and its length.
    pub(crate) writes: Vec<(u64, usize)>,
}

impl Census {
    pub(crate) fn of(disk: &MemoryDisk) -> Self {
        let mut census = Census::default();
        let _ = disk.crash(Survival::Chosen(&mut |unsynced| {
            match unsynced {
                Unsynced::Write { offset, bytes, .. } => census.writes.push((*offset, bytes.len())),
                Unsynced::SetLength { .. } => {}
                _ => census.names += 1,
            }
            Fate::Lost
        }));
        let _ = disk.crash(Survival::Ordered(&mut |unsynced| {
            census.changes += usize::from(!matches!(unsynced, Unsynced::Write { .. }));
            Fate::Kept
        }));
        census
    }
}

/// Numbers from 0 on.
#[derive(Default)]
struct Counter(usize);

impl Counter {
    fn next(&mut self) -> usize {
        self.0 += 1;
        self.0 - 1
    }
}

fn is_name(unsynced: &Unsynced<'_>) -> bool {
    !matches!(unsynced, Unsynced::Write { .. } | Unsynced::SetLength { .. })
}

impl fmt::Display for Left {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = |bytes: &bool| if *bytes { "all bytes kept" } else { "all bytes lost" };
        match self {
            Left::Killed => write!(f, "the process is killed, the system runs on"),
            Left::Synced => write!(f, "power lost, only what was synced is there"),
            Left::Written => write!(f, "power lost, everything written is there"),
            Left::NameLost { nth, bytes: kept } => {
                write!(f, "power lost, change {nth} of a name lost, the others kept, {}", bytes(kept))
            }
            Left::NameKept { nth, bytes: kept } => {
                write!(f, "power lost, only change {nth} of a name kept, {}", bytes(kept))
            }
            Left::Journal { changes, seed } => {
                write!(f, "power lost, ordered journal with {changes} changes, bytes by {seed:#x}")
            }
            Left::Torn { back, tear: Tear { size, kept, with } } => {
                write!(f, "power lost, of write -{} the sectors {kept:#b} of {size} bytes", back + 1)?;
                with.map_or(Ok(()), |with| write!(f, ", rubbish for the others: {with:?}"))
            }
            Left::Mixed { seed } => write!(f, "power lost, fates by {seed:#x}"),
        }
    }
}
