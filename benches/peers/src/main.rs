//! Olocus beside Apache Flink CEP and Siddhi: the same events, the same matches, one thread each.

#![cfg_attr(test, allow(clippy::unwrap_used))]

use std::error::Error;
use std::io::{Write as _, stderr, stdout};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;

use crate::contender::{Budget, Figures, measure};
use crate::java::Peer;
use crate::workload::{ALL, Workload};

mod check;
mod contender;
mod generate;
mod java;
mod ours;
mod truth;
mod workload;

/// Measures engines on the same events and prints a table.
#[derive(Debug, Parser)]
struct Arguments {
    /// The folder with what Maven built; without it only our own engine runs
    #[arg(long, value_name = "FOLDER")]
    java: Option<PathBuf>,
    /// Seconds for each engine on each workload, generation and warm-up included
    #[arg(long, default_value_t = 20.0)]
    seconds: f64,
    /// Seconds of CPU time that are warm-up, if those aren't half of all the time
    #[arg(long, default_value_t = 3.0)]
    warm_up: f64,
    /// A few events on each workload, to see that all engines find the same
    #[arg(long)]
    smoke: bool,
    /// Only these workloads
    workloads: Vec<String>,
}

/// What all engines did on one workload.
#[derive(Debug, Default)]
struct Line {
    ours: Option<Figures>,
    flink: Option<Figures>,
    siddhi: Option<Figures>,
    differences: Vec<String>,
}

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let arguments = Arguments::parse();
    let mut remarks = Vec::new();
    let mut differences = Vec::new();
    for workload in ALL {
        if !arguments.workloads.is_empty() && !arguments.workloads.iter().any(|name| name == workload.name) {
            continue;
        }
        let line = run(workload, &arguments)?;
        let (ours, flink) = (speed(&line.ours), speed(&line.flink));
        writeln!(stdout(), "{} {} {} {}", workload.name, number(ours), number(flink), ratio(ours, flink))?;
        if let Some(siddhi) = speed(&line.siddhi) {
            remarks.push(format!(
                "# {} ours={} siddhi={} ratio={}",
                workload.name,
                number(ours),
                number(Some(siddhi)),
                ratio(ours, Some(siddhi))
            ));
        }
        differences.extend(line.differences);
    }
    for remark in remarks {
        writeln!(stdout(), "{remark}")?;
    }
    for difference in &differences {
        writeln!(stderr(), "{difference}")?;
    }
    Ok(if differences.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn run(workload: Workload, arguments: &Arguments) -> Result<Line, Box<dyn Error>> {
    let budget = Budget {
        warm_up: Duration::from_secs_f64(if arguments.smoke { 0.0 } else { arguments.warm_up }),
        all: Duration::from_secs_f64(if arguments.smoke { 600.0 } else { arguments.seconds }),
        events: arguments.smoke.then_some(workload.smoke),
    };
    let mut line = Line::default();
    let figures = measure(&mut *ours::contender(workload)?, workload, budget)?;
    line.accept("olocus", workload, &figures)?;
    line.ours = Some(figures);
    for peer in [Peer::Flink, Peer::Siddhi] {
        let Some(folder) = arguments.java.as_ref().filter(|_| peer.runs(workload)) else { continue };
        let report = peer.run(folder, workload, budget)?;
        if report.checksum != generate::checksum(workload) {
            line.differences.push(format!("{}: {} has other events", workload.name, peer.name()));
        }
        line.accept(peer.name(), peer.workload(workload), &report.figures)?;
        match peer {
            Peer::Flink => line.flink = Some(report.figures),
            Peer::Siddhi => line.siddhi = Some(report.figures),
        }
    }
    Ok(line)
}

impl Line {
    /// Tells what an engine did, and compares it with what there is.
    fn accept(&mut self, engine: &str, workload: Workload, figures: &Figures) -> Result<(), Box<dyn Error>> {
        let Figures { events, measured, cpu, matches, closing, .. } = figures;
        let seconds = *cpu as f64 / 1e9;
        writeln!(
            stderr(),
            "{} {engine}: {events} events, {measured} of them in {seconds:.2} s of CPU time; {matches} matches, {closing} at the end",
            workload.name
        )?;
        self.differences.extend(check::differences(engine, workload, figures));
        Ok(())
    }
}

fn speed(figures: &Option<Figures>) -> Option<f64> {
    figures.as_ref().and_then(Figures::events_per_second)
}

fn number(value: Option<f64>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| format!("{value:.0}"))
}

fn ratio(ours: Option<f64>, theirs: Option<f64>) -> String {
    ours.zip(theirs).map_or_else(|| "-".to_owned(), |(ours, theirs)| format!("{:.2}", ours / theirs))
}
