use super::{Aligned, AlignedPlan, Count, CountPlan, Session, SessionPlan, Trailing, TrailingPlan};
use crate::aggregate::{AggregateFunction, Scalar};
use crate::engine::Row;
use crate::event::Weighing;
use crate::keyed::State;
use crate::snapshot::EventCodec;
use crate::snapshot::wire::{Damaged, Reader, Writer};

const ALL: [AggregateFunction; 8] = [
    AggregateFunction::Count,
    AggregateFunction::CountDistinct,
    AggregateFunction::Sum,
    AggregateFunction::Avg,
    AggregateFunction::StdDev,
    AggregateFunction::Min,
    AggregateFunction::Max,
    AggregateFunction::Percentile { billionths: 500_000_000 },
];

struct Numbers;

impl EventCodec<u64> for Numbers {
    fn write(&self, event: &u64, out: &mut Vec<u8>) {
        out.extend(event.to_le_bytes());
    }

    fn read(&self, bytes: &[u8]) -> Option<u64> {
        bytes.try_into().ok().map(u64::from_le_bytes)
    }
}

fn enter<S: State<Event = u64>>(state: &mut S, plan: &S::Plan, time: i64, input: &Scalar) {
    let inputs = vec![input.clone(); ALL.len()];
    let event = Weighing(time.unsigned_abs(), 40);
    let row = Row { time, steps: 1, inputs: &inputs, event: &event, keep: Some(1) };
    while let Some(at) = state.wake_at(plan).filter(|at| *at <= time) {
        state.wake(plan, at, &mut |_| {});
    }
    if S::growth(Some(state), plan, &row).is_some() {
        state.enter(plan, &row, time.unsigned_abs(), &mut |_| {});
    }
}

fn input(time: i64) -> Scalar {
    match time % 5 {
        0 => Scalar::Int(time),
        1 => Scalar::Text(format!("text {time}").into()),
        2 => Scalar::Wide(u64::MAX),
        _ => Scalar::Float(time as f64 / 8.0),
    }
}

fn bytes<S: State<Event = u64>>(state: &S) -> Vec<u8> {
    let mut writer = Writer::new(&Numbers);
    state.save(&mut writer);
    writer.into_bytes()
}

fn load<S: State<Event = u64>>(plan: &S::Plan, bytes: &[u8]) -> Result<S, Damaged> {
    let mut reader = Reader::new(bytes, &Numbers);
    let state = S::load(plan, &mut reader)?;
    reader.end()?;
    Ok(state)
}

/// Reads a state with every byte changed in some ways, and goes on with what is read; returns how often it was not.
fn check<S: State<Event = u64>>(plan: &S::Plan) -> usize {
    let mut state = S::new(plan);
    (1..40).for_each(|time| enter(&mut state, plan, time, &input(time)));
    let whole = bytes(&state);
    let read: S = load(plan, &whole).unwrap();
    assert_eq!((read.held(), bytes(&read)), (state.held(), whole.clone()), "{plan:?}");
    let mut refused = 0;
    for place in 0..whole.len() {
        assert!(load::<S>(plan, &whole[..place]).is_err(), "{plan:?} cut at {place}");
        // Among them the markers of long numbers, texts, lists and nothing.
        for value in [0x00, 0x01, 0x7f, 0xc0, 0xc2, 0xcb, 0xcf, 0xd3, 0xdb, 0xdd, 0xff, whole[place] ^ 1] {
            let mut changed = whole.clone();
            changed[place] = value;
            match load::<S>(plan, &changed) {
                Ok(mut state) => {
                    (40..45).for_each(|time| enter(&mut state, plan, time, &input(time)));
                    while state.oldest().is_some() {
                        state.drop_oldest();
                    }
                    assert_eq!(state.held().entries, 0);
                }
                Err(Damaged) => refused += 1,
            }
        }
    }
    refused
}

#[test]
fn bytes_that_were_not_written_are_refused_or_harmless() {
    let all = || ALL.to_vec();
    assert!(check::<Count<u64>>(&CountPlan::new(6, all())) > 100);
    assert!(check::<Trailing<u64>>(&TrailingPlan::new(7, all())) > 100);
    assert!(check::<Aligned<u64>>(&AlignedPlan::new(20, 1, all())) > 100);
    assert!(check::<Aligned<u64>>(&AlignedPlan::new(30, 30, all())) > 100);
    assert!(check::<Session<u64>>(&SessionPlan::new(5, all())) > 100);
}
