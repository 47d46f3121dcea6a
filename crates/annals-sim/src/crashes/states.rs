//! Which states a crash could leave at a moment.

use crate::dice::Dice;
use crate::fates::{Census, Left, Tear};
use annals::vfs::{Filling, MemoryDisk};

/// Names and changes beyond these are left to chance; there are hardly ever so many that are not synced.
const NAMES_MAX: usize = 8;
/// So many writes, from the last, are torn one by one.
const WRITES_MAX: usize = 3;
/// So many states are mixed by chance.
const MIXED: usize = 3;
const SECTOR: u64 = 512;

/// All kinds of states, each in all its forms, as far as there is something that is not synced.
pub(super) fn states(disk: &MemoryDisk, dice: &mut Dice) -> Vec<Left> {
    let census = Census::of(disk);
    let mut states = vec![Left::Killed, Left::Synced];
    if census.names + census.changes + census.writes.len() == 0 {
        // Then these two are the same.
        states.truncate(1);
        return states;
    }
    states.push(Left::Written);
    for nth in 0..census.names.min(NAMES_MAX) {
        for bytes in [false, true] {
            states.extend([Left::NameLost { nth, bytes }, Left::NameKept { nth, bytes }]);
        }
    }
    for changes in 0..=census.changes.min(NAMES_MAX) {
        states.push(Left::Journal { changes, seed: dice.number() });
    }
    for (back, (offset, length)) in census.writes.iter().rev().take(WRITES_MAX).enumerate() {
        states.extend(tears(*offset, *length as u64, dice).into_iter().map(|tear| Left::Torn { back, tear }));
    }
    states.extend((0..MIXED).map(|_| Left::Mixed { seed: dice.number() }));
    states
}

/// A write torn at each sector, the front and the back kept, and in other ways.
fn tears(offset: u64, length: u64, dice: &mut Dice) -> Vec<Tear> {
    let sectors = (offset + length).div_ceil(SECTOR) - offset / SECTOR;
    let mut tears = Vec::new();
    let mut tear = |size, kept, dice: &mut Dice| {
        let with = match dice.below(4) {
            0 => Some(Filling::Ones),
            1 => Some(Filling::Random(dice.number())),
            _ => None,
        };
        tears.push(Tear { size, kept, with });
    };
    tear(512, 0, dice);
    for kept in (1..sectors.min(64)).map(Tear::front) {
        tear(512, kept, dice);
        tear(512, !kept, dice);
    }
    if sectors > 2 {
        let middle = 1 + dice.below(sectors.min(64) - 2);
        tear(512, !(1 << middle), dice);
        tear(512, dice.number(), dice);
    }
    // Within a sector: a frame's header without what follows, and the reverse.
    for kept in [1, 2, 3, 6, 7].map(Tear::front) {
        tear(16, kept, dice);
        tear(16, !kept, dice);
    }
    if length > 4096 {
        tear(4096, 1, dice);
        tear(4096, dice.number(), dice);
    }
    tears
}
