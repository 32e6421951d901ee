//! The functions that expressions may call.
//!
//! DataFusion's scalar functions, less those whose result depends on more than their arguments, plus `cidr_match`, plus
//! the arithmetic that compiled expressions use in place of SQL's operators (which users cannot name).

mod arithmetic;
mod cidr;

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use datafusion_expr::ScalarUDF;

use crate::percentile::PERCENTILE;
use crate::types::Class;

pub(crate) use self::arithmetic::{
    ADD, DIVIDE, FINITE, MODULO, MULTIPLY, SUBTRACT, TIME_DIFFERENCE, TIME_SHIFT, common_number,
};
pub(crate) use self::cidr::{is_network, parse_address, parse_network};

/// Aggregates over the events of a window, or over those that a match has taken for a step.
pub(crate) const AGGREGATES: [&str; 10] =
    ["count", "sum", "avg", "min", "max", "stddev", "median", PERCENTILE, "first", "last"];

/// Aggregates by their names in other dialects of SQL, and how they are written here.
const AGGREGATES_ELSEWHERE: [(&str, &str); 26] = [
    ("approx_count_distinct", "count(distinct x)"),
    ("approx_distinct", "count(distinct x)"),
    ("approx_median", "median(x)"),
    ("approx_percentile", "percentile_cont(x, 0.95)"),
    ("approx_percentile_cont", "percentile_cont(x, 0.95)"),
    ("approx_quantile", "percentile_cont(x, 0.95)"),
    ("average", "avg(x)"),
    ("count_distinct", "count(distinct x)"),
    ("count_if", "sum(CASE WHEN x THEN 1 ELSE 0 END)"),
    ("countif", "sum(CASE WHEN x THEN 1 ELSE 0 END)"),
    ("first_value", "first(x)"),
    ("last_value", "last(x)"),
    ("maximum", "max(x)"),
    ("mean", "avg(x)"),
    ("minimum", "min(x)"),
    ("percentile", "percentile_cont(x, 0.95)"),
    ("percentile_approx", "percentile_cont(x, 0.95)"),
    ("percentile_disc", "percentile_cont(x, 0.95)"),
    ("quantile", "percentile_cont(x, 0.95)"),
    ("quantile_cont", "percentile_cont(x, 0.95)"),
    ("std", "stddev(x)"),
    ("stddev_samp", "stddev(x)"),
    ("stdev", "stddev(x)"),
    ("var", "power(stddev(x), 2)"),
    ("var_samp", "power(stddev(x), 2)"),
    ("variance", "power(stddev(x), 2)"),
];

/// Functions that a user can name or the compiler uses.
pub(crate) static FUNCTIONS: LazyLock<Functions> = LazyLock::new(Functions::new);

/// Functions whose results would differ from run to run, and what else belongs to no rule.
const REFUSED: [(&str, &str); 14] = [
    ("now", CLOCK),
    ("current_timestamp", CLOCK),
    ("current_date", CLOCK),
    ("current_time", CLOCK),
    ("today", CLOCK),
    ("localtimestamp", CLOCK),
    ("localtime", CLOCK),
    ("random", CHANCE),
    ("rand", CHANCE),
    ("uuid", CHANCE),
    ("gen_random_uuid", CHANCE),
    ("version", ENGINE),
    ("input_file_name", ENGINE),
    ("file_row_index", ENGINE),
];

const CLOCK: &str = "reads the clock, so that the same events would give other results in another run";
const CHANCE: &str = "draws random values, so that the same events would give other results in another run";
const ENGINE: &str = "tells of the engine instead of the event";

/// Functions over values that events do not have.
const LEFT_OUT: [&str; 17] = [
    "arrow_cast",
    "arrow_try_cast",
    "arrow_field",
    "arrow_metadata",
    "arrow_typeof",
    "cast_to_type",
    "try_cast_to_type",
    "with_metadata",
    "named_struct",
    "struct",
    "row",
    "get_field",
    "union_extract",
    "union_tag",
    "make_interval",
    "string_to_map",
    "str_to_map",
];

/// Scalar functions by name and alias, in lower case.
#[derive(Debug)]
pub(crate) struct Functions {
    public: BTreeMap<String, Arc<ScalarUDF>>,
    internal: BTreeMap<String, Arc<ScalarUDF>>,
}

impl Functions {
    fn new() -> Self {
        let mut public = BTreeMap::new();
        for function in datafusion_functions::all_default_functions() {
            for name in std::iter::once(function.name()).chain(function.aliases().iter().map(String::as_str))
            {
                if !LEFT_OUT.contains(&name) && refusal(name).is_none() {
                    public.insert(name.to_lowercase(), Arc::clone(&function));
                }
            }
        }
        let cidr_match = Arc::new(cidr::cidr_match());
        public.insert(cidr_match.name().to_owned(), cidr_match);
        let internal = arithmetic::functions()
            .into_iter()
            .map(|function| (function.name().to_owned(), Arc::new(function)));
        Self { public, internal: internal.collect() }
    }

    /// A function that users may call.
    pub(crate) fn public(&self, name: &str) -> Option<&Arc<ScalarUDF>> {
        self.public.get(name)
    }

    /// Any function.
    pub(crate) fn any(&self, name: &str) -> Option<&Arc<ScalarUDF>> {
        self.public.get(name).or_else(|| self.internal.get(name))
    }

    /// The names that users may call.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.public.keys().map(String::as_str)
    }

    /// How the function is called, as in `substr(str, start_pos[, length])`.
    pub(crate) fn usage(&self, name: &str) -> Option<&str> {
        if name == "cidr_match" {
            return Some("cidr_match(address, network[, …])");
        }
        Some(self.public(name)?.documentation()?.syntax_example.as_str())
    }

    /// Whether the function computes with numbers that may turn out not to be any, as in `sqrt(-1)`.
    pub(crate) fn is_mathematics(&self, name: &str) -> bool {
        self.section(name) == Some("Math Functions")
    }

    /// What fields among the arguments of `name` are tried to be read as, likeliest first.
    pub(crate) fn likely_classes(&self, name: &str) -> [Class; 4] {
        use Class::{Bool, Number, Text, Time};
        let numbers = [Number, Text, Bool, Time];
        match (name, self.section(name)) {
            (
                "to_timestamp_seconds" | "to_timestamp_millis" | "to_timestamp_micros" | "to_timestamp_nanos",
                _,
            )
            | ("from_unixtime" | "to_hex" | "chr" | "make_date" | "make_time", _)
            | (_, Some("Math Functions")) => numbers,
            ("to_timestamp" | "to_date" | "to_time", _) => [Text, Number, Time, Bool],
            (_, Some("Time and Date Functions")) => [Time, Text, Number, Bool],
            _ => [Text, Number, Bool, Time],
        }
    }

    fn section(&self, name: &str) -> Option<&'static str> {
        Some(self.public(name)?.documentation()?.doc_section.label)
    }
}

/// How an aggregate is written here that has this name elsewhere.
pub(crate) fn aggregate_elsewhere(name: &str) -> Option<&'static str> {
    AGGREGATES_ELSEWHERE.iter().find(|(elsewhere, _)| *elsewhere == name).map(|(_, here)| *here)
}

/// Why a function that exists elsewhere is refused.
pub(crate) fn refusal(name: &str) -> Option<&'static str> {
    REFUSED.iter().find(|(refused, _)| *refused == name).map(|(_, reason)| *reason)
}

/// Functions that hand on one of their arguments, which therefore are all of one class.
pub(crate) fn is_conditional(name: &str) -> bool {
    matches!(name, "coalesce" | "nullif" | "nvl" | "ifnull" | "greatest" | "least")
}

/// Those of them that compare their arguments.
pub(crate) fn orders(name: &str) -> bool {
    matches!(name, "greatest" | "least")
}

/// Functions of one number that keep its unit.
pub(crate) fn keeps_unit(name: &str) -> bool {
    matches!(name, "abs" | "round" | "trunc" | "floor" | "ceil")
}

#[cfg(test)]
mod tests {
    use super::*;
    use datafusion_expr::Volatility;

    #[test]
    fn only_reproducible_functions_are_offered() {
        for name in FUNCTIONS.names() {
            let function = FUNCTIONS.public(name).unwrap();
            assert_eq!(function.signature().volatility, Volatility::Immutable, "{name}");
        }
        assert!(FUNCTIONS.public("lower").is_some());
        assert!(FUNCTIONS.public(DIVIDE).is_none());
        assert!(FUNCTIONS.usage("substr").unwrap().starts_with("substr("));
    }
}
