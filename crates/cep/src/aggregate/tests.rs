use proptest::prelude::*;

use super::{Accumulator, AggregateFunction, Scalar, Sliding};

const MEDIAN: AggregateFunction = AggregateFunction::Percentile { billionths: 500_000_000 };

const ALL: [AggregateFunction; 10] = [
    AggregateFunction::Count,
    AggregateFunction::CountDistinct,
    AggregateFunction::Sum,
    AggregateFunction::Avg,
    AggregateFunction::Min,
    AggregateFunction::Max,
    AggregateFunction::StdDev,
    MEDIAN,
    AggregateFunction::Percentile { billionths: 0 },
    AggregateFunction::Percentile { billionths: 905_000_000 },
];

fn text(value: &str) -> Scalar {
    Scalar::Text(value.into())
}

/// Checks the result over the values in every way in which it can come about.
fn check(function: AggregateFunction, values: &[Scalar], expected: &Scalar) {
    let run = |values: &[Scalar]| {
        let mut accumulator = Accumulator::new(function);
        values.iter().for_each(|value| accumulator.add(value));
        accumulator
    };
    assert_eq!(&run(values).result(), expected, "{function} of {values:?}");
    for cut in 0..=values.len() {
        let mut merged = run(&values[..cut]);
        merged.merge(&run(&values[cut..]));
        assert_eq!(&merged.result(), expected, "{function} of {values:?} cut at {cut}");
    }
    let mut sliding = Sliding::new(function);
    let before = [Scalar::Float(1e300), text("~"), Scalar::Int(i64::MIN), Scalar::Bool(false), Scalar::Null];
    for (age, value) in before.iter().chain(values).enumerate() {
        sliding.push(age as u64, value);
    }
    for (age, value) in before.iter().enumerate() {
        sliding.pop(age as u64, value);
    }
    assert_eq!(&sliding.result(), expected, "{function} of {values:?}, sliding");
}

#[test]
fn of_nothing_counts_are_zero_and_the_rest_is_null() {
    for values in [&[][..], &[Scalar::Null][..]] {
        for function in ALL {
            let expected = match function {
                AggregateFunction::Count | AggregateFunction::CountDistinct => Scalar::Int(0),
                _ => Scalar::Null,
            };
            check(function, values, &expected);
        }
    }
}

#[test]
fn count_takes_what_is_not_null() {
    check(
        AggregateFunction::Count,
        &[Scalar::Int(1), Scalar::Null, text(""), Scalar::Bool(false)],
        &Scalar::Int(3),
    );
}

#[test]
fn distinct_compares_numbers_by_value_and_keeps_texts_apart() {
    let check = |values: &[Scalar], count| {
        check(AggregateFunction::CountDistinct, values, &Scalar::Int(count));
    };
    check(&[Scalar::Int(1), Scalar::Float(1.0), Scalar::Wide(1)], 1);
    check(&[Scalar::Int(1), text("1")], 2);
    check(&[Scalar::Int(0), Scalar::Float(-0.0), Scalar::Bool(false), Scalar::Null], 2);
    check(&[Scalar::Float(0.5), Scalar::Float(0.5), Scalar::Float(0.25)], 2);
    // These integers have the same nearest float.
    check(&[Scalar::Int((1 << 53) + 1), Scalar::Float((1_u64 << 53) as f64)], 2);
    check(&[Scalar::Wide(1 << 63), Scalar::Float((1_u64 << 63) as f64)], 1);
    check(&[Scalar::Wide(u64::MAX), Scalar::Float(u64::MAX as f64)], 2);
    check(&[Scalar::Float(f64::NAN), Scalar::Float(-f64::NAN)], 1);
}

#[test]
fn sums_of_integers_are_exact_in_the_narrowest_class() {
    let check = |values: &[Scalar], sum| check(AggregateFunction::Sum, values, &sum);
    check(&[Scalar::Int(i64::MAX), Scalar::Int(1), Scalar::Int(-1)], Scalar::Int(i64::MAX));
    check(&[Scalar::Int(i64::MAX), Scalar::Int(1)], Scalar::Wide(1 << 63));
    check(&[Scalar::Wide(u64::MAX), Scalar::Int(1)], Scalar::Float(18_446_744_073_709_551_616.0));
    check(&[Scalar::Int(i64::MIN), Scalar::Int(i64::MIN)], Scalar::Float(-18_446_744_073_709_551_616.0));
}

#[test]
fn sums_with_floats_are_rounded_once() {
    let check = |values: &[Scalar], sum| check(AggregateFunction::Sum, values, &Scalar::Float(sum));
    check(&[Scalar::Float(1e100), Scalar::Float(1.0), Scalar::Float(-1e100)], 1.0);
    check(&vec![Scalar::Float(0.1); 10], 1.0);
    check(&[Scalar::Int(i64::MAX), Scalar::Float(0.5), Scalar::Int(-i64::MAX)], 0.5);
    check(&[Scalar::Int(1), Scalar::Float(2.0)], 3.0);
    check(&[Scalar::Float(f64::MAX), Scalar::Float(f64::MAX)], f64::INFINITY);
    check(&[Scalar::Float(f64::MAX), Scalar::Float(f64::MAX), Scalar::Float(-f64::MAX)], f64::MAX);
    check(&[Scalar::Float(5e-324), Scalar::Float(5e-324)], 1e-323);
    check(&[Scalar::Float(f64::MIN_POSITIVE), Scalar::Float(-5e-324)], f64::MIN_POSITIVE - 5e-324);
    check(&[Scalar::Float(1.5), Scalar::Float(-1.5)], 0.0);
    // Half a unit above an even and an odd mantissa, and a little more than half.
    let two_53 = (1_u64 << 53) as f64;
    check(&[Scalar::Float(two_53), Scalar::Float(1.0)], two_53);
    check(&[Scalar::Float(two_53 + 2.0), Scalar::Float(1.0)], two_53 + 4.0);
    check(&[Scalar::Float(two_53), Scalar::Float(1.0), Scalar::Float(5e-324)], two_53 + 2.0);
}

#[test]
fn sum_and_avg_leave_out_what_is_no_number() {
    let values = [text("7"), Scalar::Int(1), Scalar::Null, Scalar::Int(2), Scalar::Bool(true)];
    check(AggregateFunction::Sum, &values, &Scalar::Int(3));
    check(AggregateFunction::Avg, &values, &Scalar::Float(1.5));
    check(AggregateFunction::Sum, &[text("7")], &Scalar::Null);
}

#[test]
fn avg_of_finite_numbers_is_finite() {
    check(AggregateFunction::Avg, &vec![Scalar::Float(f64::MAX); 4], &Scalar::Float(f64::MAX));
    check(AggregateFunction::Avg, &vec![Scalar::Float(-f64::MAX); 3], &Scalar::Float(-f64::MAX));
    check(AggregateFunction::Avg, &[Scalar::Int(1), Scalar::Int(2)], &Scalar::Float(1.5));
}

#[test]
fn infinities_leave_no_trace() {
    let mut sum = Sliding::new(AggregateFunction::Sum);
    sum.push(0, &Scalar::Float(f64::INFINITY));
    sum.push(1, &Scalar::Float(2.5));
    assert_eq!(sum.result(), Scalar::Float(f64::INFINITY));
    sum.push(2, &Scalar::Float(f64::NEG_INFINITY));
    assert!(matches!(sum.result(), Scalar::Float(value) if value.is_nan()));
    sum.pop(0, &Scalar::Float(f64::INFINITY));
    assert_eq!(sum.result(), Scalar::Float(f64::NEG_INFINITY));
    sum.pop(1, &Scalar::Float(2.5));
    sum.pop(2, &Scalar::Float(f64::NEG_INFINITY));
    assert_eq!(sum.result(), Scalar::Null);
}

#[test]
fn a_sum_that_lost_its_floats_is_an_integer_again() {
    let mut sum = Sliding::new(AggregateFunction::Sum);
    sum.push(0, &Scalar::Float(0.5));
    sum.push(1, &Scalar::Int(2));
    assert_eq!(sum.result(), Scalar::Float(2.5));
    sum.pop(0, &Scalar::Float(0.5));
    assert_eq!(sum.result(), Scalar::Int(2));
}

#[test]
fn min_and_max_compare_integers_and_floats_exactly() {
    let exact = Scalar::Int((1 << 53) + 1);
    let near = Scalar::Float((1_u64 << 53) as f64);
    check(AggregateFunction::Max, &[near.clone(), exact.clone()], &exact);
    check(AggregateFunction::Min, &[exact, near.clone()], &near);
    let values = [Scalar::Wide(u64::MAX), Scalar::Float(1e30), Scalar::Float(-0.5), Scalar::Int(0)];
    check(AggregateFunction::Max, &values, &Scalar::Float(1e30));
    check(AggregateFunction::Min, &values, &Scalar::Float(-0.5));
    check(AggregateFunction::Min, &[Scalar::Int(i64::MIN), Scalar::Float(-1e19)], &Scalar::Float(-1e19));
}

#[test]
fn of_equal_values_min_and_max_tell_the_first() {
    for function in [AggregateFunction::Min, AggregateFunction::Max] {
        check(function, &[Scalar::Int(1), Scalar::Float(1.0)], &Scalar::Int(1));
        check(function, &[Scalar::Float(1.0), Scalar::Int(1)], &Scalar::Float(1.0));
    }
}

#[test]
fn texts_are_ordered_by_their_bytes() {
    let values = [text("b"), text("Z"), text("é"), text("a")];
    check(AggregateFunction::Min, &values, &text("Z"));
    check(AggregateFunction::Max, &values, &text("é"));
    check(AggregateFunction::Max, &[text(""), Scalar::Int(9), Scalar::Bool(true)], &text(""));
    check(AggregateFunction::Min, &[text(""), Scalar::Int(9), Scalar::Bool(true)], &Scalar::Bool(true));
}

#[test]
fn percentiles_lie_at_a_number_or_between_two() {
    let percentile = |billionths| AggregateFunction::Percentile { billionths };
    let numbers = [4, 1, 3, 2].map(Scalar::Int);
    check(MEDIAN, &numbers, &Scalar::Float(2.5));
    check(percentile(0), &numbers, &Scalar::Float(1.0));
    check(percentile(250_000_000), &numbers, &Scalar::Float(1.75));
    check(percentile(1_000_000_000), &numbers, &Scalar::Float(4.0));
    check(percentile(333_333_333), &numbers, &Scalar::Float(1.0 + 0.999_999_999));
    let twice = [7, 7, 7, 9].map(Scalar::Int);
    check(MEDIAN, &twice, &Scalar::Float(7.0));
    check(percentile(900_000_000), &twice, &Scalar::Float(8.4));
    let mixed = [
        text("1"),
        Scalar::Int(1),
        Scalar::Null,
        Scalar::Float(f64::NAN),
        Scalar::Float(2.0),
        Scalar::Bool(true),
    ];
    check(MEDIAN, &mixed, &Scalar::Float(1.5));
    check(MEDIAN, &[text("1")], &Scalar::Null);
    check(MEDIAN, &[Scalar::Float(-0.0)], &Scalar::Float(0.0));
}

fn any_scalar() -> impl Strategy<Value = Scalar> {
    prop_oneof![
        Just(Scalar::Null),
        (-3_i64..4).prop_map(Scalar::Int),
        any::<i64>().prop_map(Scalar::Int),
        any::<u64>().prop_map(Scalar::Wide),
        (-6..7).prop_map(|value| Scalar::Float(f64::from(value) / 2.0)),
        proptest::num::f64::NORMAL.prop_map(Scalar::Float),
        proptest::num::f64::SUBNORMAL.prop_map(Scalar::Float),
        any::<bool>().prop_map(Scalar::Bool),
        "[ab1]{0,2}".prop_map(|value| Scalar::Text(value.into())),
    ]
}

proptest! {
    /// A sliding aggregate tells the same as a fresh one over what is left, and so does one put together from parts.
    #[test]
    fn results_depend_only_on_what_is_in_the_window(
        values in prop::collection::vec(any_scalar(), 0..20),
        size in 1_usize..8,
    ) {
        for function in ALL {
            let mut sliding = Sliding::new(function);
            for (index, value) in values.iter().enumerate() {
                sliding.push(index as u64, value);
                if index >= size {
                    sliding.pop((index - size) as u64, &values[index - size]);
                }
                let window = &values[(index + 1).saturating_sub(size)..=index];
                let mut fresh = Accumulator::new(function);
                window.iter().for_each(|value| fresh.add(value));
                prop_assert_eq!(sliding.result(), fresh.result());
                let (head, tail) = window.split_at(window.len() / 2);
                let mut parts = [Accumulator::new(function), Accumulator::new(function)];
                head.iter().for_each(|value| parts[0].add(value));
                tail.iter().for_each(|value| parts[1].add(value));
                let [mut merged, later] = parts;
                merged.merge(&later);
                prop_assert_eq!(merged.result(), fresh.result());
            }
        }
    }

    /// Floats that are integers times a power of two are summed like integers.
    #[test]
    fn float_sums_are_the_rounded_exact_sums(
        parts in prop::collection::vec((-(1_i64 << 53)..(1 << 53), 0_u32..50), 1..12),
        exponent in -1074_i32..800,
    ) {
        let power = |exponent: i32| {
            // Two factors, since the least powers of two are not reached with one.
            let half = exponent / 2;
            (2.0_f64.powi(half), 2.0_f64.powi(exponent - half))
        };
        let scale = |value: f64| value * power(exponent).0 * power(exponent).1;
        let mut sum = Accumulator::new(AggregateFunction::Sum);
        let mut exact = 0_i128;
        for (mantissa, shift) in &parts {
            exact += i128::from(*mantissa) << shift;
            sum.add(&Scalar::Float(scale(*mantissa as f64 * (1_u64 << shift) as f64)));
        }
        // Every part is a multiple of the least float, so nothing was rounded before; `as` rounds the sum once.
        prop_assert_eq!(sum.result(), Scalar::Float(scale(exact as f64)));
    }
}
