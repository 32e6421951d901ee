//! Snapshots that are not what an engine wrote, but bear the right checksum.

use std::panic::{AssertUnwindSafe, catch_unwind};

use allocation_counter::measure;
use olocus_cep::{Limits, Plan, Row, Weighing};
use olocus_reference::random::{Features, cases};
use proptest::prelude::*;

use crate::harness::key;
use crate::snapshots::{KEYS, Numbers, Plans, Shown, any_windows, engine, plans, some_limits, windowed_rows};

/// Magic, version and the checksum of the part before.
const HEADER_BYTES: usize = 16;
const CHECKSUM_BYTES: usize = 4;

/// What restoring takes at most, beside what is read at once: for each byte, and in all.
const BYTES_PER_BYTE: u64 = 256;
const BYTES_BESIDE: u64 = 16 << 20;

/// Something that is done to bytes, wherever.
#[derive(Clone, Debug)]
enum Change {
    Flip(u8),
    Put(u8),
    Add(u8),
    /// A number as large as it can be, where one may stand.
    Large,
    Remove(u8),
    Insert(u8),
    /// Another byte of the snapshot.
    Copy(prop::sample::Index),
}

fn changes() -> impl Strategy<Value = Vec<(prop::sample::Index, Change)>> {
    let change = prop_oneof![
        2 => (0_u8..8).prop_map(Change::Flip),
        // Small numbers, and what begins longer ones, lists and nothing.
        3 => prop_oneof![0_u8..8, 0x7d_u8..0xa4, 0xc0_u8..0xe2, any::<u8>()].prop_map(Change::Put),
        3 => prop_oneof![Just(1_u8), Just(255), 2_u8..10].prop_map(Change::Add),
        1 => Just(Change::Large),
        1 => (1_u8..10).prop_map(Change::Remove),
        1 => any::<u8>().prop_map(Change::Insert),
        2 => any::<prop::sample::Index>().prop_map(Change::Copy),
    ];
    prop::collection::vec((any::<prop::sample::Index>(), change), 1..4)
}

fn change(part: &mut Vec<u8>, changes: &[(prop::sample::Index, Change)]) {
    let end = part.len() - CHECKSUM_BYTES;
    let mut body = part[HEADER_BYTES..end].to_vec();
    for (place, change) in changes {
        if body.is_empty() {
            break;
        }
        let at = place.index(body.len());
        match change {
            Change::Flip(bit) => body[at] ^= 1 << bit,
            Change::Put(byte) => body[at] = *byte,
            Change::Add(much) => body[at] = body[at].wrapping_add(*much),
            Change::Large => body[at..]
                .iter_mut()
                .take(5)
                .zip([0xce, 255, 255, 255, 255])
                .for_each(|(to, byte)| *to = byte),
            Change::Remove(count) => {
                let end = at.saturating_add(usize::from(*count)).min(body.len());
                body.drain(at..end);
            }
            Change::Insert(byte) => body.insert(at, *byte),
            Change::Copy(from) => body[at] = body[from.index(body.len())],
        }
    }
    part.truncate(HEADER_BYTES);
    part.extend(body);
    part.extend(crc32fast::hash(part).to_le_bytes());
}

/// Restores what was changed; if that is possible, goes on with all rows from there.
fn restore_and_go_on(plans: &Plans, rows: &[Shown], cut: usize, changes: &[(prop::sample::Index, Change)]) {
    let mut out = Vec::new();
    let mut before = engine(plans);
    let mut show = |engine: &mut olocus_cep::Engine<usize>, index: usize, row: &Shown| {
        engine.advance(row.time, &mut out);
        for (rule, steps) in row.steps.iter().enumerate() {
            let event = Weighing(index, 50 * (index % 7));
            let shown =
                Row { time: row.time, steps: *steps, inputs: &row.inputs, event: &event, keep: Some(1) };
            // Time may have come to be later than that of all rows.
            let _ = engine.process(rule, &key(row.key), shown, &mut out);
        }
    };
    let (first, rest) = rows.split_at(cut);
    for (index, row) in first.iter().enumerate() {
        show(&mut before, index, row);
    }
    let mut parts = [before.snapshot(&Numbers)];
    change(&mut parts[0], changes);
    let mut restored = None;
    // Panics must not pass through what measures.
    let new = engine(plans);
    let restore = AssertUnwindSafe(|| new.restore(&parts, &Numbers).ok());
    let made = measure(|| restored = Some(catch_unwind(restore)));
    let most = parts[0].len() as u64 * BYTES_PER_BYTE + BYTES_BESIDE;
    assert!(made.bytes_max < most, "{} bytes for {}", made.bytes_max, parts[0].len());
    let Some(mut engine) = restored.unwrap().unwrap() else { return };
    for (index, row) in rest.iter().enumerate() {
        show(&mut engine, cut + index, row);
    }
    engine.advance(i64::MAX, &mut Vec::new());
    engine.stats();
    engine.snapshot_increment(&Numbers);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, max_global_rejects: 10_000, ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_of_patterns_are_too_much(
        case in cases(Features::ALL, 25),
        keys in prop::collection::vec(0..KEYS.len(), 25),
        limits in some_limits(),
        changes in changes(),
        cut in any::<prop::sample::Index>(),
    ) {
        let Some(plans) = plans(&case, limits) else { return Err(TestCaseError::reject("no automaton")) };
        let row = |(event, key): (&olocus_reference::Event, &usize)| Shown {
            time: event.time,
            key: KEYS[*key],
            steps: vec![event.bits; plans.len()],
            inputs: event.inputs.to_vec(),
        };
        let rows: Vec<Shown> = case.events.iter().zip(&keys).map(row).collect();
        restore_and_go_on(&plans, &rows, cut.index(rows.len() + 1), &changes);
    }

    #[test]
    fn no_bytes_of_windows_are_too_much(
        (plans, rows) in any_windows().prop_flat_map(|plans| {
            let rules = plans.len();
            (Just(plans), windowed_rows(rules))
        }),
        limits in some_limits(),
        changes in changes(),
        cut in any::<prop::sample::Index>(),
    ) {
        let plans: Vec<(Plan, Limits)> = plans.into_iter().map(|plan| (plan, limits)).collect();
        restore_and_go_on(&plans, &rows, cut.index(rows.len() + 1), &changes);
    }
}
