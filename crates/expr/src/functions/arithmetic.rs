//! Arithmetic where SQL's operators would give results that rules must not see.
//!
//! Integers do not wrap around, division always yields a fraction, nothing is divided by zero, no result is infinite or
//! "not a number", and the difference of two times is a number of seconds. What has no result is an error, which makes
//! the row NULL.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Datum};
use arrow::compute::kernels::arity::{try_binary, try_unary};
use arrow::compute::kernels::numeric::{add, mul, sub};
use arrow::datatypes::{
    DECIMAL128_MAX_PRECISION, DataType, Decimal128Type, Float64Type, Int64Type, TimeUnit,
    TimestampNanosecondType,
};
use arrow::error::ArrowError;
use datafusion_common::{Result as PlanResult, exec_err};
use datafusion_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility};

use crate::types::UTC;

pub(crate) const ADD: &str = "olocus_add";
pub(crate) const SUBTRACT: &str = "olocus_subtract";
pub(crate) const MULTIPLY: &str = "olocus_multiply";
pub(crate) const DIVIDE: &str = "olocus_divide";
pub(crate) const MODULO: &str = "olocus_modulo";
pub(crate) const FINITE: &str = "olocus_finite";
pub(crate) const TIME_DIFFERENCE: &str = "olocus_time_difference";
pub(crate) const TIME_SHIFT: &str = "olocus_time_shift";

const NANOSECONDS: f64 = 1e9;

pub(super) fn functions() -> Vec<ScalarUDF> {
    [
        (ADD, Operation::Add),
        (SUBTRACT, Operation::Subtract),
        (MULTIPLY, Operation::Multiply),
        (DIVIDE, Operation::Divide),
        (MODULO, Operation::Modulo),
        (FINITE, Operation::Finite),
        (TIME_DIFFERENCE, Operation::TimeDifference),
        (TIME_SHIFT, Operation::TimeShift),
    ]
    .map(|(name, operation)| {
        let signature = Signature::user_defined(Volatility::Immutable);
        ScalarUDF::new_from_impl(Arithmetic { name, operation, signature })
    })
    .into()
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Operation {
    Add,
    Subtract,
    Multiply,
    Divide,
    Modulo,
    /// Hands on a float; infinite values and "not a number" are errors.
    Finite,
    TimeDifference,
    /// A time, and the seconds by which it is moved.
    TimeShift,
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Arithmetic {
    name: &'static str,
    operation: Operation,
    signature: Signature,
}

impl ScalarUDFImpl for Arithmetic {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, arguments: &[DataType]) -> PlanResult<Vec<DataType>> {
        let time = || DataType::Timestamp(TimeUnit::Nanosecond, Some(UTC.into()));
        let wanted = match self.operation {
            Operation::Divide => vec![DataType::Float64; 2],
            Operation::Add | Operation::Subtract | Operation::Multiply | Operation::Modulo => {
                vec![common_number(arguments); 2]
            }
            Operation::Finite => vec![DataType::Float64],
            Operation::TimeDifference => vec![time(); 2],
            Operation::TimeShift => vec![time(), DataType::Float64],
        };
        if arguments.len() == wanted.len() { Ok(wanted) } else { exec_err!("wrong number of operands") }
    }

    fn return_type(&self, arguments: &[DataType]) -> PlanResult<DataType> {
        Ok(match self.operation {
            Operation::Divide | Operation::Finite | Operation::TimeDifference => DataType::Float64,
            Operation::Add | Operation::Subtract | Operation::Multiply | Operation::Modulo => {
                common_number(arguments)
            }
            Operation::TimeShift => DataType::Timestamp(TimeUnit::Nanosecond, Some(UTC.into())),
        })
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> PlanResult<ColumnarValue> {
        let arrays = ColumnarValue::values_to_arrays(&arguments.args)?;
        let result = match (self.operation, &arrays[..]) {
            (Operation::Add, [left, right]) => exact(left, right, add, |a, b| a + b)?,
            (Operation::Subtract, [left, right]) => exact(left, right, sub, |a, b| a - b)?,
            (Operation::Multiply, [left, right]) => exact(left, right, mul, |a, b| a * b)?,
            (Operation::Divide, [left, right]) => divide(left, right)?,
            (Operation::Modulo, [left, right]) => modulo(left, right)?,
            (Operation::Finite, [value]) => {
                Arc::new(try_unary::<Float64Type, _, Float64Type>(value.as_primitive(), finite)?)
            }
            (Operation::TimeDifference, [left, right]) => time_difference(left, right)?,
            (Operation::TimeShift, [time, seconds]) => time_shift(time, seconds)?,
            _ => return exec_err!("wrong number of operands"),
        };
        Ok(ColumnarValue::Array(result))
    }
}

/// The type in which numbers of these types meet without loss, or with the least.
pub(crate) fn common_number(types: &[DataType]) -> DataType {
    let fraction =
        |data: &DataType| data.is_floating() || matches!(data, DataType::Decimal128(_, scale) if *scale != 0);
    if types.iter().any(fraction) {
        DataType::Float64
    } else if types.iter().any(|data| data.is_decimal() || *data == DataType::UInt64) {
        DataType::Decimal128(DECIMAL128_MAX_PRECISION, 0)
    } else {
        DataType::Int64
    }
}

fn finite(value: f64) -> Result<f64, ArrowError> {
    if value.is_finite() { Ok(value) } else { Err(ArrowError::ComputeError("no finite number".to_owned())) }
}

/// Integers by a kernel that checks for overflow, floats so that the result is a number.
fn exact(
    left: &ArrayRef,
    right: &ArrayRef,
    integers: fn(&dyn Datum, &dyn Datum) -> Result<ArrayRef, ArrowError>,
    floats: fn(f64, f64) -> f64,
) -> Result<ArrayRef, ArrowError> {
    if *left.data_type() != DataType::Float64 {
        return integers(left, right);
    }
    let checked = |a: f64, b: f64| finite(floats(a, b));
    let result: arrow::array::Float64Array =
        try_binary(left.as_primitive::<Float64Type>(), right.as_primitive::<Float64Type>(), checked)?;
    Ok(Arc::new(result))
}

fn divide(left: &ArrayRef, right: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    let quotient = |a: f64, b: f64| {
        if b == 0.0 { Err(ArrowError::DivideByZero) } else { finite(a / b) }
    };
    let result: arrow::array::Float64Array =
        try_binary(left.as_primitive::<Float64Type>(), right.as_primitive::<Float64Type>(), quotient)?;
    Ok(Arc::new(result))
}

fn modulo(left: &ArrayRef, right: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    match left.data_type() {
        DataType::Int64 => {
            let remainder = |a: i64, b: i64| {
                if b == 0 { Err(ArrowError::DivideByZero) } else { Ok(a.wrapping_rem(b)) }
            };
            let result: arrow::array::Int64Array =
                try_binary(left.as_primitive::<Int64Type>(), right.as_primitive::<Int64Type>(), remainder)?;
            Ok(Arc::new(result))
        }
        DataType::Decimal128(precision, scale) => {
            let remainder = |a: i128, b: i128| {
                if b == 0 { Err(ArrowError::DivideByZero) } else { Ok(a.wrapping_rem(b)) }
            };
            let result: arrow::array::Decimal128Array = try_binary(
                left.as_primitive::<Decimal128Type>(),
                right.as_primitive::<Decimal128Type>(),
                remainder,
            )?;
            Ok(Arc::new(result.with_precision_and_scale(*precision, *scale)?))
        }
        _ => {
            let remainder = |a: f64, b: f64| finite(a % b);
            let result: arrow::array::Float64Array = try_binary(
                left.as_primitive::<Float64Type>(),
                right.as_primitive::<Float64Type>(),
                remainder,
            )?;
            Ok(Arc::new(result))
        }
    }
}

fn time_difference(left: &ArrayRef, right: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    // The difference of two 64-bit numbers needs 65 bits.
    let seconds = |a: i64, b: i64| Ok((i128::from(a) - i128::from(b)) as f64 / NANOSECONDS);
    let result: arrow::array::Float64Array = try_binary(
        left.as_primitive::<TimestampNanosecondType>(),
        right.as_primitive::<TimestampNanosecondType>(),
        seconds,
    )?;
    Ok(Arc::new(result))
}

fn time_shift(time: &ArrayRef, seconds: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    let shifted = |time: i64, seconds: f64| {
        let nanoseconds = finite(seconds * NANOSECONDS)?.round() as i128;
        i64::try_from(i128::from(time).saturating_add(nanoseconds))
            .map_err(|_| ArrowError::ComputeError("time out of range".to_owned()))
    };
    let result: arrow::array::TimestampNanosecondArray = try_binary(
        time.as_primitive::<TimestampNanosecondType>(),
        seconds.as_primitive::<Float64Type>(),
        shifted,
    )?;
    Ok(Arc::new(result.with_timezone(UTC)))
}
