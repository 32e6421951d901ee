//! SQL expressions over events: conditions, values, aggregates' arguments.
//!
//! The way of an expression from text to a column:
//!
//! - text → tokens: SQL's, and literals of durations and sizes;
//! - tokens → syntax tree, by DataFusion's parser;
//! - names → fields, metadata, steps; each [`Problem`] points at its place in the text;
//! - fields → kinds, from [`Schemas`] and from use, which makes the [`Projection`](olocus_event::Projection);
//! - syntax tree → physical expressions of DataFusion, one for each part between AND, OR and NOT;
//! - [`Batch`](olocus_event::Batch) → the rows on which conditions hold, found for all of them together by an [`Index`].
//!
//! What expressions ask of [`Lists`] becomes columns too, by one look-up a row.
//!
//! A [`Compiler`] collects the expressions of all rules; the [`Program`] it ends in evaluates each distinct part once per
//! batch. This crate does no I/O, and its results depend on the events alone.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod aggregate;
mod aggregates;
mod analyze;
mod atom;
mod calls;
mod compare;
mod compiler;
mod doubts;
mod form;
mod fraction;
mod functions;
mod index;
mod infer;
mod lex;
mod lists;
mod literal;
mod live;
mod logic;
mod names;
mod native;
mod one_row;
mod operators;
mod parse;
mod percentile;
mod plan;
mod problem;
mod program;
mod readable;
mod reads;
mod references;
mod resolve;
mod schema;
mod sequence;
mod stack;
mod syntax;
#[cfg(test)]
mod tests;
mod types;
mod uses;
mod values;
mod window;

pub use aggregate::Aggregate;
pub use compiler::Compiler;
pub use fraction::Fraction;
pub use index::{Access, Columns, Found, FoundRow, Index};
pub use lists::{List, ListDefinition, ListError, ListSize, Lists, RowTime, Table, TableSpec, Tables};
pub use live::LiveExpr;
pub use names::EventScope;
pub use problem::Problem;
pub use program::{EventTypes, MetaColumns, PredicateId, Program, ValueId};
pub use readable::readable;
pub use reads::{FieldRead, LookupRead};
pub use schema::{SchemaError, Schemas};
pub use sequence::{
    Comparison, CrossCondition, CrossExpr, CrossInput, SequenceExprs, StepCondition, StepValue, Steps,
};
pub use stack::on_deep_stack;
pub use uses::FieldUses;
pub use values::Values;
pub use window::{ScalarExpr, WindowExprs};
