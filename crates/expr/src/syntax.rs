//! The part of SQL's syntax tree that expressions may use.

use datafusion_sql::sqlparser::ast::{
    CeilFloorKind, DateTimeField, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, Ident,
    ObjectName, ObjectNamePart, Value, ValueWithSpan,
};
use datafusion_sql::sqlparser::ast::{FunctionArgumentList, Spanned};

use crate::lists::{LOOKUP, is_call};

/// The operands of `expr`; `None` if expressions may not use this node.
pub(crate) fn operands(expr: &mut Expr) -> Option<Vec<&mut Expr>> {
    Some(match expr {
        Expr::Identifier(_) | Expr::CompoundIdentifier(_) | Expr::Value(_) | Expr::TypedString(_) => {
            Vec::new()
        }
        Expr::IsFalse(inner)
        | Expr::IsNotFalse(inner)
        | Expr::IsTrue(inner)
        | Expr::IsNotTrue(inner)
        | Expr::IsNull(inner)
        | Expr::IsNotNull(inner)
        | Expr::IsUnknown(inner)
        | Expr::IsNotUnknown(inner)
        | Expr::Nested(inner)
        | Expr::UnaryOp { expr: inner, .. }
        | Expr::Cast { expr: inner, array: false, format: None, .. }
        | Expr::Extract { expr: inner, .. } => vec![inner],
        Expr::Ceil { expr: inner, field } | Expr::Floor { expr: inner, field } => match field {
            CeilFloorKind::DateTimeField(DateTimeField::NoDateTime) => vec![inner],
            _ => return None,
        },
        Expr::IsDistinctFrom(left, right)
        | Expr::IsNotDistinctFrom(left, right)
        | Expr::BinaryOp { left, right, .. }
        | Expr::Position { expr: left, r#in: right }
        | Expr::AtTimeZone { timestamp: left, time_zone: right }
        | Expr::Like { any: false, expr: left, pattern: right, .. }
        | Expr::ILike { any: false, expr: left, pattern: right, .. } => vec![left, right],
        Expr::InList { expr, list, .. } => std::iter::once(&mut **expr).chain(list).collect(),
        Expr::Between { expr, low, high, .. } => vec![expr, low, high],
        Expr::Substring { expr, substring_from, substring_for, .. } => std::iter::once(&mut **expr)
            .chain(substring_from.as_deref_mut())
            .chain(substring_for.as_deref_mut())
            .collect(),
        Expr::Trim { expr, trim_what, trim_characters: None, .. } => {
            std::iter::once(&mut **expr).chain(trim_what.as_deref_mut()).collect()
        }
        Expr::Overlay { expr, overlay_what, overlay_from, overlay_for } => [expr, overlay_what, overlay_from]
            .into_iter()
            .map(|part| &mut **part)
            .chain(overlay_for.as_deref_mut())
            .collect(),
        Expr::Case { operand, conditions, else_result, .. } => operand
            .as_deref_mut()
            .into_iter()
            .chain(conditions.iter_mut().flat_map(|when| [&mut when.condition, &mut when.result]))
            .chain(else_result.as_deref_mut())
            .collect(),
        Expr::Function(function) => arguments(function)?,
        Expr::CompoundFieldAccess { root, .. } if is_call(root, LOOKUP) => vec![root],
        _ => return None,
    })
}

/// The arguments of a plain call; `None` if there is anything else than expressions between its parentheses.
pub(crate) fn arguments(function: &mut Function) -> Option<Vec<&mut Expr>> {
    match &mut function.args {
        FunctionArguments::None => Some(Vec::new()),
        FunctionArguments::List(list) if list.clauses.is_empty() => list
            .args
            .iter_mut()
            .map(|argument| match argument {
                FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => Some(expr),
                _ => None,
            })
            .collect(),
        _ => None,
    }
}

/// The name of a function in lower case; `None` for qualified names.
pub(crate) fn function_name(function: &Function) -> Option<String> {
    match &function.name.0[..] {
        [ObjectNamePart::Identifier(name)] => Some(name.value.to_lowercase()),
        _ => None,
    }
}

/// A call of `name`. It stands at the same place as `like`.
pub(crate) fn call(name: &str, arguments: Vec<Expr>, like: &Expr) -> Expr {
    let name = Ident::with_span(like.span(), name);
    Expr::Function(Function {
        name: ObjectName(vec![ObjectNamePart::Identifier(name)]),
        uses_odbc_syntax: false,
        parameters: FunctionArguments::None,
        args: FunctionArguments::List(FunctionArgumentList {
            duplicate_treatment: None,
            args: arguments
                .into_iter()
                .map(|expr| FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)))
                .collect(),
            clauses: Vec::new(),
        }),
        filter: None,
        null_treatment: None,
        over: None,
        within_group: Vec::new(),
    })
}

/// A number literal that stands at the same place as `like`.
pub(crate) fn number(text: &str, like: &Expr) -> Expr {
    Expr::Value(ValueWithSpan { value: Value::Number(text.to_owned(), false), span: like.span() })
}

/// Takes an expression out, leaving NULL in its place.
pub(crate) fn take(expr: &mut Expr) -> Expr {
    std::mem::replace(expr, Expr::Value(Value::Null.into()))
}

/// The expression without parentheses around it.
pub(crate) fn inside(mut expr: &Expr) -> &Expr {
    while let Expr::Nested(inner) = expr {
        expr = inner;
    }
    expr
}
