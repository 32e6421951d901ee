//! The behaviour that all transports share, shown on each of them, and what each has of its own.
//!
//! The simulated log, by which everything above is tested, has to behave like the real ones too. The Kafka part runs against a real broker and says so if it cannot.
#![allow(clippy::unwrap_used)]

mod crash;
mod embedded;
mod groups;
mod kafka;
mod members;
mod reading;
mod takeover;
mod world;
mod writing;

/// Runs each behaviour on each transport.
macro_rules! on_every_transport {
    ($($module:ident: $($behaviour:ident),+;)+) => {
        mod on_embedded {
            $($(
                #[test]
                fn $behaviour() {
                    crate::$module::$behaviour(&crate::world::World::embedded());
                }
            )+)+
        }

        mod on_sim {
            $($(
                #[test]
                fn $behaviour() {
                    crate::$module::$behaviour(&crate::world::World::sim());
                }
            )+)+
        }

        mod on_kafka {
            $($(
                #[test]
                fn $behaviour() {
                    if let Some(world) = crate::world::World::kafka() {
                        crate::$module::$behaviour(&world);
                    }
                }
            )+)+
        }
    };
}

on_every_transport! {
    reading:
        seek_by_offset_and_time,
        ends_are_reported,
        pause_and_resume,
        added_partitions_leave_the_others_alone,
        a_waiting_reader_is_woken,
        a_lost_offset_is_told,
        few_records_at_a_time,
        a_reader_waits_for_no_more_than_the_first_record,
        unknown_partitions_are_told,
        what_is_purged_is_gone,
        nothing_is_undecided_once_written;
    writing:
        order_per_key,
        keys_meet_those_of_java_producers,
        headers_keys_and_tombstones,
        timestamps_are_the_wall_clock,
        topics_are_created_once,
        large_records,
        outputs_and_offsets_are_atomic,
        a_new_writer_fences_the_old_one,
        writers_refuse_what_is_not_theirs,
        chosen_partitions;
    groups:
        resume_by_group,
        partitions_are_spread_over_members,
        members_share_several_topics;
    members:
        offsets_come_from_who_has_the_partition,
        a_refused_commit_leaves_nothing,
        what_is_revoked_is_given_up_by_the_next_poll,
        who_has_left_commits_nothing,
        a_static_member_comes_back_to_what_it_had;
}
