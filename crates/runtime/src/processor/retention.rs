//! Warns of records that are older than what the log promises to keep.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Time until a topic's settings are asked for again after that failed: asking may hold up reading for seconds.
const FIRST_WAIT: Duration = Duration::from_secs(60);
const LONGEST_WAIT: Duration = Duration::from_secs(3_600);

/// By topic, what is known of its retention.
#[derive(Debug, Default)]
pub(super) struct Retention(HashMap<Arc<str>, Known>);

#[derive(Debug, Clone, Copy)]
enum Known {
    /// Not yet: it could not be asked for, and is not to be before `again`.
    Nothing { again: Instant, wait: Duration },
    /// How long records stay, in milliseconds.
    Milliseconds(i64),
    /// There is nothing more to say: records stay for ever, or it has been said.
    Done,
}

impl Retention {
    /// Sees how old a record of the topic is by its timestamp, in milliseconds; `ask` finds out how long the topic keeps
    /// records. Once per topic, the retention of one whose records are older.
    pub(super) fn exceeded<E>(
        &mut self,
        topic: &Arc<str>,
        age: i64,
        now: Instant,
        ask: impl FnOnce() -> Result<Option<i64>, E>,
    ) -> Option<i64> {
        let known = match self.0.get(topic) {
            Some(Known::Done) => return None,
            Some(&Known::Milliseconds(retention)) => Known::Milliseconds(retention),
            Some(Known::Nothing { again, .. }) if now < *again => return None,
            before => match ask() {
                Ok(retention) => retention.map_or(Known::Done, Known::Milliseconds),
                Err(_) => {
                    let wait = match before {
                        Some(Known::Nothing { wait, .. }) => (*wait * 2).min(LONGEST_WAIT),
                        _ => FIRST_WAIT,
                    };
                    Known::Nothing { again: now + wait, wait }
                }
            },
        };
        let exceeded = match known {
            Known::Milliseconds(retention) => Some(retention).filter(|&retention| age > retention),
            Known::Nothing { .. } | Known::Done => None,
        };
        self.0.insert(Arc::clone(topic), if exceeded.is_some() { Known::Done } else { known });
        exceeded
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn never() -> Result<Option<i64>, ()> {
        unreachable!("the settings are known, or not to be asked for yet")
    }

    #[test]
    fn any_batch_may_be_the_one_to_warn_of_and_settings_are_asked_for_once() {
        let (mut retention, topic, now) = (Retention::default(), Arc::from("t"), Instant::now());
        assert_eq!(retention.exceeded(&topic, 5, now, || Ok::<_, ()>(Some(10))), None);
        assert_eq!(retention.exceeded(&topic, 10, now, never), None);
        assert_eq!(retention.exceeded(&topic, 11, now, never), Some(10));
        assert_eq!(retention.exceeded(&topic, 12, now, never), None);
        let endless = Arc::from("endless");
        assert_eq!(retention.exceeded(&endless, i64::MAX, now, || Ok::<_, ()>(None)), None);
        assert_eq!(retention.exceeded(&endless, i64::MAX, now, never), None);
    }

    #[test]
    fn settings_that_cannot_be_read_are_asked_for_again_ever_more_rarely() {
        let (mut retention, topic, start) = (Retention::default(), Arc::from("t"), Instant::now());
        let mut asked = Vec::new();
        for minute in 0..600 {
            let now = start + minute * Duration::from_secs(60);
            retention.exceeded(&topic, 1, now, || {
                asked.push(minute);
                Err(())
            });
        }
        assert_eq!(asked[..7], [0, 1, 3, 7, 15, 31, 63]);
        assert_eq!(asked[7..9], [123, 183]);
    }
}
