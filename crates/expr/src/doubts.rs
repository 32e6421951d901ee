//! Names that are no mistake, but look like one: of fields that an open schema does not name, but nearly.

use datafusion_sql::sqlparser::ast::{Expr, Ident};

use crate::logic::Logic;
use crate::names::{range, written};
use crate::parse::parse;
use crate::problem::Problem;
use crate::schema::Schemas;
use crate::stack::on_deep_stack;
use crate::syntax::operands;

impl Schemas {
    /// Where `text` names fields that are likely misspelt. `types` are those of the event it speaks about, none where
    /// they are not known; `steps` have the names and types of the events that it may name as well. Nothing is found in
    /// a text with mistakes.
    #[must_use]
    pub fn doubts(&self, text: &str, types: &[String], steps: &[(&str, &[String])]) -> Vec<Problem> {
        on_deep_stack(|| {
            let Ok(expr) = parse(text) else { return Vec::new() };
            let mut problems = Vec::new();
            Logic::split(expr).for_each_mut(&mut |leaf| {
                each_name(leaf, &mut |path| {
                    let (types, path) = of_event(path, types, steps);
                    problems.extend(self.doubt(path, types));
                });
            });
            problems
        })
    }

    fn doubt(&self, path: &[Ident], types: &[String]) -> Option<Problem> {
        if path.first().is_some_and(|first| first.value == "meta" && first.quote_style.is_none()) {
            return None;
        }
        let segments: Vec<&str> = path.iter().map(|ident| ident.value.as_str()).collect();
        let (event_type, depth, meant) = self.near_miss(types, &segments)?;
        let name = written(&path[..=depth]);
        let message = format!("the schema of `{event_type}` does not know the field `{name}`");
        let problem = Problem::new("doubtful-field", range(&path[depth..=depth]), message);
        Some(problem.with_help(format!("did you mean `{meant}`?")))
    }
}

/// The types of the event whose field `path` is, and the path within it.
fn of_event<'a>(
    path: &'a [Ident],
    types: &'a [String],
    steps: &'a [(&str, &[String])],
) -> (&'a [String], &'a [Ident]) {
    if let [first, rest @ ..] = path
        && !rest.is_empty()
        && first.quote_style.is_none()
        && let Some((_, types)) = steps.iter().find(|(name, _)| *name == first.value)
    {
        return (types, rest);
    }
    (types, path)
}

fn each_name(expr: &mut Expr, visit: &mut impl FnMut(&[Ident])) {
    match expr {
        Expr::Identifier(name) => visit(std::slice::from_ref(name)),
        Expr::CompoundIdentifier(path) => visit(path),
        _ => operands(expr).unwrap_or_default().into_iter().for_each(|operand| each_name(operand, visit)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn doubts(text: &str, types: &[&str]) -> Vec<(String, String)> {
        let mut schemas = Schemas::empty();
        let user = json!({"type": "object", "properties": {"name": {"type": "string"}}});
        let login = json!({"properties": {"user_id": {}, "host": {}, "user": user}});
        schemas.insert_json("login", &login).unwrap();
        schemas.insert_json("export", &json!({"properties": {"user_id": {}, "volume": {}}})).unwrap();
        let closed = json!({"properties": {"volume": {}}, "additionalProperties": false});
        schemas.insert_json("closed", &closed).unwrap();
        let types: Vec<String> = types.iter().map(|name| (*name).to_owned()).collect();
        let export = ["export".to_owned()];
        let found = schemas.doubts(text, &types, &[("sent", &export)]);
        let told = |problem: Problem| {
            let (start, end) = problem.range;
            (text[start..end].to_owned(), problem.help.unwrap())
        };
        found.into_iter().map(told).collect()
    }

    #[test]
    fn near_misses_are_told() {
        for (text, types, name, meant) in [
            ("volum > 3", &["export"][..], "volum", "volume"),
            ("NOT (a = 1 AND lower(\"Host\") = 'x')", &["login"], "\"Host\"", "host"),
            ("user.nam = 'x'", &["login"], "nam", "name"),
            ("count(distinct user_idd) > 3", &["login", "export"], "user_idd", "user_id"),
            ("sent.vlume", &[], "vlume", "volume"),
            ("case when hosts = 'x' then 1 end", &["login"], "hosts", "host"),
        ] {
            let expected = (name.to_owned(), format!("did you mean `{meant}`?"));
            assert_eq!(doubts(text, types), [expected], "{text}");
        }
    }

    #[test]
    fn what_may_be_meant_is_not() {
        for (text, types) in [
            ("volume > 3", &["export"][..]),
            ("volume > 3", &["login", "export"]),
            ("something > 3", &["export"]),
            ("host_name = 'x'", &["login"]),
            ("volum > 3", &[]),
            ("volum > 3", &["export", "unknown"]),
            ("volum > 3", &["closed"]),
            ("user.name.firs = 'x'", &["login"]),
            ("hots.x = 'x' and", &["login"]),
            ("meta.time > meta.tme", &["login"]),
            ("sent.user_id = 'volum'", &["export"]),
        ] {
            assert_eq!(doubts(text, types), [], "{text}");
        }
    }
}
