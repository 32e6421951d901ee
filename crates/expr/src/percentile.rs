//! How percentiles are written.

use datafusion_sql::sqlparser::ast::{
    Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentList, FunctionArguments, Value,
    ValueWithSpan,
};

use crate::fraction::Fraction;
use crate::problem::Problem;
use crate::syntax::{inside, take};

/// The name of percentiles in SQL.
pub(crate) const PERCENTILE: &str = "percentile_cont";

/// Both ways to write them.
pub(crate) const USAGE: &str = "percentile_cont(x, 0.95), or as in SQL percentile_cont(0.95) WITHIN GROUP (ORDER BY x), in ascending order";

/// Takes the fraction out of the arguments of a percentile whose name stands at `call`; `range` tells the place of an
/// argument.
pub(crate) fn take_fraction(
    list: &mut FunctionArgumentList,
    call: (usize, usize),
    range: impl Fn(&Expr) -> (usize, usize),
) -> Result<Fraction, Problem> {
    let problem = |range, message: &str| Problem::new("wrong-arguments", range, message);
    let (2, Some(FunctionArg::Unnamed(FunctionArgExpr::Expr(written)))) = (list.args.len(), list.args.pop())
    else {
        return Err(problem(call, "`percentile_cont` takes a value and a fraction").with_help(USAGE));
    };
    let text = match inside(&written) {
        Expr::Value(ValueWithSpan { value: Value::Number(text, _), .. }) => text,
        _ => {
            let message = "the fraction of `percentile_cont` is a number, such as 0.95";
            return Err(problem(range(&written), message).with_help(USAGE));
        }
    };
    Fraction::parse(text).ok_or_else(|| {
        let message = "a fraction is a number from 0 to 1 with nine digits after the point at most";
        problem(range(&written), message).with_help(match text.parse::<u8>() {
            Ok(percent @ 2..=99) => format!("did you mean {}?", f64::from(percent) / 100.0),
            _ => "as in percentile_cont(x, 0.95)".to_owned(),
        })
    })
}

/// Writes `percentile_cont(0.95) WITHIN GROUP (ORDER BY x)` as `percentile_cont(x, 0.95)`.
pub(crate) fn plain_percentile(function: &mut Function) {
    let FunctionArguments::List(list) = &mut function.args else { return };
    if let [order] = &mut function.within_group[..]
        && order.options.asc != Some(false)
        && order.options.nulls_first.is_none()
        && order.with_fill.is_none()
        && list.args.len() == 1
    {
        let value = take(&mut order.expr);
        list.args.insert(0, FunctionArg::Unnamed(FunctionArgExpr::Expr(value)));
        function.within_group.clear();
    }
}
