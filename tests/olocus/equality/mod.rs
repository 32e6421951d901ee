//! The same rules on the same events give the same matches by `replay`, on the embedded log and on Kafka.

mod case;
mod day;
mod empty;
mod keys;
mod recording;
