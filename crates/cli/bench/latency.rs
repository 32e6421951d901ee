//! How long a match takes while events come at a given rate.

use std::collections::BTreeMap;
use std::time::Duration;

use olocus_bus::{Writer, WriterOptions};
use olocus_event::{OutRecord, Record};
use olocus_runtime::{Clock as _, SystemClock};
use serde::Deserialize;
use ureq::Agent;

use super::engine::Engine;
use super::interrupt::Interrupt;
use super::load::{self, Load};
use super::site::{Names, Site};
use super::{Found, say};
use crate::failure::Failure;

/// Seconds of the schedule that are measured; matches whose last event is scheduled outside of them do not count.
const MEASURED: u64 = 10;
/// Seconds before that, in which connections are made and caches filled.
const WARM_UP: u64 = 1;
/// Seconds after that, so that no measured event waits for one that does not come.
const COOL_DOWN: u64 = 1;
/// How often events that are due are published.
const TICK: Duration = Duration::from_millis(5);
/// Events of one request or batch at most, where the publisher has to catch up.
const BATCH: u64 = 20_000;

const SECOND: i64 = 1_000_000_000;

/// What was measured. Times are milliseconds, `None` where no match was measured.
#[derive(Debug)]
pub(super) struct Latency {
    /// Events per second that were published in fact.
    pub(super) rate: f64,
    /// From the append of a match's last event to the append of the match.
    pub(super) appended: Percentiles,
    /// From the moment for which the last event was scheduled: a log that stalls counts as well.
    pub(super) scheduled: Percentiles,
    pub(super) peak_memory: u64,
    pub(super) found: Found,
}

/// Percentiles of some durations.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Percentiles {
    pub(super) p50: Option<f64>,
    pub(super) p99: Option<f64>,
}

/// Publishes events at a rate to a running engine. The schedule is fixed beforehand and waits for nothing.
pub(super) fn measure(site: &Site, rate: u64, rules: u32, interrupt: &Interrupt) -> Result<Latency, Failure> {
    let names = site.prepare("latency")?;
    let seconds = WARM_UP + MEASURED + COOL_DOWN;
    let yaml =
        load::dense(rate, seconds, rules, 0).rule_yaml(Some(&format!("{{ publish: {} }}", names.matches)));
    let mut engine = Engine::start(site, &names, &yaml)?;
    engine.await_ready(interrupt)?;
    let mut publisher = Publisher::new(site, &names, &engine)?;

    say(&format!("olocus: measuring latency, {rate} events per second for {seconds} s"));
    let start = SystemClock.now();
    let schedule = load::dense(rate, seconds, rules, start);
    let events = schedule.events;
    let end = schedule.time(events);
    let interval = schedule.interval;
    let mut load = Load::new(schedule, &names.events);
    let mut published = 0;
    while published < events {
        // The event with this number is due at once; those before it are overdue.
        let due = (SystemClock.now() - start) / interval + 1;
        let count = due.unsigned_abs().min(events).saturating_sub(published).min(BATCH);
        if count == 0 {
            interrupt.sleep(TICK)?;
            continue;
        }
        publisher.publish(&load.next(usize::try_from(count).unwrap_or(usize::MAX)))?;
        published += count;
        interrupt.check()?;
    }
    let overrun = (SystemClock.now() - end).max(0);
    let took = (end - start + overrun) as f64 / 1e9;

    engine.await_committed(events, interrupt)?;
    let late = engine.sum("olocus_late_events_total", None)? as u64;
    let undecoded = engine.sum("olocus_decode_failures_total", None)? as u64;
    let peak_memory = engine.peak_memory()?;
    drop(publisher);
    engine.stop()?;

    let first = start + WARM_UP.cast_signed() * SECOND;
    let counted = first..first + MEASURED.cast_signed() * SECOND;
    let (matches, appended, scheduled) = read_back(site, &names, &counted)?;
    Ok(Latency {
        rate: events as f64 / took,
        appended: Percentiles::of(appended),
        scheduled: Percentiles::of(scheduled),
        peak_memory,
        found: Found { matches, expected: load.matches(), late, undecoded },
    })
}

/// Brings events into the log: itself, or through the engine that has the log.
enum Publisher {
    Log(Box<dyn Writer>),
    Http { agent: Agent, url: String, body: Vec<u8> },
}

impl Publisher {
    fn new(site: &Site, names: &Names, engine: &Engine) -> Result<Publisher, Failure> {
        if site.is_exclusive() {
            let agent = Agent::config_builder()
                .http_status_as_error(false)
                .timeout_global(Some(Duration::from_secs(60)))
                .build()
                .new_agent();
            let url = format!("http://{}/v1/topics/{}/events?key=user", engine.address(), names.events);
            return Ok(Publisher::Http { agent, url, body: Vec::new() });
        }
        let writer = site.log()?.writer(WriterOptions::default());
        Ok(Publisher::Log(writer.map_err(|cause| Failure::doing("open a writer", cause))?))
    }

    /// Returns once the records are durable.
    fn publish(&mut self, records: &[OutRecord]) -> Result<(), Failure> {
        match self {
            Publisher::Log(writer) => {
                writer.send(records).map_err(|cause| Failure::doing("publish events", cause))
            }
            Publisher::Http { agent, url, body } => {
                body.clear();
                for value in records.iter().filter_map(|record| record.value.as_ref()) {
                    body.extend_from_slice(value);
                    body.push(b'\n');
                }
                let request = agent.post(&*url).header("content-type", "application/x-ndjson");
                let mut answer =
                    request.send(&body[..]).map_err(|cause| Failure::doing("publish events", cause))?;
                // The answer is read to its end, or the connection could not be used again.
                let said = answer.body_mut().read_to_string().unwrap_or_default();
                if answer.status().is_success() {
                    return Ok(());
                }
                Err(Failure::new(format!("publish events: {}: {}", answer.status(), said.trim())))
            }
        }
    }
}

/// What of the data of a match is needed here.
#[derive(Deserialize)]
struct MatchData {
    events: BTreeMap<String, Vec<Coordinates>>,
}

#[derive(Deserialize)]
struct Coordinates {
    partition: i32,
    offset: i64,
    time: String,
}

/// The number of matches, and of those whose last event's time is `counted` the latencies in milliseconds: from
/// append to append, and from the schedule to the append.
fn read_back(
    site: &Site,
    names: &Names,
    counted: &std::ops::Range<i64>,
) -> Result<(u64, Vec<i64>, Vec<i64>), Failure> {
    let mut appended: BTreeMap<i32, Vec<i64>> = BTreeMap::new();
    site.read(&names.events, |partition, record| {
        let timestamps = appended.entry(partition).or_default();
        // Offsets of this topic have no gaps, unless something else writes to it.
        timestamps.resize(usize::try_from(record.offset).unwrap_or_default(), record.timestamp);
        timestamps.push(record.timestamp);
    })?;
    let (mut matches, mut latencies, mut delays) = (0, Vec::new(), Vec::new());
    let mut unread = None;
    let mut measure = |record: &Record| -> Option<()> {
        let data: MatchData = serde_json::from_slice(record.value.as_deref()?).ok()?;
        let last = data.events.get("c")?.first()?;
        let time = olocus_event::time::parse_rfc3339(&last.time)?;
        let append = appended.get(&last.partition)?.get(usize::try_from(last.offset).ok()?)?;
        if counted.contains(&time) {
            latencies.push(record.timestamp - append);
            delays.push(record.timestamp - time / 1_000_000);
        }
        Some(())
    };
    site.read(&names.matches, |_, record| {
        matches += 1;
        if measure(&record).is_none() {
            unread = record.value;
        }
    })?;
    match unread {
        None => Ok((matches, latencies, delays)),
        Some(value) => Err(Failure::new(format!(
            "read the matches back: the data of one is not as expected: {}",
            String::from_utf8_lossy(&value)
        ))),
    }
}

impl Percentiles {
    /// By nearest rank.
    fn of(mut durations: Vec<i64>) -> Percentiles {
        durations.sort_unstable();
        let at = |percent: usize| -> Option<f64> {
            let rank = (durations.len() * percent).div_ceil(100);
            durations.get(rank.checked_sub(1)?).map(|&duration| duration as f64)
        };
        Percentiles { p50: at(50), p99: at(99) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_were_measured() {
        assert_eq!(Percentiles::of(Vec::new()), Percentiles { p50: None, p99: None });
        assert_eq!(Percentiles::of(vec![7]), Percentiles { p50: Some(7.0), p99: Some(7.0) });
        let hundred = (1..=100).rev().collect();
        assert_eq!(Percentiles::of(hundred), Percentiles { p50: Some(50.0), p99: Some(99.0) });
        assert_eq!(Percentiles::of(vec![3, 1, 2]).p50, Some(2.0));
    }
}
