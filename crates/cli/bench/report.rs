//! The results, for people or for programs.

use std::io::{self, Write};

use serde::Serialize;

use super::Args;
use super::latency::Latency;
use super::throughput::Throughput;

/// The results of a run. The names are those of the JSON object.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Report {
    transport: &'static str,
    events: u64,
    rules: u32,
    partitions: u32,
    wall_s: f64,
    cpu_s: f64,
    events_per_wall_s: f64,
    events_per_cpu_s: f64,
    matches: u64,
    matches_expected: u64,
    rate: u64,
    rate_reached: f64,
    latency_matches: u64,
    latency_matches_expected: u64,
    latency_ms_p50: Option<f64>,
    latency_ms_p99: Option<f64>,
    latency_from_schedule_ms_p50: Option<f64>,
    latency_from_schedule_ms_p99: Option<f64>,
    rss_mib_max: f64,
}

impl Report {
    pub(super) fn new(
        args: &Args,
        transport: &'static str,
        throughput: &Throughput,
        latency: &Latency,
    ) -> Report {
        let events = throughput.events as f64;
        let (wall, cpu) = (throughput.wall.as_secs_f64(), throughput.cpu.as_secs_f64());
        Report {
            transport,
            events: throughput.events,
            rules: args.rules,
            partitions: args.partitions,
            wall_s: rounded(wall, 3),
            cpu_s: rounded(cpu, 3),
            events_per_wall_s: rounded(events / wall, 0),
            events_per_cpu_s: rounded(events / cpu, 0),
            matches: throughput.found.matches,
            matches_expected: throughput.found.expected,
            rate: args.rate,
            rate_reached: rounded(latency.rate, 0),
            latency_matches: latency.found.matches,
            latency_matches_expected: latency.found.expected,
            latency_ms_p50: latency.appended.p50,
            latency_ms_p99: latency.appended.p99,
            latency_from_schedule_ms_p50: latency.scheduled.p50,
            latency_from_schedule_ms_p99: latency.scheduled.p99,
            rss_mib_max: rounded(
                throughput.peak_memory.max(latency.peak_memory) as f64 / f64::from(1 << 20),
                1,
            ),
        }
    }

    /// One object on one line.
    pub(super) fn write_json(&self, out: &mut impl Write) -> io::Result<()> {
        serde_json::to_writer(&mut *out, self)?;
        writeln!(out)
    }

    pub(super) fn write_table(&self, out: &mut impl Write) -> io::Result<()> {
        let Report { transport, events, rules, partitions, rate, .. } = self;
        let milliseconds = |value: Option<f64>| value.map_or("-".to_owned(), |value| format!("{value} ms"));
        let rows = [
            (
                "load",
                format!(
                    "{} events of 200 bytes, {rules} rules, {partitions} partitions, {transport}",
                    grouped(*events as f64)
                ),
            ),
            ("events per wall second", format!("{} ({} s)", grouped(self.events_per_wall_s), self.wall_s)),
            ("events per CPU second", format!("{} ({} s)", grouped(self.events_per_cpu_s), self.cpu_s)),
            ("matches", format!("{} of {}", self.matches, self.matches_expected)),
            (
                "rate while latency is measured",
                format!(
                    "{} events per second of {} asked for",
                    grouped(self.rate_reached),
                    grouped(*rate as f64)
                ),
            ),
            ("matches meanwhile", format!("{} of {}", self.latency_matches, self.latency_matches_expected)),
            (
                "latency, append to append",
                format!(
                    "p50 {}, p99 {}",
                    milliseconds(self.latency_ms_p50),
                    milliseconds(self.latency_ms_p99)
                ),
            ),
            (
                "latency, schedule to append",
                format!(
                    "p50 {}, p99 {}",
                    milliseconds(self.latency_from_schedule_ms_p50),
                    milliseconds(self.latency_from_schedule_ms_p99)
                ),
            ),
            ("memory at most", format!("{} MiB", self.rss_mib_max)),
        ];
        for (name, value) in rows {
            writeln!(out, "{name:<32}{value}")?;
        }
        Ok(())
    }
}

fn rounded(value: f64, digits: i32) -> f64 {
    let scale = 10_f64.powi(digits);
    (value * scale).round() / scale
}

/// A whole number with commas between thousands.
fn grouped(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut grouped = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::Found;
    use super::super::latency::Percentiles;
    use super::*;

    fn report() -> Report {
        let args =
            Args { brokers: None, data_dir: None, events: 9, rate: 500, rules: 2, partitions: 4, json: true };
        let found = Found { matches: 12, expected: 12, late: 0, undecoded: 0 };
        let throughput = Throughput {
            events: 2_000_000,
            wall: Duration::from_secs(4),
            cpu: Duration::from_secs(5),
            peak_memory: 3 << 19,
            found,
        };
        let latency = Latency {
            rate: 499.9,
            appended: Percentiles { p50: Some(60.0), p99: Some(121.0) },
            scheduled: Percentiles { p50: None, p99: None },
            peak_memory: 1 << 20,
            found,
        };
        Report::new(&args, "embedded", &throughput, &latency)
    }

    #[test]
    fn json_is_one_object_with_the_documented_names() {
        let mut out = Vec::new();
        report().write_json(&mut out).unwrap();
        assert_eq!(out.iter().filter(|&&byte| byte == b'\n').count(), 1);
        let json: serde_json::Value = serde_json::from_slice(&out).unwrap();
        assert_eq!(json["events_per_wall_s"], 500_000.0);
        assert_eq!(json["events_per_cpu_s"], 400_000.0);
        assert_eq!((&json["matches"], &json["matches_expected"]), (&12.into(), &12.into()));
        assert_eq!((&json["latency_ms_p50"], &json["latency_ms_p99"]), (&60.0.into(), &121.0.into()));
        assert_eq!(json["rss_mib_max"], 1.5);
        assert_eq!(
            (&json["transport"], &json["events"], &json["rules"]),
            (&"embedded".into(), &2_000_000.into(), &2.into())
        );
    }

    #[test]
    fn table_has_a_row_for_each_number() {
        let mut out = Vec::new();
        report().write_table(&mut out).unwrap();
        let table = String::from_utf8(out).unwrap();
        assert!(table.contains("events per CPU second           400,000 (5 s)\n"), "{table}");
        assert!(table.contains("latency, append to append       p50 60 ms, p99 121 ms\n"), "{table}");
        assert!(table.contains("latency, schedule to append     p50 -, p99 -\n"), "{table}");
    }

    #[test]
    fn thousands_are_grouped() {
        assert_eq!([0.0, 999.0, 1_000.0, 1_234_567.0].map(grouped), ["0", "999", "1,000", "1,234,567"]);
    }
}
