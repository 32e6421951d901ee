use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use olocus_bus::{End, Error, Fetched, Reader, TopicPartition, check_topic};

use crate::broker::Broker;
use crate::world::World;

pub(super) struct SimReader {
    world: World,
    process: Arc<str>,
    positions: BTreeMap<TopicPartition, Position>,
    /// The partition that is looked at first next time, so that none starves.
    turn: usize,
}

struct Position {
    next: i64,
    paused: bool,
    /// The end that was last reported.
    reported: Option<End>,
}

impl SimReader {
    pub(super) fn new(world: World, process: Arc<str>) -> Self {
        Self { world, process, positions: BTreeMap::new(), turn: 0 }
    }

    /// What there is now.
    fn look(&mut self, max_records: usize) -> Result<Vec<Fetched>, Error> {
        let mut all: Vec<_> = self.positions.iter_mut().collect();
        let count = all.len();
        let turn = self.turn.min(count);
        all.rotate_left(turn);
        self.turn = (turn + 1) % count.max(1);
        let mut left = max_records;
        self.world.with(|broker| {
            broker.alive(&self.process)?;
            broker.settle();
            if broker.is_away() {
                return Ok(Vec::new());
            }
            let mut fetched = Vec::new();
            for (of, position) in all {
                let slow = broker.faults.slow_read;
                if position.paused || left == 0 || broker.dice.chance(slow) {
                    continue;
                }
                match position.read(broker, of, left) {
                    Ok(found) => {
                        left -= found.records.len();
                        fetched.extend(
                            Some(found).filter(|found| !found.records.is_empty() || found.end.is_some()),
                        );
                    }
                    // What was read of others is returned first.
                    Err(error) if fetched.is_empty() => return Err(error),
                    Err(_) => break,
                }
            }
            Ok(fetched)
        })
    }

    fn start(
        &self,
        partitions: &[(TopicPartition, i64)],
    ) -> Result<BTreeMap<TopicPartition, Position>, Error> {
        self.world.with(|broker| broker.alive(&self.process))?;
        let mut started = BTreeMap::new();
        for (of, offset) in partitions {
            check_topic(&of.topic)?;
            if *offset < 0 {
                return Err(Error::misuse(format!("{offset} is no offset of {of}")));
            }
            let position = Position { next: *offset, paused: false, reported: None };
            if started.insert(of.clone(), position).is_some() {
                return Err(Error::misuse(format!("{of} is named twice")));
            }
        }
        Ok(started)
    }

    fn position(&mut self, of: &TopicPartition) -> Result<&mut Position, Error> {
        self.positions.get_mut(of).ok_or_else(|| Error::misuse(format!("{of} is not assigned")))
    }
}

impl Reader for SimReader {
    fn assign(&mut self, partitions: &[(TopicPartition, i64)]) -> Result<(), Error> {
        self.positions = self.start(partitions)?;
        Ok(())
    }

    fn add(&mut self, partitions: &[(TopicPartition, i64)]) -> Result<(), Error> {
        if let Some((known, _)) = partitions.iter().find(|(of, _)| self.positions.contains_key(of)) {
            return Err(Error::misuse(format!("{known} is already assigned")));
        }
        let mut started = self.start(partitions)?;
        self.positions.append(&mut started);
        Ok(())
    }

    fn poll(&mut self, max_records: usize, timeout: Duration) -> Result<Vec<Fetched>, Error> {
        let failed = self.world.with(|broker| {
            let probability = broker.faults.failed_call;
            broker.dice.chance(probability)
        });
        if failed {
            return Err(Error::retry("the answer to a fetch is lost"));
        }
        let fetched = self.look(max_records.max(1))?;
        if !fetched.is_empty() || timeout.is_zero() {
            return Ok(fetched);
        }
        self.world.idle(&self.process, timeout)?;
        self.look(max_records.max(1))
    }

    fn pause(&mut self, partitions: &[TopicPartition]) -> Result<(), Error> {
        partitions.iter().try_for_each(|of| {
            self.position(of)?.paused = true;
            Ok(())
        })
    }

    fn resume(&mut self, partitions: &[TopicPartition]) -> Result<(), Error> {
        partitions.iter().try_for_each(|of| {
            let position = self.position(of)?;
            position.paused = false;
            // Whoever waits for the end has not heard of it since.
            position.reported = None;
            Ok(())
        })
    }
}

impl Position {
    fn read(&mut self, broker: &Broker, of: &TopicPartition, most: usize) -> Result<Fetched, Error> {
        let partition = broker.topics.partition(of)?;
        if !(partition.start()..=partition.end()).contains(&self.next) {
            return Err(broker.topics.out_of_range(of, self.next));
        }
        let (records, next) = partition.read(self.next, most);
        self.next = next;
        let stable_end = partition.stable_end();
        let end = End { offset: next, stable: stable_end == partition.end() };
        let end = (next >= stable_end && self.reported != Some(end)).then_some(end);
        self.reported = end.or(self.reported);
        Ok(Fetched { topic: Arc::clone(&of.topic), partition: of.partition, records, end })
    }
}
