//! Runs engines against each other, and makes the table and the chart.

use annals_compare::report::{draw, markdown};
use annals_compare::runner::{self, FLOOR, Plan};
use annals_compare::workload::{WORKLOADS, Workload};
use annals_compare::{Outcome, results};
use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;
use std::time::Duration;

/// Annals and other engines doing the same work with the same durability, as ratios to the raw floor.
#[derive(Debug, Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs engines in turn, adds what was measured to a file, prints its tables and draws its chart.
    Run(Run),
    /// Prints the tables of files of results, and draws the chart.
    Report(Report),
    /// Traces single appends of each engine: whether it syncs before it acknowledges.
    Syncs {
        /// The engines, all that were built unless given.
        #[arg(long, value_delimiter = ',')]
        engines: Vec<String>,
        /// Where the files of the engines lie.
        #[arg(long, default_value = "compare-data")]
        folder: PathBuf,
    },
    /// Says which engines were built, and which workloads there are.
    List,
}

#[derive(Args, Debug)]
struct Run {
    /// The engines, all that were built unless given. The floor always runs.
    #[arg(long, value_delimiter = ',')]
    engines: Vec<String>,
    /// The workloads, all unless given; `w2` stands for all of W2, and so on.
    #[arg(long, value_delimiter = ',')]
    workloads: Vec<String>,
    /// How many rounds; with none, only the data sets are written.
    #[arg(long, default_value_t = 5)]
    rounds: u32,
    /// How long each measurement takes, in seconds.
    #[arg(long, default_value_t = 1.5)]
    seconds: f64,
    /// Where the files of the engines lie. A disk, not memory: there a sync costs nothing.
    #[arg(long, default_value = "compare-data")]
    folder: PathBuf,
    /// The file that measurements are added to.
    #[arg(long, default_value = "compare-results.jsonl")]
    results: PathBuf,
    /// Where the chart goes.
    #[arg(long, default_value = "compare-chart.svg")]
    chart: PathBuf,
}

#[derive(Args, Debug)]
struct Report {
    /// Files of results.
    #[arg(default_value = "compare-results.jsonl")]
    results: Vec<PathBuf>,
    /// Where the chart goes, if one is wanted.
    #[arg(long)]
    chart: Option<PathBuf>,
}

fn main() -> Outcome {
    match Arguments::parse().command {
        Command::Run(run) => {
            let plan = run.plan()?;
            runner::run(&plan)?;
            // With no rounds the data sets are written, and nothing is measured.
            if plan.results.exists() { report(&[plan.results], Some(&run.chart)) } else { Ok(()) }
        }
        Command::Report(own) => report(&own.results, own.chart.as_ref()),
        Command::Syncs { engines, folder } => syncs(&chosen(engines)?, &folder),
        Command::List => {
            println!("engines: {}", runner::engines()?.join(", "));
            println!("workloads: {}", WORKLOADS.map(|workload| workload.name).join(", "));
            Ok(())
        }
    }
}

fn chosen(engines: Vec<String>) -> Outcome<Vec<String>> {
    Ok(if engines.is_empty() { runner::engines()? } else { engines })
}

impl Run {
    fn plan(&self) -> Outcome<Plan> {
        let mut engines = chosen(self.engines.clone())?;
        if !engines.iter().any(|engine| engine == FLOOR) {
            engines.insert(0, FLOOR.to_owned());
        }
        let is = |workload: &Workload, name: &str| {
            workload.name.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
        };
        let named = |workload: &Workload| {
            self.workloads.is_empty() || self.workloads.iter().any(|name| is(workload, name))
        };
        let workloads: Vec<Workload> = WORKLOADS.into_iter().filter(named).collect();
        if workloads.is_empty() {
            return Err("there is no such workload".into());
        }
        Ok(Plan {
            engines,
            workloads,
            rounds: self.rounds,
            time: Duration::try_from_secs_f64(self.seconds)?,
            folder: self.folder.clone(),
            results: self.results.clone(),
        })
    }
}

fn report(files: &[PathBuf], chart: Option<&PathBuf>) -> Outcome {
    let all = results::read(files)?;
    print!("{}", markdown(&all));
    chart.map_or(Ok(()), |chart| draw(&all, chart))
}

fn syncs(engines: &[String], folder: &std::path::Path) -> Outcome {
    println!("| | acknowledged | of them behind a sync | calls per append |\n|---|---|---|---|");
    for engine in engines {
        match runner::syncs(engine, folder) {
            Ok(syncs) => {
                #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
                let calls: Vec<String> = syncs
                    .calls
                    .iter()
                    .map(|(call, count)| {
                        format!("{call} {:.2}", *count as f64 / syncs.acknowledged.max(1) as f64)
                    })
                    .collect();
                let (acknowledged, synced) = (syncs.acknowledged, syncs.synced_before);
                println!("| {engine} | {acknowledged} | {synced} | {} |", calls.join(", "));
            }
            Err(error) => println!("| {engine} | – | – | {error} |"),
        }
    }
    Ok(())
}
