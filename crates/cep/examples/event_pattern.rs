//! A pattern written in Rust, over plain Rust events: `cargo run -p olocus-cep --example event_pattern`.
//!
//! Somebody with a privileged role logs in, reads what is confidential, and exports more than twice what was read.

#![allow(clippy::print_stdout)]

use std::error::Error;
use std::time::Duration;

use olocus_cep::pattern::{Comparison, Earlier, EventPattern};
use olocus_cep::{AggregateFunction, Engine, Found, Key, Limits};

#[derive(Debug)]
struct Event {
    minute: i64,
    user: &'static str,
    what: What,
}

#[derive(Debug)]
enum What {
    Login { privileged: bool },
    Access { confidential: bool, bytes: u64 },
    Export { bytes: u64 },
}

impl Event {
    fn bytes(&self) -> Option<u64> {
        match self.what {
            What::Login { .. } => None,
            What::Access { bytes, .. } | What::Export { bytes } => Some(bytes),
        }
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
    let login =
        EventPattern::event("login", |event: &Event| matches!(event.what, What::Login { privileged: true }));
    let access = EventPattern::event("access", |event: &Event| {
        matches!(event.what, What::Access { confidential: true, .. })
    });
    let read =
        Earlier::aggregate(AggregateFunction::Sum, "access", |event: &Event| event.bytes().map(|n| 2 * n));
    let export = EventPattern::event("export", |event: &Event| matches!(event.what, What::Export { .. }))
        .compared(Event::bytes, Comparison::Greater, read);
    let pattern = EventPattern::begin(login)
        .followed_by(access.one_or_more().greedy().gap(minutes(5)))
        .followed_by(export.within(minutes(10)))
        .within(minutes(30))
        .skip_past_last()
        .build()?;
    print!("{}", pattern.pattern());

    let events = [
        Event { minute: 0, user: "ada", what: What::Login { privileged: true } },
        Event { minute: 1, user: "ada", what: What::Access { confidential: true, bytes: 10 } },
        Event { minute: 2, user: "bob", what: What::Export { bytes: 900 } },
        Event { minute: 3, user: "ada", what: What::Access { confidential: true, bytes: 20 } },
        Event { minute: 4, user: "ada", what: What::Export { bytes: 60 } },
        Event { minute: 5, user: "ada", what: What::Export { bytes: 61 } },
    ];
    let mut engine = Engine::new(vec![pattern.plan()], Limits::default());
    let (mut found, mut inputs) = (Vec::new(), Vec::new());
    for event in &events {
        let time = event.minute * 60_000_000_000;
        engine.advance(time, &mut found);
        let key = Key::single(&format!("{:?}", event.user));
        engine.process(0, &key, pattern.row(time, &event, 0, &mut inputs), &mut found)?;
    }
    for finding in &found {
        if let Found::Match { events } = &finding.found {
            println!("{:?}:", finding.key);
            for taken in events {
                println!("  {}: {:?}", pattern.step(taken.step), taken.event);
            }
        }
    }
    Ok(())
}
