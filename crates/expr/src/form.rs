//! Expressions whose names and types are known.

use datafusion_sql::sqlparser::ast::Expr;
use olocus_event::Kind;

use crate::lists::Lookup;
use crate::logic::Logic;
use crate::names::Origin;
use crate::types::Class;

/// What an expression is as a whole.
#[derive(Clone, Debug)]
pub(crate) enum Form {
    /// A reference alone: its value is handed on as it is.
    Bare(Column),
    Value(Leaf),
    Condition(Logic<Leaf>),
}

impl Form {
    /// The same text for all spellings of one meaning.
    pub(crate) fn normalized(&self) -> String {
        match self {
            Self::Bare(column) => column.name.clone(),
            Self::Value(leaf) => leaf.expr.to_string(),
            Self::Condition(logic) => Self::normalized_condition(logic),
        }
    }

    /// The columns that a value reads.
    pub(crate) fn columns(&self) -> &[Column] {
        match self {
            Self::Bare(column) => std::slice::from_ref(column),
            Self::Value(leaf) => &leaf.columns,
            Self::Condition(_) => &[],
        }
    }

    /// A look-up in a list that changes while rules run, if there is one in it.
    pub(crate) fn live_lookup(&self) -> Option<&Lookup> {
        match self {
            Self::Bare(column) => column.live_lookup(),
            Self::Value(leaf) => leaf.columns.iter().find_map(Column::live_lookup),
            Self::Condition(logic) => {
                let mut found = None;
                logic.for_each(&mut |leaf| {
                    found = found.or_else(|| leaf.columns.iter().find_map(Column::live_lookup));
                });
                found
            }
        }
    }

    pub(crate) fn normalized_condition(logic: &Logic<Leaf>) -> String {
        logic.normalized(&mut |leaf| leaf.expr.to_string())
    }
}

/// An expression over columns that is planned and evaluated as a whole.
#[derive(Clone, Debug)]
pub(crate) struct Leaf {
    pub(crate) expr: Expr,
    pub(crate) columns: Vec<Column>,
    pub(crate) class: Class,
    /// Where it stands in the text.
    pub(crate) range: (usize, usize),
}

/// A column that an expression reads.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Column {
    /// Unique for origin and kind.
    pub(crate) name: String,
    pub(crate) origin: Origin,
    pub(crate) kind: Kind,
}

impl Column {
    /// A look-up in a list that changes while rules run, if it is made of one.
    pub(crate) fn live_lookup(&self) -> Option<&Lookup> {
        match &self.origin {
            Origin::Lookup(lookup) if lookup.is_live() => Some(lookup),
            Origin::Lookup(lookup) => lookup.key.columns().iter().find_map(Self::live_lookup),
            _ => None,
        }
    }

    /// Whether it is made of anything of earlier events.
    pub(crate) fn looks_back(&self) -> bool {
        match &self.origin {
            Origin::Aggregate(_) => true,
            Origin::Lookup(lookup) => lookup.key.columns().iter().any(Self::looks_back),
            Origin::Event(_) | Origin::Step(..) | Origin::By(_) | Origin::LookupCall(_) => false,
        }
    }
}
