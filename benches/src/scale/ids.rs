//! Random ids over all history.

use super::Outcome;
use super::files::log_and_index_bytes;
use super::layout::Layout;
use super::plan::Plan;
use super::read::{Known, measure, read_floor};
use super::show::{head, line, number, per, ratios};
use crate::workload::mix;
use annals::{Position, Store, View};
use clap::Args;
use std::path::PathBuf;

/// How `ids` measures.
#[derive(Args, Debug)]
pub(crate) struct Ids {
    /// A store that `build --ids` made.
    #[arg(long)]
    store: PathBuf,
    /// How many ids are looked up in each round.
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(1..))]
    lookups: u64,
    /// How many rounds.
    #[arg(long, default_value_t = 7)]
    rounds: u64,
}

impl Ids {
    pub(crate) fn run(&self) -> Outcome {
        let plan = Plan::of(&self.store)?;
        if !plan.figures.ids {
            return Err("the store was built without --ids".into());
        }
        let events = plan.figures.events;
        let present: Vec<u64> = (0..self.lookups).map(|number| mix(mix(number) ^ 0x1D5) % events).collect();
        let absent: Vec<u64> = present.iter().map(|event| event + events).collect();
        let layout = Layout::of(&self.store)?;
        let store = Store::options().create(false).read_only(true).open(&self.store)?;
        let view = store.view();
        let floor = present
            .iter()
            .map(|event| Known::at(&layout, Position::new(event + 1)))
            .collect::<Outcome<Vec<Known>>>()?;
        let there = || look_up(&view, &plan, &present, true);
        let missing = || look_up(&view, &plan, &absent, false);
        let known = || read_floor(&layout, &floor);
        let [there, missing, known] = measure([&there, &missing, &known], self.rounds, self.lookups)?;
        head();
        line("ids that are there, lookups/s", &there);
        line("ids that are not, lookups/s", &missing);
        line("floor: records at known offsets, records/s", &known);
        line("ratio, ids that are there to the floor", &ratios(&there, &known));
        line("ratio, ids that are not to those that are", &ratios(&missing, &there));
        let (_, index) = log_and_index_bytes(&self.store)?;
        println!("index, bytes per event (all of it) {}", number(per(index, events)));
        Ok(())
    }
}

/// Looks ids up; each must be found at its event's position, or not at all.
fn look_up(view: &View, plan: &Plan, events: &[u64], there: bool) -> Outcome {
    for event in events {
        let found = view.event(plan.id(*event))?.map(|found| found.position.get());
        if found != there.then_some(event + 1) {
            return Err(format!("the id of event {event} was found at {found:?}").into());
        }
    }
    Ok(())
}
