//! What goes on all day and means nothing.
//!
//! Privileged people log in and read confidential data here too; what the background never has is a large export by
//! one of them, nor anything at all by somebody while a planned chain or near miss of theirs runs.

use serde_json::Value;

use super::company::{Company, Person, SITES};
use super::plan::Plan;
use super::{Draft, MINUTE, MINUTES};
use crate::draw::Draw;

/// How the background is spread over the day.
#[derive(Debug)]
pub(super) struct Background {
    /// Weight of each group of people, minute by minute; the machines come last.
    weights: Vec<Vec<u64>>,
    /// Sum of the weights before each minute, and of all at the end.
    cumulated: Vec<u64>,
    events: u64,
}

impl Background {
    pub(super) fn new(company: &Company, events: u64) -> Self {
        let mut weights = Vec::with_capacity(MINUTES as usize);
        let mut cumulated = vec![0];
        let mut sum = 0;
        for minute in 0..MINUTES {
            let group = |members: &Vec<usize>| match members.first() {
                Some(&first) => company.presence(&company.people[first], minute) * members.len() as u64,
                None => 0,
            };
            let mut row: Vec<u64> = company.groups.iter().map(group).collect();
            row.push(company.people.len() as u64 * 20);
            sum += row.iter().sum::<u64>();
            cumulated.push(sum);
            weights.push(row);
        }
        Self { weights, cumulated, events }
    }

    /// Number of background events of a minute; over the day they add up to exactly what was asked for.
    pub(super) fn count(&self, minute: u64) -> u64 {
        let total = u128::from(self.cumulated[MINUTES as usize]);
        let before =
            |minute: u64| u128::from(self.cumulated[minute as usize]) * u128::from(self.events) / total;
        (before(minute + 1) - before(minute)) as u64
    }

    /// One event at a time.
    pub(super) fn event(&self, at: u64, company: &Company, plan: &Plan, draw: &mut Draw) -> Draft {
        let minute = at / MINUTE;
        let group = draw.weighted(&self.weights[minute as usize]);
        let Some(members) = company.groups.get(group) else {
            return heartbeat(at, draw);
        };
        let index = members[draw.below(members.len() as u64) as usize];
        if plan.is_quiet(index, at) {
            return heartbeat(at, draw);
        }
        let person = &company.people[index];
        let logins = if company.arriving(person, minute) { 24 } else { 5 };
        match draw.weighted(&[logins, 3, 14, 4, 56, 10, 2]) {
            0 => login(at, person, draw),
            1 => failed_login(at, person, draw),
            2 => Draft {
                at,
                event_type: "auth.token.refreshed",
                source: person.site.identity_source,
                fields: vec![
                    ("user_id", person.id.clone().into()),
                    ("client", draw.pick(&["browser", "desktop", "mobile", "cli"]).into()),
                    ("expires_in", 3600.into()),
                ],
                part: None,
            },
            3 => Draft {
                at,
                event_type: "auth.logout",
                source: person.site.identity_source,
                fields: vec![
                    ("user_id", person.id.clone().into()),
                    ("reason", draw.pick(&["user", "idle", "expired"]).into()),
                ],
                part: None,
            },
            4 => {
                let classification = ["public", "internal", "confidential"][draw.weighted(&[38, 54, 8])];
                access(at, person, classification, draw)
            }
            5 => {
                let most = if person.privileged || !draw.one_in(12) { 4_000_000 } else { 80_000_000 };
                let volume = draw.long_tailed(2_000, most);
                export(at, person, volume, draw)
            }
            _ => Draft {
                at,
                event_type: "config.change",
                source: person.site.identity_source,
                fields: vec![
                    ("user_id", person.id.clone().into()),
                    ("user_role", person.role().into()),
                    (
                        "setting",
                        draw.pick(&["mfa.device", "profile.phone", "share.link", "mail.rule"]).into(),
                    ),
                ],
                part: None,
            },
        }
    }
}

impl Person {
    fn role(&self) -> &'static str {
        if self.privileged { "privileged" } else { "standard" }
    }
}

pub(super) fn login(at: u64, person: &Person, draw: &mut Draw) -> Draft {
    Draft {
        at,
        event_type: "auth.login",
        source: person.site.identity_source,
        fields: vec![
            ("user_id", person.id.clone().into()),
            ("user_role", person.role().into()),
            ("host", person.host.clone().into()),
            ("source_ip", person.ip.clone().into()),
            ("method", draw.pick(&["password", "sso", "sso", "certificate"]).into()),
            ("mfa", (!draw.one_in(7)).into()),
            ("session", format!("s-{:010x}", draw.below(1 << 40)).into()),
        ],
        part: None,
    }
}

pub(super) fn failed_login(at: u64, person: &Person, draw: &mut Draw) -> Draft {
    Draft {
        at,
        event_type: "auth.failed",
        source: person.site.identity_source,
        fields: vec![
            ("user_id", person.id.clone().into()),
            ("host", person.host.clone().into()),
            ("source_ip", person.ip.clone().into()),
            (
                "reason",
                draw.pick(&["bad_password", "bad_password", "expired_password", "mfa_timeout"]).into(),
            ),
            ("attempt", draw.between(1, 3).into()),
        ],
        part: None,
    }
}

pub(super) fn access(at: u64, person: &Person, classification: &'static str, draw: &mut Draw) -> Draft {
    let resource = if classification == "confidential" {
        draw.pick(&person.department.confidential)
    } else {
        draw.pick(&person.department.resources)
    };
    Draft {
        at,
        event_type: "data.access",
        source: person.site.files_source,
        fields: vec![
            ("user_id", person.id.clone().into()),
            ("user_role", person.role().into()),
            ("data_classification", classification.into()),
            ("resource", format!("{resource}/{:04}", draw.below(2000)).into()),
            ("action", draw.pick(&["read", "read", "read", "list", "write"]).into()),
            ("bytes", draw.long_tailed(300, 2_000_000).into()),
            ("host", person.host.clone().into()),
        ],
        part: None,
    }
}

pub(super) fn export(at: u64, person: &Person, volume: u64, draw: &mut Draw) -> Draft {
    Draft {
        at,
        event_type: "data.export",
        source: person.site.files_source,
        fields: vec![
            ("user_id", person.id.clone().into()),
            ("resource", draw.pick(&person.department.resources).into()),
            ("volume", volume.into()),
            ("destination", draw.pick(&["download", "download", "mail", "usb", "cloud-share"]).into()),
            ("format", draw.pick(&["csv", "xlsx", "pdf", "zip"]).into()),
            ("host", person.host.clone().into()),
        ],
        part: None,
    }
}

fn heartbeat(at: u64, draw: &mut Draw) -> Draft {
    let site = &SITES[draw.below(SITES.len() as u64) as usize];
    let role = draw.pick(&["db", "web", "files", "mail", "dc"]);
    let percent = |hundredths: u64| Value::from(hundredths as f64 / 100.0);
    Draft {
        at,
        event_type: "system.heartbeat",
        source: "/monitoring",
        fields: vec![
            ("host", format!("srv-{}-{role}-{:02}", site.code, draw.between(1, 12)).into()),
            ("status", if draw.one_in(400) { "degraded" } else { "ok" }.into()),
            ("cpu_percent", percent(draw.around(3_200, 3_000))),
            ("memory_percent", percent(draw.around(6_100, 2_500))),
            ("uptime_s", draw.between(60, 9_000_000).into()),
        ],
        part: None,
    }
}
