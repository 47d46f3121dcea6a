//! Random rules, appends, deletions, sealing and reopening: every way to read says what plain filters over a list say.

mod compacting;
mod reading;
mod writing;

use super::model::Model;
use crate::common::{Dice, START, World};
use annals::{Store, Timestamp};

const STREAMS: [&str; 5] = ["a-1", "a-2", "b-1", "b-2", "c"];
const TYPES: [&str; 3] = ["t", "u", "v"];

struct Play {
    world: World,
    store: Store,
    model: Model,
    dice: Dice,
    now: i64,
    compacts: Compacts,
}

/// How what goes is removed now and then.
#[derive(Clone, Copy, PartialEq)]
enum Compacts {
    Never,
    /// When somebody asks for it.
    Asked,
    /// By rounds as the background thread makes them.
    InRounds,
}

impl Play {
    fn new(seed: u64) -> Self {
        let world = World::new(seed);
        let store = world.open();
        let (dice, compacts) = (Dice::new(seed), Compacts::Never);
        Play { world, store, model: Model::default(), dice, now: START, compacts }
    }

    fn compacting(seed: u64, compacts: Compacts) -> Self {
        Play { compacts, ..Play::new(seed) }
    }

    fn pick<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.dice.below(of.len())]
    }

    fn step(&mut self) {
        match self.dice.below(20) {
            0..9 => self.append(),
            9..12 => self.set(),
            12 => self.truncate(),
            13 | 14 => self.delete(),
            15 => self.store.maintain().unwrap(),
            18 if self.dice.one_in(2) => self.guard(),
            19 if self.compacts != Compacts::Never => self.compact(),
            16 => {
                self.store.clone().close().unwrap();
                self.store = self.world.open();
            }
            _ => {
                self.now += self.dice.below(40) as i64 * 100_000_000;
                self.world.clock.set(Timestamp::from_nanos(self.now));
            }
        }
    }
}

#[test]
fn every_way_to_read_shows_what_rules_leave_and_nothing_else() {
    for seed in 0..12 {
        let mut play = Play::new(seed);
        for step in 0..90 {
            play.step();
            if step % 6 == 5 {
                play.check(&format!("seed {seed}, step {step}"));
            }
        }
        assert!(play.model.rows.len() > 40, "seed {seed} did too little");
    }
}

#[test]
fn every_way_to_read_shows_the_same_when_what_is_hidden_is_removed() {
    play_and_remove(200, Compacts::Asked);
}

#[test]
fn every_way_to_read_shows_the_same_when_what_is_hidden_is_removed_by_itself() {
    play_and_remove(230, Compacts::InRounds);
}

fn play_and_remove(first: u64, compacts: Compacts) {
    let mut gone = 0;
    for seed in first..first + 12 {
        let mut play = Play::compacting(seed, compacts);
        for step in 0..90 {
            play.step();
            if step % 6 == 5 {
                play.check(&format!("seed {seed}, step {step}"));
            }
        }
        gone += play.model.rows.iter().filter(|row| row.gone).count();
    }
    assert!(gone > 200, "only {gone} events were removed");
}

#[test]
fn a_view_reads_on_what_was_removed_behind_it() {
    for seed in 300..304 {
        let mut play = Play::compacting(seed, Compacts::Asked);
        let mut views = Vec::new();
        for step in 0..80 {
            play.step();
            if step % 10 == 9 {
                views.push((play.store.view(), play.model.clone(), play.now));
                play.compact();
            }
        }
        for (view, model, now) in views {
            (play.model, play.now) = (model, now);
            play.compare(&view, &|_| true, "an old view");
        }
    }
}

#[test]
fn a_view_stays_as_it_is_whatever_rules_are_set_behind_it() {
    let mut play = Play::new(99);
    let mut views = Vec::new();
    for step in 0..60 {
        play.step();
        if step % 10 == 9 {
            views.push((play.store.view(), play.model.clone(), play.now));
        }
    }
    for (view, model, now) in views {
        // The rules of a view are read when they are first needed, which may be later than all of this.
        (play.model, play.now) = (model, now);
        play.compare(&view, &|_| true, "an old view");
    }
}

#[test]
fn a_reader_beside_the_writer_goes_by_rules_as_they_come() {
    let mut play = Play::new(7);
    let reader = play.world.options().read_only(true).create(false);
    for step in 0..60 {
        play.step();
        if step % 12 == 11 {
            play.store.mark_durable().unwrap();
            let store = reader.clone().open("memory").unwrap();
            play.compare(&store.view(), &|_| true, &format!("a reader, step {step}"));
        }
    }
}
