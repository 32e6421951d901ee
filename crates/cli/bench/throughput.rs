//! How quickly a filled topic is read, and what that costs.

use std::time::Duration;

use olocus_bus::WriterOptions;
use olocus_runtime::{Clock as _, SystemClock};

use super::engine::Engine;
use super::interrupt::Interrupt;
use super::load::{self, Load};
use super::site::Site;
use super::{Found, say};
use crate::failure::Failure;

/// Records that are written at a time.
const CHUNK: usize = 20_000;

/// What was measured.
#[derive(Debug)]
pub(super) struct Throughput {
    pub(super) events: u64,
    /// From the moment at which the engine was ready until all was committed.
    pub(super) wall: Duration,
    /// CPU time of the engine from its start until all was committed.
    pub(super) cpu: Duration,
    pub(super) peak_memory: u64,
    pub(super) found: Found,
}

/// Fills a topic, and then has the engine read it.
pub(super) fn measure(
    site: &Site,
    events: u64,
    rules: u32,
    interrupt: &Interrupt,
) -> Result<Throughput, Failure> {
    let names = site.prepare("throughput")?;
    let load = load::sparse(events, rules, SystemClock.now());
    let yaml = load.rule_yaml(Some(&format!("{{ publish: {} }}", names.matches)));
    let end = load.time(events);
    say(&format!("olocus: writing {events} events ({})", site.kind()));
    let mut load = Load::new(load, &names.events);
    fill(site, &mut load, &load::closing(&names.events, site.partitions(), end), interrupt)?;

    say("olocus: measuring throughput");
    let mut engine = Engine::start(site, &names, &yaml)?;
    let ready = engine.await_ready(interrupt)?;
    engine.await_committed(events + u64::from(site.partitions()), interrupt)?;
    let (wall, cpu) = (ready.elapsed(), engine.cpu_time()?);
    let late = engine.sum("olocus_late_events_total", None)? as u64;
    let undecoded = engine.sum("olocus_decode_failures_total", None)? as u64;
    let peak_memory = engine.peak_memory()?;
    engine.stop()?;

    let mut matches = 0;
    site.read(&names.matches, |_, _| matches += 1)?;
    let found = Found { matches, expected: load.matches(), late, undecoded };
    Ok(Throughput { events, wall, cpu, peak_memory, found })
}

fn fill(
    site: &Site,
    load: &mut Load,
    closing: &[olocus_event::OutRecord],
    interrupt: &Interrupt,
) -> Result<(), Failure> {
    let failed = |cause| Failure::doing("write the events of the bench", cause);
    let log = site.log()?;
    let mut writer = log.writer(WriterOptions::default()).map_err(failed)?;
    loop {
        let records = load.next(CHUNK);
        if records.is_empty() {
            return writer.send(closing).map_err(failed);
        }
        writer.send(&records).map_err(failed)?;
        interrupt.check()?;
    }
}
