//! Runs the engines in turn, round by round.

mod places;
mod process;
mod syncs;

pub use process::engines;
pub use syncs::syncs;

use crate::Outcome;
use crate::measure::Figures;
use crate::probe::Probe;
use crate::results::{self, Measurement};
use crate::workload::{Place, Workload};
use places::Places;
use process::{Program, figures_of};
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

/// How often a measurement is made before it is flagged as disturbed.
const ATTEMPTS: u32 = 3;
/// How much slower than the best probe of the results a disturbed disk is.
const DISTURBED: f64 = 2.0;
/// What an engine may take longer than it is told to measure.
const PATIENCE: Duration = Duration::from_secs(60);
/// The engine that all others are compared with.
pub const FLOOR: &str = "floor";

/// What is to be run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The engines; the floor is among them.
    pub engines: Vec<String>,
    /// The workloads.
    pub workloads: Vec<Workload>,
    /// How many rounds.
    pub rounds: u32,
    /// How long each measurement takes.
    pub time: Duration,
    /// Where the files of the engines lie.
    pub folder: PathBuf,
    /// The file that measurements are added to.
    pub results: PathBuf,
}

/// Runs it all.
///
/// # Errors
/// What the system says. An engine that fails is reported, and is missing from the table.
pub fn run(plan: &Plan) -> Outcome {
    std::fs::create_dir_all(&plan.folder)?;
    let places = Places::new(&plan.folder);
    prepare(plan, &places)?;
    let probe = Probe::create(&plan.folder)?;
    let earlier = if plan.results.exists() { results::read(&[&plan.results])? } else { Vec::new() };
    let probes = earlier.iter().filter_map(|measurement| measurement.probe_us);
    let best_probe = probes.fold(f64::INFINITY, |best, (before, after)| best.min(before).min(after));
    let mut run = Run { plan, places, probe, best_probe, id: SystemTime::UNIX_EPOCH.elapsed()?.as_secs() };
    for round in 0..plan.rounds {
        for (index, workload) in plan.workloads.iter().enumerate() {
            // Another one begins in each round, and with each workload.
            let first = (round as usize + index) % plan.engines.len();
            for turn in 0..plan.engines.len() {
                let engine = &plan.engines[(first + turn) % plan.engines.len()];
                match run.measure(round, workload, engine) {
                    Ok(measurement) => measurement.append_to(&plan.results)?,
                    Err(error) => eprintln!("{} {engine}: {error}", workload.name),
                }
            }
        }
    }
    Ok(())
}

/// Writes the data sets that are missing.
fn prepare(plan: &Plan, places: &Places) -> Outcome {
    for workload in &plan.workloads {
        let (events, opened) = match workload.place {
            Place::Fresh => continue,
            Place::Kept(events) => (events, false),
            Place::Opened { events, .. } => (events, true),
        };
        for engine in &plan.engines {
            if let Err(error) = places.data_set(&Program::of(engine)?, events, opened) {
                eprintln!("{} {engine}: no data set: {error}", workload.name);
            }
        }
    }
    Ok(())
}

struct Run<'a> {
    plan: &'a Plan,
    places: Places,
    probe: Probe,
    best_probe: f64,
    id: u64,
}

impl Run<'_> {
    fn measure(&mut self, round: u32, workload: &Workload, engine: &str) -> Outcome<Measurement> {
        let mut measurement = Measurement {
            run: self.id,
            round,
            workload: workload.name.to_owned(),
            engine: engine.to_owned(),
            figures: Figures::new(),
            probe_us: None,
            disturbed: false,
        };
        let program = Program::of(engine)?;
        if !workload.waits_for_the_disk() {
            measurement.figures = self.once(workload, &program)?;
        } else {
            for _ in 0..ATTEMPTS {
                let before = self.probe.median_us()?;
                measurement.figures = self.once(workload, &program)?;
                let after = self.probe.median_us()?;
                self.best_probe = self.best_probe.min(before).min(after);
                measurement.probe_us = Some((before, after));
                measurement.disturbed = before.max(after) > DISTURBED * self.best_probe;
                if !measurement.disturbed || measurement.figures.is_empty() {
                    break;
                }
            }
        }
        eprintln!("round {round} {} {engine}: {}", workload.name, shown(&measurement));
        Ok(measurement)
    }

    fn once(&self, workload: &Workload, program: &Program) -> Outcome<Figures> {
        let (folder, events) = match workload.place {
            Place::Fresh => (self.places.fresh()?, 0),
            Place::Kept(events) => (self.places.loaded(&program.engine, events, false)?, events),
            Place::Opened { events, killed } => {
                let folder = self.places.loaded(&program.engine, events, true)?;
                if killed {
                    process::append_and_kill(program, &folder, events)?;
                }
                (folder, events)
            }
        };
        let seconds = self.plan.time.as_secs_f64().to_string();
        let mut command = program.command();
        command.args(["measure", workload.name]).arg(&folder);
        command.args(["--seconds", &seconds, "--events", &events.to_string()]);
        let figures = figures_of(command, PATIENCE + 10 * self.plan.time);
        if workload.place == Place::Fresh {
            std::fs::remove_dir_all(folder)?;
        }
        figures
    }
}

fn shown(measurement: &Measurement) -> String {
    let figures: Vec<String> =
        measurement.figures.iter().map(|(name, figure)| format!("{name} {figure:.2}")).collect();
    let disturbed = if measurement.disturbed { " (disturbed)" } else { "" };
    if figures.is_empty() { "cannot".to_owned() } else { figures.join(", ") + disturbed }
}
