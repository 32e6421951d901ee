//! Types of single references: fields, metadata, aggregates.

use olocus_event::Kind;

use crate::aggregate::Aggregate;
use crate::analyze::{Analyzer, Reference, marked};
use crate::names::Origin;
use crate::problem::Problem;
use crate::schema::SchemaKind;
use crate::types::{Class, Typed};
use datafusion_sql::sqlparser::ast::Expr;

impl Analyzer<'_> {
    pub(crate) fn synth_reference(&mut self, index: usize) -> Option<Typed> {
        let reference = &self.references[index];
        if let Some(kind) = reference.kind {
            return Some(kind.into());
        }
        if let Origin::Aggregate(position) = reference.origin {
            let call = &mut self.aggregates[position];
            let function = call.function;
            let mut argument = call.argument.take()?;
            let typed = self.synth(&mut argument);
            let result = typed.map(|typed| self.aggregate_type(function, &argument, typed));
            self.aggregates[position].argument = Some(argument);
            self.references[index].kind = result.as_ref().and_then(|typed| typed.class.kind());
            return result;
        }
        reference.schema.map(SchemaKind::kind).or(reference.used).map(Typed::from)
    }

    /// Whether `expr` is a field of which only other expressions tell as what it is read.
    pub(crate) fn is_open_field(&self, expr: &Expr) -> bool {
        marked(expr).is_some_and(|index| {
            let field = &self.references[self.field_behind(index)];
            field.kind.is_none() && field.schema.is_none() && field.used.is_some()
        })
    }

    /// The reference to a field whose value a reference hands on; itself, unless it stands for the first or last event
    /// of a step.
    pub(crate) fn field_behind(&self, index: usize) -> usize {
        let Some(Reference { origin: Origin::Aggregate(position), .. }) = self.references.get(index) else {
            return index;
        };
        let call = &self.aggregates[*position];
        call.argument.as_ref().filter(|_| call.function.picks()).and_then(marked).unwrap_or(index)
    }

    pub(crate) fn decide_reference(&mut self, index: usize, want: Class) -> Typed {
        if let Origin::Aggregate(position) = self.references[index].origin {
            let function = self.aggregates[position].function;
            let extreme = matches!(function, Aggregate::Min | Aggregate::Max);
            let asked = want;
            let want = match want {
                Class::Duration => want,
                _ if function.picks() => want,
                Class::Text | Class::Time | Class::Bool if extreme => want,
                _ => Class::Number,
            };
            let Some(mut argument) = self.aggregates[position].argument.take() else {
                return Kind::Number.into();
            };
            let guessing = self.guessing || want != asked;
            let typed = self.guess(guessing, |this| this.decide(&mut argument, want));
            let result = self.aggregate_type(function, &argument, typed);
            self.aggregates[position].argument = Some(argument);
            self.references[index].kind = result.class.kind();
            return result;
        }
        let asked = want.kind().filter(|kind| *kind != Kind::Json && !self.guessing);
        self.uses.extend(asked.map(|kind| (self.references[index].origin.clone(), kind)));
        let kind = want.kind().unwrap_or(Kind::Text);
        self.references[index].kind = Some(kind);
        kind.into()
    }

    pub(crate) fn adapt_reference(&mut self, index: usize, want: Class) -> Option<Typed> {
        let reference = &mut self.references[index];
        if let Origin::Aggregate(position) = reference.origin {
            let picks = self.aggregates[position].function.picks();
            if !picks && want != Class::Duration && want != Class::Time {
                return None;
            }
            let mut argument = self.aggregates[position].argument.take()?;
            let adapted = self.adapt(&mut argument, want);
            self.aggregates[position].argument = Some(argument);
            let typed = adapted?;
            self.references[index].kind = typed.class.kind();
            return Some(typed);
        }
        if reference.kind.is_some() {
            return None;
        }
        let readable = match reference.schema {
            Some(SchemaKind::Text) => matches!(want, Class::Text | Class::Duration | Class::Time),
            Some(SchemaKind::Number) => matches!(want, Class::Number | Class::Duration),
            Some(SchemaKind::Bool) => want == Class::Bool,
            Some(SchemaKind::Structured) => matches!(want, Class::Json | Class::Text),
            None => reference.used.is_some(),
        };
        let kind = want.kind().filter(|_| readable)?;
        reference.kind = Some(kind);
        Some(kind.into())
    }

    fn aggregate_type(&mut self, function: Aggregate, argument: &Expr, typed: Typed) -> Typed {
        match function {
            Aggregate::Count | Aggregate::CountDistinct => Kind::Number.into(),
            Aggregate::Min | Aggregate::Max | Aggregate::First | Aggregate::Last => {
                typed.class.kind().map_or(typed, Typed::from)
            }
            Aggregate::Sum | Aggregate::Avg | Aggregate::StdDev | Aggregate::Percentile(_) => {
                match typed.class {
                    Class::Duration => Kind::Duration.into(),
                    Class::Number | Class::Null => Kind::Number.into(),
                    class => {
                        let message = format!(
                            "`{function}` needs numbers, but `{}` is {}",
                            self.written(argument),
                            class.noun()
                        );
                        self.report(Problem::new("type-mismatch", self.range(argument), message));
                        Kind::Number.into()
                    }
                }
            }
        }
    }
}
