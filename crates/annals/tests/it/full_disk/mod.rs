//! A disk with less and less room: what is refused, what can be read, and that the store goes on when there is room.
//!
//! Calls that fail one by one are a suite of `annals-sim`: `cargo run -p annals-sim -- faults`.

mod room;

use crate::common::World;
use crate::workload::{Account, Told};
use annals::vfs::Survival;

const ROUNDS: usize = 30;

#[test]
fn on_a_full_disk_appends_fail_cleanly_and_go_on_when_there_is_space() {
    for room in (0..200_000).step_by(1_700) {
        let context = format!("room for {room} bytes");
        let (world, mut account) = (World::new(26), Account::new(26));
        world.disk().set_capacity(Some(room));
        let mut refused = 0;
        if let Ok(store) = world.try_open() {
            for number in 0..ROUNDS {
                refused += usize::from(account.submit(&store).is_err());
                if number % 5 == 4 {
                    let _ = store.maintain();
                }
            }
            // A full disk can be read.
            account.clone().settle(&store, &context);
            let full = World::on(world.disk().crash(Survival::All), 27);
            let reader = full.options().read_only(true).open("memory").unwrap();
            account.clone().settle(&reader, &context);
            world.disk().set_capacity(None);
            if refused == 0 || account.told.last() == Some(&Told::Refused) {
                let _ = account.submit(&store);
            }
            store.maintain().unwrap();
            drop(store);
        }
        world.disk().set_capacity(None);
        let store = world.try_open().unwrap_or_else(|error| panic!("{context}: {error:?}"));
        account.settle(&store, &context);
        (0..8).for_each(|_| account.submit(&store).unwrap());
        store.maintain().unwrap();
        store.close().unwrap();
        account.settle(&world.open(), &context);
    }
}
