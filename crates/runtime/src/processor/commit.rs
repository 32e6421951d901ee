//! The committer thread: outputs and offsets as one transaction, until it is through.

use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender};
use olocus_bus::{Commit, OffsetCommit, Writer};
use olocus_cep::rule::LogLevel;

use super::{Backoff, Shared, encode, metrics};
use crate::Error;
use crate::merge::InputId;
use crate::position::Position;
use crate::task::Outputs;

/// How long a processor that was asked to stop still tries to commit.
const LAST_TRIES: Duration = Duration::from_secs(10);

/// What is to be committed together.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) outputs: Outputs,
    pub(super) positions: Vec<(InputId, Position)>,
}

/// What has been committed.
#[derive(Debug)]
pub(super) struct Done {
    pub(super) positions: Vec<(InputId, Position)>,
}

/// Commits one after another until the evaluator ends.
pub(super) fn run(
    shared: &Shared,
    mut writer: Box<dyn Writer>,
    pending: &Receiver<Pending>,
    done: &Sender<Result<Done, Error>>,
) {
    while let Ok(next) = pending.recv() {
        let result = commit(shared, &mut *writer, &next);
        let failed = result.is_err();
        let answer = result.map(|()| Done { positions: next.positions });
        if done.send(answer).is_err() || failed {
            return;
        }
    }
}

fn commit(shared: &Shared, writer: &mut dyn Writer, pending: &Pending) -> Result<(), Error> {
    let options = &shared.options;
    let records = encode::records(&shared.plan, options, &pending.outputs).map_err(Error::encoding)?;
    let offset = |(id, position): &(InputId, Position)| OffsetCommit {
        group: options.application_id.clone(),
        topic: id.topic.clone(),
        partition: id.partition,
        offset: position.offset,
        metadata: position.metadata(),
    };
    let commit = Commit { records, offsets: pending.positions.iter().map(offset).collect() };
    let begun = Instant::now();
    write(shared, writer, &commit)?;
    metrics::committed(&shared.plan, &pending.outputs, begun.elapsed());
    for line in encode::log_lines(&shared.plan, &pending.outputs) {
        match line.level {
            LogLevel::Error => tracing::error!(target: "olocus::match", "{}", line.text),
            LogLevel::Warn => tracing::warn!(target: "olocus::match", "{}", line.text),
            LogLevel::Info => tracing::info!(target: "olocus::match", "{}", line.text),
            LogLevel::Debug => tracing::debug!(target: "olocus::match", "{}", line.text),
        }
    }
    Ok(())
}

/// Writes until it succeeds: an output that cannot be written holds everything up, it is never dropped.
fn write(shared: &Shared, writer: &mut dyn Writer, commit: &Commit) -> Result<(), Error> {
    let mut backoff = Backoff::default();
    let mut asked_to_stop: Option<Instant> = None;
    loop {
        let error = match writer.commit(commit) {
            Ok(()) => {
                shared.status.clear("commit");
                return Ok(());
            }
            Err(error) => error,
        };
        if error.fenced() {
            return Err(Error::fenced(&shared.options.application_id));
        }
        if error.outcome_unknown() {
            // Only a restart can tell: it reads what was committed.
            return Err(Error::bus(
                "learn whether the last commit went through; restart to go on from what was committed",
                error,
            ));
        }
        metrics::commit_failed();
        shared
            .status
            .hinder("commit", format!("failed to commit: {error}; trying again, nothing is lost meanwhile"));
        if shared.stop.is_set() && asked_to_stop.get_or_insert_with(Instant::now).elapsed() > LAST_TRIES {
            return Err(Error::bus("commit before stopping; the next start does it again", error));
        }
        // After the wish to stop `Stop::sleep` returns at once, so this waits by itself.
        std::thread::sleep(backoff.next().min(Duration::from_secs(1)));
    }
}
