//! What `+ - * / %` mean for numbers, durations and times.

use datafusion_sql::sqlparser::ast::{BinaryOperator, Expr, UnaryOperator};
use olocus_event::Kind;

use crate::analyze::Analyzer;
use crate::functions::{ADD, DIVIDE, MODULO, MULTIPLY, SUBTRACT, TIME_DIFFERENCE, TIME_SHIFT, common_number};
use crate::infer::is_literal;
use crate::problem::Problem;
use crate::syntax::{call, number, take};
use crate::types::{Class, Typed};

impl Analyzer<'_> {
    /// Types an operator and puts the function in its place that computes it. `None` if that depends on what the
    /// surroundings want, and they are not asked yet.
    pub(crate) fn arithmetic(&mut self, expr: &mut Expr, want: Option<Class>) -> Option<Typed> {
        let place = self.range(expr);
        let like = expr.clone();
        let Expr::BinaryOp { left, op, right } = expr else {
            return None;
        };
        let mut known = |operand: &mut Expr| self.synth(operand).map(|typed| typed.class);
        let known = (known(left), known(right));
        let (left_class, right_class) = operand_classes(op, known.0, known.1, want)?;
        let mut types = (self.check(left, left_class), self.check(right, right_class));
        let mut meaning = meaning(op, types.0.class, types.1.class);
        if meaning.is_none()
            && let Some(typed) = self.adapt(right, types.0.class)
        {
            types.1 = typed;
        }
        if meaning.is_none()
            && let Some(typed) = self.adapt(left, types.1.class)
        {
            types.0 = typed;
        }
        meaning = meaning.or_else(|| self::meaning(op, types.0.class, types.1.class));
        let Some((function, class)) = meaning else {
            if types.0.class == Class::Other || types.1.class == Class::Other {
                return Some(self.planned_type(expr, Class::Null));
            }
            let message = format!("`{op}` cannot join {} and {}", types.0.class.noun(), types.1.class.noun());
            let text = types.0.class == Class::Text || types.1.class == Class::Text;
            let problem = Problem::new("type-mismatch", place, message);
            let problem = match op {
                BinaryOperator::Plus if text => problem.with_help("`||` joins text"),
                _ if types.0.class == Class::Duration || types.1.class == Class::Duration => {
                    problem.with_help("write durations with a unit, as in 5s or 10m")
                }
                _ => problem,
            };
            self.report(problem);
            return Some(Typed::null());
        };
        let (mut first, mut second) = (take(left), take(right));
        match function {
            Function::Call(_) => {}
            Function::Later if types.1.class == Class::Time => {
                std::mem::swap(&mut first, &mut second);
            }
            Function::Later => {}
            Function::Earlier => {
                second = call(SUBTRACT, vec![number("0.0", &second), second.clone()], &second);
            }
        }
        let name = match function {
            Function::Call(name) => name,
            Function::Later | Function::Earlier => TIME_SHIFT,
        };
        let typed = match class {
            Class::Number if name == DIVIDE => Typed { class, ..Kind::Duration.into() },
            Class::Number => Typed { class, data: common_number(&[types.0.data, types.1.data]) },
            Class::Time => Kind::Time.into(),
            _ => Kind::Duration.into(),
        };
        *expr = call(name, vec![first, second], &like);
        self.remember_call(expr, typed.clone());
        Some(typed)
    }

    /// Types a signed expression; a minus before anything but a literal becomes a subtraction, which is checked.
    pub(crate) fn sign(&mut self, expr: &mut Expr, typed: Typed) -> Typed {
        if !matches!(typed.class, Class::Number | Class::Duration | Class::Null) {
            let message = format!("only numbers and durations have a sign, this is {}", typed.class.noun());
            let range = self.range(expr);
            self.report(Problem::new("type-mismatch", range, message));
            return typed;
        }
        if is_literal(expr) && typed.class == Class::Number {
            return typed;
        }
        let like = expr.clone();
        let Expr::UnaryOp { op, expr: inner } = expr else {
            return typed;
        };
        *expr = match op {
            UnaryOperator::Minus => call(SUBTRACT, vec![number("0", &like), take(inner)], &like),
            _ => Expr::Nested(Box::new(take(inner))),
        };
        self.remember_call(expr, typed.clone());
        typed
    }
}

/// How an operator is computed.
#[derive(Clone, Copy)]
enum Function {
    Call(&'static str),
    /// A time and a duration, in either order.
    Later,
    /// A time less a duration.
    Earlier,
}

/// The function for operands of these classes, and the class of its result.
fn meaning(operator: &BinaryOperator, left: Class, right: Class) -> Option<(Function, Class)> {
    use Class::{Duration, Null, Number, Time};
    let (left, right) = match (left, right) {
        (Null, Null) => (Number, Number),
        (Null, Time) if *operator == BinaryOperator::Plus => (Duration, Time),
        (Time, Null) if *operator == BinaryOperator::Plus => (Time, Duration),
        (Null, Duration) if matches!(operator, BinaryOperator::Multiply) => (Number, Duration),
        (Duration, Null) if matches!(operator, BinaryOperator::Multiply) => (Duration, Number),
        (Null, known) => (known, known),
        (known, Null) => (known, known),
        known => known,
    };
    Some(match (operator, left, right) {
        (BinaryOperator::Plus, Number | Duration, _) if left == right => (Function::Call(ADD), left),
        (BinaryOperator::Plus, Time, Duration) | (BinaryOperator::Plus, Duration, Time) => {
            (Function::Later, Time)
        }
        (BinaryOperator::Minus, Number | Duration, _) if left == right => (Function::Call(SUBTRACT), left),
        (BinaryOperator::Minus, Time, Time) => (Function::Call(TIME_DIFFERENCE), Duration),
        (BinaryOperator::Minus, Time, Duration) => (Function::Earlier, Time),
        (BinaryOperator::Multiply, Number, Number) => (Function::Call(MULTIPLY), Number),
        (BinaryOperator::Multiply, Duration, Number) | (BinaryOperator::Multiply, Number, Duration) => {
            (Function::Call(MULTIPLY), Duration)
        }
        (BinaryOperator::Divide, Number, Number) | (BinaryOperator::Divide, Duration, Duration) => {
            (Function::Call(DIVIDE), Number)
        }
        (BinaryOperator::Divide, Duration, Number) => (Function::Call(DIVIDE), Duration),
        (BinaryOperator::Modulo, Number, Number) => (Function::Call(MODULO), Number),
        _ => return None,
    })
}

/// What the operands are to be, from those that are known and from what is wanted of the result.
fn operand_classes(
    operator: &BinaryOperator,
    left: Option<Class>,
    right: Option<Class>,
    want: Option<Class>,
) -> Option<(Class, Class)> {
    use BinaryOperator::{Divide, Minus, Modulo, Multiply, Plus};
    use Class::{Duration, Number, Time};
    if let (Some(left), Some(right)) = (left, right) {
        return Some((left, right));
    }
    Some(match (operator, left, right) {
        (Modulo, ..) => (left.unwrap_or(Number), right.unwrap_or(Number)),
        (Plus, Some(Time), None) => (Time, Duration),
        (Plus, None, Some(Time)) => (Duration, Time),
        // A time less an unknown: mostly how long ago it was.
        (Minus, Some(Time), None) => (Time, if want == Some(Time) { Duration } else { Time }),
        (Minus, None, Some(Time)) => (Time, Time),
        (Minus, Some(Duration), None) => (Duration, Duration),
        (Plus, Some(Duration), None) => (Duration, if want? == Time { Time } else { Duration }),
        (Plus | Minus, None, Some(Duration)) => (if want? == Time { Time } else { Duration }, Duration),
        (Plus | Minus, None, None) => match want? {
            Duration => (Duration, Duration),
            Time => (Time, Duration),
            _ => (Number, Number),
        },
        (Plus | Minus, _, _) => (left.unwrap_or(Number), right.unwrap_or(Number)),
        (Multiply, None, Some(Duration)) => (Number, Duration),
        (Divide, None, Some(Duration)) => (Duration, Duration),
        (Multiply | Divide, None, _) => {
            (if want? == Duration { Duration } else { Number }, right.unwrap_or(Number))
        }
        (Multiply, Some(Number), None) => (Number, if want? == Duration { Duration } else { Number }),
        _ => (left.unwrap_or(Number), right.unwrap_or(Number)),
    })
}
