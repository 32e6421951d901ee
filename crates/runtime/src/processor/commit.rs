//! The committer thread: outputs and offsets as one transaction, until it is through.

use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender};
use olocus_bus::{Commit, GroupOffset, OffsetCommit, TopicPartition, Writer};
use olocus_cep::rule::LogLevel;

use super::ledger::{Found, Ledger};
use super::{Backoff, Shared, encode, metrics};
use crate::Error;
use crate::merge::InputId;
use crate::position::Position;
use crate::task::Outputs;

/// How long a processor that was asked to stop still tries to commit.
const LAST_TRIES: Duration = Duration::from_secs(10);

/// How long offsets of a transaction that is still open are waited for.
pub(super) const OFFSETS_TIMEOUT: Duration = Duration::from_secs(10);

/// What is to be committed together.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) outputs: Outputs,
    pub(super) positions: Vec<(InputId, Position)>,
    /// Inputs that were not there before, with what the log had committed of them.
    pub(super) joined: Vec<(InputId, Option<GroupOffset>)>,
}

/// What has been committed.
#[derive(Debug)]
pub(super) struct Done {
    pub(super) positions: Vec<(InputId, Position)>,
}

/// Commits one after another until the evaluator ends.
pub(super) fn run(
    shared: &Shared,
    writer: Box<dyn Writer>,
    pending: &Receiver<Pending>,
    done: &Sender<Result<Done, Error>>,
) {
    let mut committer = Committer { shared, writer, ledger: Ledger::default() };
    while let Ok(mut next) = pending.recv() {
        committer.ledger.join(std::mem::take(&mut next.joined));
        let result = committer.commit(&next);
        let failed = result.is_err();
        let answer = result.map(|()| Done { positions: next.positions });
        if done.send(answer).is_err() || failed {
            return;
        }
    }
}

struct Committer<'a> {
    shared: &'a Shared,
    writer: Box<dyn Writer>,
    ledger: Ledger,
}

impl Committer<'_> {
    fn commit(&mut self, pending: &Pending) -> Result<(), Error> {
        let Shared { plan, options, .. } = self.shared;
        let records = encode::records(plan, options, &pending.outputs).map_err(Error::encoding)?;
        let offset = |(id, position): &(InputId, Position)| OffsetCommit {
            group: options.application_id.clone(),
            topic: id.topic.clone(),
            partition: id.partition,
            offset: position.offset,
            metadata: position.metadata(),
        };
        let commit = Commit { records, offsets: pending.positions.iter().map(offset).collect() };
        let begun = Instant::now();
        self.write(&commit)?;
        self.ledger.enter(&commit);
        metrics::committed(plan, &pending.outputs, begun.elapsed());
        for line in encode::log_lines(plan, &pending.outputs) {
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
    fn write(&mut self, commit: &Commit) -> Result<(), Error> {
        let mut patience = Patience::default();
        loop {
            let error = match self.writer.commit(commit) {
                Ok(()) => break,
                Err(error) => error,
            };
            if error.fenced() {
                return Err(Error::fenced(&self.shared.options.application_id));
            }
            metrics::commit_failed();
            if error.writer_lost() || error.outcome_unknown() {
                if self.replace_writer(commit, &error, &mut patience)? {
                    break;
                }
                continue;
            }
            patience.wait(
                self.shared,
                format!("failed to commit: {error}; trying again, nothing is lost meanwhile"),
                error,
            )?;
        }
        self.shared.status.clear("commit");
        Ok(())
    }

    /// Opens another writer in the place of one that can write nothing any more, unless another process has the
    /// application id by now. Says whether what was to be committed turns out to have been.
    fn replace_writer(
        &mut self,
        commit: &Commit,
        cause: &olocus_bus::Error,
        patience: &mut Patience,
    ) -> Result<bool, Error> {
        loop {
            // Asked before a successor would be fenced, too; but what a dead writer has left open can keep the answer
            // back until there is another.
            if let Ok(Found::Foreign) = self.found(commit) {
                return Err(Error::fenced(&self.shared.options.application_id));
            }
            let opened = self.shared.writer().and_then(|writer| {
                self.writer = writer;
                self.found(commit)
            });
            let error = match opened {
                Ok(Found::Before) => return Ok(false),
                Ok(Found::Through) => return Ok(true),
                Ok(Found::Foreign) => return Err(Error::fenced(&self.shared.options.application_id)),
                Ok(Found::Unclear) => {
                    // Only a restart can tell: it reads what was committed.
                    let what = format!(
                        "learn whether the last commit went through ({cause}); restart to go on from what was \
                         committed"
                    );
                    return Err(Error::unclear(what));
                }
                Err(error) if error.fenced() => {
                    return Err(Error::fenced(&self.shared.options.application_id));
                }
                Err(error) => error,
            };
            patience.wait(
                self.shared,
                format!("failed to commit: {cause}; failed to open another writer: {error}; trying again"),
                error,
            )?;
        }
    }

    fn found(&self, commit: &Commit) -> Result<Found, olocus_bus::Error> {
        let partitions: Vec<TopicPartition> = self.ledger.partitions().cloned().collect();
        let found = self.shared.transport.committed(
            &self.shared.options.application_id,
            &partitions,
            OFFSETS_TIMEOUT,
        )?;
        Ok(self.ledger.compare(&partitions, &found, commit))
    }
}

/// Waits between attempts, but after the wish to stop not for ever.
#[derive(Default)]
struct Patience {
    backoff: Backoff,
    asked_to_stop: Option<Instant>,
}

impl Patience {
    fn wait(&mut self, shared: &Shared, reason: String, error: olocus_bus::Error) -> Result<(), Error> {
        shared.status.hinder("commit", reason);
        if shared.stop.is_set() && self.asked_to_stop.get_or_insert_with(Instant::now).elapsed() > LAST_TRIES
        {
            return Err(Error::bus("commit before stopping; the next start does it again", error));
        }
        // After the wish to stop `Stop::sleep` returns at once, so this waits by itself.
        std::thread::sleep(self.backoff.next().min(Duration::from_secs(1)));
        Ok(())
    }
}
