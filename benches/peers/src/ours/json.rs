//! From the bytes of JSON to matches: all that the runtime does between reading and writing.

use std::error::Error;
use std::sync::Arc;

use olocus_cep::rule::{TypePattern, parse_rule_file};
use olocus_document::{Diagnostics, Scalar, SourceFile};
use olocus_event::{Format, Keyring, Limits, Record};
use olocus_expr::Schemas;
use olocus_runtime::{InputId, Preparer, SourceSpec, Task, compile};

use crate::contender::Contender;
use crate::generate::Event;
use crate::workload::Workload;

pub(crate) struct Json {
    preparer: Preparer,
    task: Task,
    loaded: Vec<Record>,
    next_offset: i64,
}

impl Json {
    pub(crate) fn new(workload: Workload) -> Result<Json, Box<dyn Error>> {
        let topic = super::topic();
        let mut diagnostics = Diagnostics::new();
        let rule = SourceFile::new("rules.yaml", rule_file(workload));
        let files = [parse_rule_file(&rule, &mut diagnostics)];
        let source = SourceSpec {
            format: Format::Json,
            time: Some(expression("time")?),
            event_type: Some(expression("type")?),
            ..SourceSpec::of(vec![TypePattern::parse(&topic)?])
        };
        let plan = compile(&files, &[source], &Arc::new(Schemas::empty()), &mut diagnostics)
            .ok_or_else(|| diagnostics.render(false))?;
        let plan = Arc::new(plan);
        let mut task = Task::new(Arc::clone(&plan), olocus_cep::Limits::default());
        task.add_input(InputId { topic, partition: 0 }, 0, None, false);
        let preparer = Preparer::new(plan, &Arc::new(Keyring::empty()), Limits::default());
        Ok(Json { preparer, task, loaded: Vec::new(), next_offset: 0 })
    }
}

impl Contender for Json {
    fn load(&mut self, events: &[Event]) {
        self.loaded = super::records(events, &mut self.next_offset, true);
    }

    fn process(&mut self) -> Result<u64, Box<dyn Error>> {
        let records = std::mem::take(&mut self.loaded);
        for prepared in self.preparer.prepare(0, &super::topic(), 0, records) {
            self.task.feed(prepared)?;
        }
        Ok(self.task.take_outputs().matches.len() as u64)
    }
}

fn rule_file(workload: Workload) -> String {
    format!(
        "version: 1
rules:
  - name: seq3
    by: user
    within: {}ms
    sequence:
      - step: a
        event: A
        where: role = 'privileged'
      - step: b
        event: B
      - step: c
        event: C
        where: v > {}
    emit: {{ user: a.user, v: c.v }}
",
        workload.within(),
        workload.bound(0)
    )
}

/// An expression that is one field, as a configuration file would hold it.
fn expression(field: &str) -> Result<Scalar, Box<dyn Error>> {
    let file = SourceFile::new("source.yaml", format!("'\"{field}\"'"));
    let document = olocus_document::parse(&file).map_err(|mistakes| mistakes.render(false))?;
    Ok(document.scalar().ok_or("a field is a scalar")?.clone())
}
