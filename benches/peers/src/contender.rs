//! What is measured of an engine in this process, and how.

use std::error::Error;
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

use crate::generate::{Event, Generator};
use crate::workload::Workload;

/// An engine set up for one workload.
pub(crate) trait Contender {
    /// Takes the next events, some thousands at a time, into the form in which the engine gets them. This isn't measured.
    fn load(&mut self, events: &[Event]);

    /// Processes what was loaded and returns how many matches it completes. This is measured.
    ///
    /// Matches must be there with all that a user may ask of their events.
    fn process(&mut self) -> Result<u64, Box<dyn Error>>;
}

/// How long a measurement may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Budget {
    /// CPU time before anything is measured, if that isn't more than half of all the time.
    pub(crate) warm_up: Duration,
    /// Warm-up and generation included.
    pub(crate) all: Duration,
    /// Without this, as many events as there is time for.
    pub(crate) events: Option<u64>,
}

/// What an engine did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Figures {
    /// Processed, warm-up included.
    pub(crate) events: u64,
    /// Processed after the warm-up.
    pub(crate) measured: u64,
    /// CPU time of those in nanoseconds.
    pub(crate) cpu: u64,
    pub(crate) matches: u64,
    /// Matches that one more event completes, which everything waits for; with one key only.
    pub(crate) closing: u64,
    /// Matches after so many events, see [`marks`].
    pub(crate) counts: Vec<(u64, u64)>,
}

/// Events at a time.
const BATCH: u64 = 8_192;

impl Figures {
    /// `None` if nothing was measured.
    pub(crate) fn events_per_second(&self) -> Option<f64> {
        (self.measured > 0 && self.cpu > 0).then(|| self.measured as f64 * 1e9 / self.cpu as f64)
    }
}

/// The numbers of events after which engines say how many matches there were.
pub(crate) fn marks() -> impl Iterator<Item = u64> {
    (0..).map(|doubled| 1_000 << doubled)
}

/// Runs a contender for as long as the budget says.
pub(crate) fn measure(
    contender: &mut dyn Contender,
    workload: Workload,
    budget: Budget,
) -> Result<Figures, Box<dyn Error>> {
    let start = Instant::now();
    let mut generator = Generator::new(workload);
    let mut figures = Figures::default();
    let mut marks = marks().peekable();
    let mut warm = budget.warm_up.is_zero();
    let mut warmed = 0;
    let mut batch = Vec::new();
    let bound = budget.events.unwrap_or(u64::MAX);
    while figures.events < bound && start.elapsed() < budget.all {
        let mark = *marks.peek().expect("marks never end");
        let size = BATCH.min(bound - figures.events).min(mark - figures.events);
        batch.clear();
        batch.extend((0..size).map(|_| generator.next()));
        contender.load(&batch);
        let before = cpu_time();
        figures.matches += contender.process()?;
        let cpu = cpu_time() - before;
        figures.events += size;
        if warm {
            figures.measured += size;
            figures.cpu += cpu;
        } else {
            warmed += cpu;
            let enough = u128::from(warmed) >= budget.warm_up.as_nanos() || start.elapsed() >= budget.all / 2;
            warm = enough && figures.events >= workload.preload();
        }
        if figures.events == mark {
            figures.counts.push((mark, figures.matches));
            marks.next();
        }
    }
    if workload.live > 0 {
        contender.load(&[generator.closing()]);
        figures.closing = contender.process()?;
    }
    Ok(figures)
}

/// Nanoseconds that this thread has had a CPU for.
fn cpu_time() -> u64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec.unsigned_abs() * 1_000_000_000 + time.tv_nsec.unsigned_abs()
}
