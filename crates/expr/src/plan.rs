//! Syntax tree → physical expression.

use std::sync::{Arc, LazyLock};

use arrow::datatypes::{DataType, Field, Schema};
use datafusion_common::config::ConfigOptions;
use datafusion_common::{DFSchema, DataFusionError, Result, TableReference, plan_err};
use datafusion_expr::execution_props::ExecutionProps;
use datafusion_expr::expr_schema::ExprSchemable;
use datafusion_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion_expr::planner::{ContextProvider, ExprPlanner};
use datafusion_expr::simplify::SimplifyContext;
use datafusion_expr::{AggregateUDF, Expr, HigherOrderUDF, ScalarUDF, TableSource, WindowUDF};
use datafusion_functions::core::planner::CoreFunctionPlanner;
use datafusion_functions::datetime::planner::DatetimeFunctionPlanner;
use datafusion_functions::unicode::planner::UnicodeFunctionPlanner;
use datafusion_optimizer::simplify_expressions::ExprSimplifier;
use datafusion_physical_expr::{PhysicalExpr, create_physical_expr};
use datafusion_sql::planner::{ParserOptions, PlannerContext, SqlToRel};
use datafusion_sql::sqlparser::ast::Expr as SqlExpr;

use crate::functions::FUNCTIONS;
use crate::stack::on_deep_stack;

static CONTEXT: LazyLock<Context> = LazyLock::new(|| Context {
    options: Arc::new(ConfigOptions::default()),
    planners: vec![
        Arc::new(CoreFunctionPlanner::default()),
        Arc::new(DatetimeFunctionPlanner),
        Arc::new(UnicodeFunctionPlanner),
    ],
});

/// Names and types of the columns that an expression reads.
pub(crate) type Columns<'a> = &'a [(String, DataType)];

/// The type of `expr`, if it has any over these columns.
pub(crate) fn type_of(expr: SqlExpr, columns: Columns<'_>) -> Result<DataType> {
    let schema = schema(columns)?;
    let expr = simplifier(&schema).coerce(logical(expr, &schema)?, &schema)?;
    expr.get_type(&schema)
}

/// Makes `expr` ready to run over batches of these columns.
pub(crate) fn physical(expr: SqlExpr, columns: Columns<'_>) -> Result<Arc<dyn PhysicalExpr>> {
    on_deep_stack(|| plan(expr, columns))
}

fn plan(expr: SqlExpr, columns: Columns<'_>) -> Result<Arc<dyn PhysicalExpr>> {
    let schema = Arc::new(schema(columns)?);
    let simplifier = simplifier(&schema);
    let expr = simplifier.coerce(logical(expr, &schema)?, &schema)?;
    let expr = simplifier.simplify(expr)?;
    let props = ExecutionProps::new();
    create_physical_expr(&expr, &schema, &props, &PhysicalPlanningContext::default())
}

/// The Arrow schema of the columns.
pub(crate) fn arrow_schema(columns: Columns<'_>) -> Schema {
    Schema::new(columns.iter().map(|(name, data)| Field::new(name, data.clone(), true)).collect::<Vec<_>>())
}

fn schema(columns: Columns<'_>) -> Result<DFSchema> {
    DFSchema::try_from(arrow_schema(columns))
}

fn simplifier(schema: &DFSchema) -> ExprSimplifier {
    let context = SimplifyContext::builder()
        .with_schema(Arc::new(schema.clone()))
        .with_config_options(Arc::clone(&CONTEXT.options))
        .build();
    ExprSimplifier::new(context)
}

fn logical(expr: SqlExpr, schema: &DFSchema) -> Result<Expr> {
    let options = ParserOptions {
        enable_ident_normalization: false,
        map_string_types_to_utf8view: false,
        ..ParserOptions::default()
    };
    SqlToRel::new_with_options(&*CONTEXT, options).sql_to_expr(expr, schema, &mut PlannerContext::new())
}

/// What DataFusion's planner asks for: functions, and nothing that could be read from elsewhere.
struct Context {
    options: Arc<ConfigOptions>,
    planners: Vec<Arc<dyn ExprPlanner>>,
}

impl ContextProvider for Context {
    fn get_table_source(&self, name: TableReference) -> Result<Arc<dyn TableSource>, DataFusionError> {
        plan_err!("there is no table {name}")
    }

    fn get_expr_planners(&self) -> &[Arc<dyn ExprPlanner>] {
        &self.planners
    }

    fn get_function_meta(&self, name: &str) -> Option<Arc<ScalarUDF>> {
        FUNCTIONS.any(name).cloned()
    }

    fn get_higher_order_meta(&self, _: &str) -> Option<Arc<HigherOrderUDF>> {
        None
    }

    fn get_aggregate_meta(&self, _: &str) -> Option<Arc<AggregateUDF>> {
        None
    }

    fn get_window_meta(&self, _: &str) -> Option<Arc<WindowUDF>> {
        None
    }

    fn get_variable_type(&self, _: &[String]) -> Option<DataType> {
        None
    }

    fn options(&self) -> &ConfigOptions {
        &self.options
    }

    fn udf_names(&self) -> Vec<String> {
        FUNCTIONS.names().map(str::to_owned).collect()
    }

    fn higher_order_function_names(&self) -> Vec<String> {
        Vec::new()
    }

    fn udaf_names(&self) -> Vec<String> {
        Vec::new()
    }

    fn udwf_names(&self) -> Vec<String> {
        Vec::new()
    }
}
