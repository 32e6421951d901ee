use std::sync::Arc;
use std::time::Duration;

use olocus_bus::{Error, GroupOffset, JoinOptions, MemberToken, Membership, MembershipEvent, TopicPartition};

use super::transport::committed;
use crate::broker::Standing;
use crate::world::World;

pub(super) struct SimMember {
    world: World,
    process: Arc<str>,
    group: String,
    client: u64,
    standing: Arc<Standing>,
}

impl SimMember {
    pub(super) fn join(
        world: World,
        process: Arc<str>,
        group: &str,
        topics: &[String],
        options: JoinOptions,
    ) -> Self {
        let (client, standing) = world.with(|broker| broker.join(&process, group, topics, options));
        Self { world, process, group: group.to_owned(), client, standing }
    }

    fn look(&self) -> Result<Vec<MembershipEvent>, Error> {
        self.world.with(|broker| {
            broker.alive(&self.process)?;
            Ok(broker.poll_client(self.client)?.into_iter().collect())
        })
    }
}

impl Membership for SimMember {
    fn poll(&mut self, timeout: Duration) -> Result<Vec<MembershipEvent>, Error> {
        let events = self.look()?;
        if !events.is_empty() || timeout.is_zero() {
            return Ok(events);
        }
        self.world.idle(&self.process, timeout)?;
        // Waiting is being polled.
        self.look()
    }

    fn token(&self) -> MemberToken {
        let standing = Arc::clone(&self.standing);
        MemberToken::new(self.group.as_str(), standing)
    }

    fn committed(
        &mut self,
        of: &[TopicPartition],
        timeout: Duration,
    ) -> Result<Vec<Option<GroupOffset>>, Error> {
        committed(&self.world, &self.process, &self.group, of, timeout)
    }

    fn close(self: Box<Self>) -> Result<(), Error> {
        // Dropping leaves the group.
        Ok(())
    }
}

impl Drop for SimMember {
    fn drop(&mut self) {
        self.world.with(|broker| broker.leave(self.client));
    }
}
