//! `olocus rules explain`: what becomes of rules, and what they cost.

mod text;

use std::io::Write as _;
use std::process::ExitCode;

use olocus_cep::Limits;
use olocus_cep::rule::RuleFile;
use olocus_document::suggest;
use olocus_runtime::{Plan, SourceSpec, compile};
use serde_json::json;

use super::{RulePaths, load_schemas, print_diagnostics};
use crate::failure::Failure;
use crate::output;

/// Explain rules: the pattern and its automaton, conditions and how they are evaluated, what is held and what bounds it,
/// and warnings about what may cost more than it needs to.
///
/// Rules of all files are explained as they run together: conditions that several of them ask are evaluated once. Rules
/// that are not enabled do not run, and are left out unless --rule names them.
///
/// Exit codes: 0 done, also with warnings; 1 mistakes were found, or a file could not be read; 2 wrong usage, or no such
/// rule.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    rules: RulePaths,

    /// Explain this rule; may be given several times [default: all]
    #[arg(long = "rule", value_name = "NAME")]
    names: Vec<String>,

    /// How to print: for people; as a graph for Graphviz, as in `… --format dot | dot -Tsvg`; or one JSON object a rule
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    Text,
    Dot,
    Json,
}

pub(super) fn run(args: &Args) -> Result<ExitCode, Failure> {
    let schemas = load_schemas(args.rules.schemas.as_deref())?;
    let (mut files, mut diagnostics) = olocus_server::load_rules(&args.rules.paths);
    for rule in files.iter_mut().flat_map(|file| &mut file.rules) {
        rule.enabled |= args.names.contains(&rule.name.value);
    }
    let plan = compile(&files, &[SourceSpec::default_for(&files)], &schemas, &mut diagnostics);
    diagnostics.sort();
    print_diagnostics(&diagnostics);
    let Some(plan) = plan else { return Ok(ExitCode::FAILURE) };
    let chosen = choose(&plan, &files, &args.names)?;
    let mut out = output::stdout();
    if args.format == Format::Dot {
        write!(out, "{}", plan.to_dot(chosen)).map_err(output::failed)?;
        return Ok(ExitCode::SUCCESS);
    }
    for (at, rule) in chosen.into_iter().enumerate() {
        let explanation = plan.explain(rule, Limits::default());
        let place = place_of(&files, &explanation.rule);
        let written = match args.format {
            Format::Text => {
                let blank = if at > 0 { "\n" } else { "" };
                write!(out, "{blank}{}", text::Page { explanation: &explanation, place: place.as_ref() })
            }
            Format::Json | Format::Dot => {
                let mut object = json!(explanation);
                if let Some((file, line)) = place {
                    object["path"] = file.into();
                    object["line"] = line.into();
                }
                writeln!(out, "{object}")
            }
        };
        written.map_err(output::failed)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The positions of the rules with these names, or of all, in the order of their files.
fn choose(plan: &Plan, files: &[RuleFile], names: &[String]) -> Result<Vec<usize>, Failure> {
    let rules = files.iter().flat_map(|file| &file.rules);
    let written: Vec<&str> = rules.map(|rule| rule.name.value.as_str()).collect();
    if let Some(unknown) = names.iter().find(|name| !written.contains(&name.as_str())) {
        let meant = suggest(unknown, written).map(|name| format!("; is `{name}` meant?"));
        return Err(Failure::usage(format!(
            "explain `{unknown}`: there is no such rule{}",
            meant.unwrap_or_default()
        )));
    }
    let is_chosen = |name: &str| names.is_empty() || names.iter().any(|chosen| chosen == name);
    let compiled = plan.rule_names().enumerate();
    Ok(compiled.filter(|(_, name)| is_chosen(name)).map(|(rule, _)| rule).collect())
}

/// File and line in which a rule stands.
fn place_of(files: &[RuleFile], name: &str) -> Option<(String, usize)> {
    let mut rules = files.iter().flat_map(|file| file.rules.iter().map(move |rule| (&file.file, rule)));
    let (file, rule) = rules.find(|(_, rule)| rule.name.value == name)?;
    let (line, _) = file.line_column(rule.name.span.start);
    Some((file.name().to_owned(), line))
}
