//! What expressions ask of lists.

use std::sync::Arc;

use olocus_event::{Kind, Value};

use super::{decode, predicates, scope};
use crate::{
    Compiler, CrossCondition, CrossInput, EventScope, List, ListDefinition, ListError, Lists, Problem,
    RowTime, Schemas, Steps, TableSpec, Tables,
};

fn list(name: &str, key: &str, networks: bool, rows: &[&str]) -> Result<List, ListError> {
    let definition = ListDefinition { name, version: "1", key, networks, open: false };
    List::of_rows(definition, rows.iter().copied(), [])
}

fn lists() -> Arc<Lists> {
    let mut lists = Lists::default();
    let bad = [r#"{"ip":"10.0.0.1"}"#, r#"{"ip":"10.0.0.2"}"#];
    lists.insert(list("bad_ips", "ip", false, &bad).unwrap());
    lists.insert(list("ports", "value", false, &[r#"{"value":22}"#, r#"{"value":80}"#]).unwrap());
    let assets = [
        r#"{"host":"h1","owner":"ada","tier":1,"at":{"city":"Oslo"},"lent":"90m"}"#,
        r#"{"host":"h2","owner":null,"tier":2.5,"critical":true}"#,
        r#"{"host":"h3","owner":"ben","tier":3,"critical":false,"tags":["a", "b"]}"#,
    ];
    lists.insert(list("assets", "host", false, &assets).unwrap());
    let nets = [r#"{"net":"10.0.0.0/8","site":"hq"}"#, r#"{"net":"10.9.0.0/16","site":"lab"}"#];
    lists.insert(list("nets", "net", true, &nets).unwrap());
    let people = [r#"{"name":"ada","team":"red"}"#, r#"{"name":"ben","team":"blue"}"#];
    lists.insert(list("people", "name", false, &people).unwrap());
    Arc::new(lists)
}

fn compiler() -> Compiler {
    Compiler::new(Arc::new(Schemas::empty())).with_lists(lists())
}

/// On which events a condition holds.
fn holds(condition: &str, events: &[&str]) -> Vec<bool> {
    let mut compiler = compiler();
    let id =
        compiler.predicate(condition, &scope()).unwrap_or_else(|found| panic!("{condition}: {found:#?}"));
    let program = compiler.finish();
    let (batch, meta) = decode(&program, events);
    match &predicates(&program, &batch, &meta).bits[id.index()] {
        Some(bits) => bits.iter().collect(),
        None => vec![false; events.len()],
    }
}

fn value(expr: &str, event: &str) -> String {
    let mut compiler = compiler();
    let id = compiler.value(expr, &scope()).unwrap_or_else(|problems| panic!("{expr}: {problems:#?}"));
    let program = compiler.finish();
    let (batch, meta) = decode(&program, &[event]);
    program.value(id, &batch, &meta).get(0).to_json().to_string()
}

fn problem(condition: &str) -> Problem {
    let mut problems = compiler().predicate(condition, &scope()).unwrap_err();
    assert_eq!(problems.len(), 1, "{condition}: {problems:#?}");
    problems.remove(0)
}

#[test]
fn membership_is_true_false_or_null() {
    let events = [r#"{"ip":"10.0.0.1"}"#, r#"{"ip":"10.0.0.3"}"#, "{}", r#"{"ip":null}"#];
    for (condition, expected) in [
        ("ip IN list('bad_ips')", [true, false, false, false]),
        ("ip in List ( 'bad_ips' )", [true, false, false, false]),
        ("ip NOT IN list('bad_ips')", [false, true, false, false]),
        ("NOT (ip IN list('bad_ips'))", [false, true, false, false]),
        ("(ip IN list('bad_ips')) IS NULL", [false, false, true, true]),
        ("ip IN (list('bad_ips')) OR ip IS NULL", [true, false, true, true]),
        ("lower(ip) IN list('bad_ips') AND 1 = 1", [true, false, false, false]),
        ("'10.0.0.2' IN list('bad_ips')", [true; 4]),
    ] {
        assert_eq!(holds(condition, &events), expected, "{condition}");
    }
}

#[test]
fn keys_convert_as_fields_do() {
    let events = [r#"{"p":22}"#, r#"{"p":"22"}"#, r#"{"p":22.0}"#, r#"{"p":23}"#, r#"{"p":"x"}"#];
    assert_eq!(holds("p IN list('ports')", &events), [true, true, true, false, false]);
    assert_eq!(holds("p + 58 IN list('ports')", &events), [true, true, true, false, false]);
    // What is known to be text stays text.
    assert_eq!(holds("lower(p) IN list('ports')", &events), [true, true, false, false, false]);
    assert_eq!(holds("p = 'x' AND p NOT IN list('bad_ips')", &events), [false, false, false, false, true]);
}

#[test]
fn networks_hold_addresses() {
    let events = [r#"{"ip":"10.1.1.1"}"#, r#"{"ip":"10.9.1.1"}"#, r#"{"ip":"192.0.2.1"}"#, r#"{"ip":"?"}"#];
    assert_eq!(holds("ip IN list('nets')", &events), [true, true, false, false]);
    assert_eq!(holds("ip NOT IN list('nets')", &events), [false, false, true, false]);
    assert_eq!(holds("lookup('nets', ip).site = 'lab'", &events), [false, true, false, false]);
}

#[test]
fn columns_are_read_as_fields_are() {
    let h1 = r#"{"host":"h1","who":"ada"}"#;
    for (expr, expected) in [
        ("lookup('assets', host).owner", r#""ada""#),
        ("lookup('assets', host).tier", "1"),
        ("lookup('assets', host).tier + 1", "2"),
        ("lookup('assets', host).tier > 1", "false"),
        ("lookup('assets', host).\"owner\" || '!'", r#""ada!""#),
        ("lookup('assets', host).at.city", r#""Oslo""#),
        ("lookup('assets', host).at", r#"{"city":"Oslo"}"#),
        ("lookup('assets', host).critical", "null"),
        ("lookup('assets', host).lent > 1h", "true"),
        ("lookup('assets', host).owner = who", "true"),
        ("lookup('assets', 'h3').tags", r#"["a","b"]"#),
        ("lookup('assets', 'h2').tier * 2", "5.0"),
        ("lookup('assets', 'h2').critical AND host = 'h1'", "true"),
        ("coalesce(lookup('assets', 'h9').owner, 'nobody')", r#""nobody""#),
        ("lookup('people', lookup('assets', host).owner).team", r#""red""#),
        ("CASE WHEN host IN list('assets') THEN 'known' END", r#""known""#),
        ("host IN list('assets')", "true"),
    ] {
        assert_eq!(value(expr, h1), expected, "{expr}");
    }
}

#[test]
fn all_spellings_of_one_look_up_are_one() {
    let mut compiler = compiler();
    let mut condition = |text: &str| compiler.predicate(text, &scope()).unwrap();
    let one = condition("lookup('assets', host).owner = 'ada' AND ip IN list('bad_ips')");
    assert_eq!(one, condition("LOOKUP( 'assets' , (host) ).owner='ada' and (ip in (list('bad_ips')))"));
    assert_ne!(one, condition("lookup('assets', host).owner = 'ada' AND ip IN list('nets')"));
    let normalized = compiler.normalized(one).to_owned();
    assert!(normalized.contains("assets@1") && normalized.contains("bad_ips@1"), "{normalized}");
}

#[test]
fn what_a_key_is_used_as_is_told_to_other_expressions() {
    let compiler = compiler();
    let mut scope = EventScope::default();
    compiler.learn_predicate("port IN list('ports')", &mut scope);
    let mut compiler = compiler;
    let id = compiler.predicate("port = other", &scope).unwrap();
    assert!(compiler.normalized(id).contains("port:number"), "{}", compiler.normalized(id));
}

#[test]
fn windows_and_sequences_look_up_too() {
    let mut compiler = compiler();
    let emit = ["lookup('assets', host).owner", "count(distinct lookup('assets', peer).owner)"];
    let having = Some("max(lookup('assets', peer).tier) >= 3 AND host IN list('assets')");
    let exprs = compiler.window_exprs(having, &emit, &["host"], &scope()).unwrap();
    let (by, results) = ([Value::Json("\"h1\"".into())], [Value::Int(3), Value::Int(2)]);
    assert!(exprs.having.as_ref().unwrap().holds(&results, &by));
    assert_eq!(exprs.emit[0].evaluate(&results, &by), Value::Json("\"ada\"".into()));
    assert_eq!(exprs.emit[1].evaluate(&results, &by), Value::Int(2));
    assert_eq!(exprs.aggregates.len(), 2);

    let named = |name: &str| EventScope { step: Some(name.to_owned()), ..EventScope::default() };
    let steps = [named("login"), named("export")];
    let emit = ["lookup('assets', login.host).owner", "lookup('assets', last(login).host).at.city"];
    let exprs = compiler.sequence_exprs(Some("login.ip IN list('nets')"), &emit, &steps).unwrap();
    assert_eq!(exprs.values.len(), 3);
    let value_of = |value: &crate::StepValue| match compiler.normalized_value(value.argument.unwrap()) {
        text if text.contains("ip") => Value::Text("10.0.0.9".into()),
        _ => Value::Text("h1".into()),
    };
    let values: Vec<Value> = exprs.values.iter().map(value_of).collect();
    assert!(exprs.having.as_ref().unwrap().holds(&values, &[]));
    assert_eq!(exprs.emit[0].evaluate(&values, &[]), Value::Json("\"ada\"".into()));
    assert_eq!(exprs.emit[1].evaluate(&values, &[]), Value::Json("\"Oslo\"".into()));
}

#[test]
fn conditions_that_look_back_are_told_from_others() {
    let mut compiler = compiler();
    let named = |name: &str| EventScope { step: Some(name.to_owned()), ..EventScope::default() };
    let all = [named("login"), named("export")];
    let steps = Steps { all: &all, visible: &[true, true] };
    let mut condition = |text: &str| {
        let found = compiler.step_condition(text, &all[1], steps).unwrap();
        (found.predicate.is_some(), found.cross.len())
    };
    assert_eq!(condition("lookup('assets', host).owner = 'ada'"), (true, 0));
    assert_eq!(condition("lookup('assets', login.host).owner = lookup('assets', host).owner"), (false, 1));
    assert_eq!(condition("lookup('assets', host).tier > login.tier AND ip IN list('nets')"), (true, 1));
    assert_eq!(condition("login.ip IN list('nets')"), (false, 1));
}

#[test]
fn mistakes_have_a_place_and_a_remedy() {
    for (condition, slice, message, help) in [
        ("ip IN list('bad_ip')", "'bad_ip'", "there is no list `bad_ip`", "did you mean `bad_ips`?"),
        (
            "ip IN list('xyz')",
            "'xyz'",
            "there is no list `xyz`",
            "lists: assets, bad_ips, nets, people, ports",
        ),
        (
            "lookup('assets', host).onwer = 'x'",
            "onwer",
            "the list `assets` has no `onwer`",
            "did you mean `owner`?",
        ),
        ("lookup('assets', host).at.town = 'x'", "town", "the list `assets` has no `at.town`", "it has city"),
        (
            "lookup('assets', host).owner.x = 'x'",
            "x",
            "the list `assets` has no `owner.x`",
            "there is nothing below it",
        ),
        (
            "lookup('assets', host) = 'x'",
            "lookup('assets', host)",
            "`lookup` finds a row, not a value",
            "name a column of it: lookup('assets', host).owner",
        ),
        (
            "ip = list('bad_ips')",
            "list('bad_ips')",
            "`list` stands after IN only",
            "as in ip IN list('bad_ips')",
        ),
        (
            "ip IN list(bad_ips)",
            "list(bad_ips)",
            "`list` takes the name of a list, in single quotes",
            "as in ip IN list('bad_ips')",
        ),
        (
            "lookup(assets, host).owner = 'x'",
            "lookup(assets, host)",
            "`lookup` takes the name of a list, in single quotes, and the value to look up",
            "as in lookup('assets', host).owner",
        ),
        (
            "ip IN ('x', list('bad_ips'))",
            "ip IN ('x', list('bad_ips'))",
            "a list stands alone after IN",
            "join several conditions with OR",
        ),
        (
            "to_date(at) IN list('bad_ips')",
            "to_date(at)",
            "`to_date(at)` cannot be looked up in a list",
            "CAST(to_date(at) AS VARCHAR) makes text",
        ),
    ] {
        let found = problem(condition);
        assert_eq!(
            (&condition[found.range.0..found.range.1], found.message.as_str(), found.help.as_deref()),
            (slice, message, Some(help)),
            "{condition}"
        );
    }
    let found = problem("port + 1 IN list('bad_ips')");
    assert_eq!(
        found.message,
        "`port + 1` is a number, but the keys of the list `bad_ips` do not go with that: the key `10.0.0.1` is not a \
         number (row 1)"
    );
    let empty = Compiler::new(Arc::new(Schemas::empty())).predicate("a IN list('b')", &scope()).unwrap_err();
    assert_eq!(empty[0].help.as_deref(), Some("name it beside `rules`: lists: [ { name: b, file: b.csv } ]"));
}

#[test]
fn a_list_that_could_not_be_read_brings_no_mistakes_of_its_own() {
    let mut lists = Lists::default();
    let definition = ListDefinition { name: "assets", version: "", key: "host", networks: false, open: true };
    lists.insert(List::unread(definition));
    let mut compiler = Compiler::new(Arc::new(Schemas::empty())).with_lists(Arc::new(lists));
    for text in ["lookup('assets', host).any.thing > 3", "port + 1 IN list('assets')"] {
        assert!(compiler.predicate(text, &scope()).is_ok(), "{text}");
    }
}

#[test]
fn rows_that_make_no_list_are_told() {
    let error = |key: &str, networks: bool, rows: &[&str]| {
        let error = list("l", key, networks, rows).unwrap_err();
        (error.row, error.other, error.message)
    };
    let cases = [
        (error("a", false, &[r#"{"a":1}"#, "{}"]), (1, None, "the row has no `a`")),
        (error("a", false, &[r#"{"a":null}"#]), (0, None, "the row has no `a`")),
        (error("a", false, &["[1]"]), (0, None, "the row is no JSON object")),
        (error("a", false, &[r#"{"a":[1]}"#]), (0, None, "the key `a` is an object or array")),
        (
            error("a", false, &[r#"{"a":1}"#, r#"{"a":2}"#, r#"{"a":1.0}"#]),
            (2, Some(0), "the key `1.0` stands twice"),
        ),
        (error("a", false, &[r#"{"a":"x"}"#, r#"{"a":"x"}"#]), (1, Some(0), "the key `x` stands twice")),
        (
            error("a", true, &[r#"{"a":"10.0.0.0/8"}"#, r#"{"a":"x"}"#]),
            (1, None, "the key `x` is no network"),
        ),
    ];
    for (found, (row, other, message)) in cases {
        assert_eq!(found, (row, other, message.to_owned()));
    }
}

#[test]
fn sizes_of_lists_in_use_are_told() {
    let lists = lists();
    let mut compiler = Compiler::new(Arc::new(Schemas::empty())).with_lists(Arc::clone(&lists));
    compiler.predicate("ip IN list('bad_ips') OR lookup('assets', host).owner = 'x'", &scope()).unwrap();
    compiler.value("lookup('assets', host).tier", &scope()).unwrap();
    let sizes = lists.sizes();
    let told: Vec<(&str, usize)> = sizes.iter().map(|size| (size.name.as_str(), size.entries)).collect();
    assert_eq!(told, [("assets", 3), ("bad_ips", 2)]);
    assert!(sizes.iter().all(|size| size.bytes > 50), "{sizes:?}");
}

#[test]
fn a_list_may_have_columns_without_values() {
    let definition = ListDefinition { name: "l", version: "1", key: "k", networks: false, open: false };
    let made = List::of_rows(definition, [r#"{"k":1}"#], [r#"{"k":"a","n":2}"#]).unwrap();
    let mut lists = Lists::default();
    lists.insert(made);
    let mut compiler = Compiler::new(Arc::new(Schemas::empty())).with_lists(Arc::new(lists));
    assert!(compiler.predicate("lookup('l', x).n > 1", &scope()).is_ok());
    assert!(compiler.predicate("lookup('l', x).m > 1", &scope()).is_err());
}

fn live() -> (Compiler, Arc<Lists>) {
    let mut lists = (*lists()).clone();
    for (table, (name, key, networks)) in
        [("hosts", "id", false), ("zones", "net", true)].into_iter().enumerate()
    {
        let definition = ListDefinition { name, version: "topic", key, networks, open: true };
        lists.insert(List::live(definition, table));
    }
    let lists = Arc::new(lists);
    (Compiler::new(Arc::new(Schemas::empty())).with_lists(Arc::clone(&lists)), lists)
}

/// Tables with these rows, each a table, the key of a record and JSON.
fn tables(lists: &Lists, rows: &[(usize, &'static str, &str)]) -> Tables {
    let specs: Vec<Arc<TableSpec>> = lists.tables().into_iter().map(Arc::new).collect();
    let mut tables = Tables::new(&specs);
    for (offset, (table, record, row)) in (0i64..).zip(rows) {
        let projection = specs[*table].projection();
        let value = |(path, kind): &(olocus_event::FieldPath, Kind)| {
            let json: serde_json::Value = serde_json::from_str(row).unwrap();
            let found = path.segments().fold(json, |json, name| json.get(name).cloned().unwrap_or_default());
            let column = olocus_event::Column::of_value(&Value::Json(found.to_string().into()), *kind);
            column.value(0)
        };
        let values = projection.columns.iter().map(value).collect();
        let at = RowTime { time: offset, partition: 0, offset };
        tables.get_mut(*table).unwrap().apply(&record.as_bytes().into(), at, Some(values));
    }
    tables
}

#[test]
fn lists_that_change_are_asked_when_the_moment_has_come() {
    let (mut compiler, lists) = live();
    let text = "n > 3 AND lookup('hosts', host).tier > 1 AND ip IN list('zones') AND (n < 9 OR n + 0 NOT IN list('hosts'))";
    let condition = compiler.condition(text, &scope()).unwrap();
    assert!(compiler.normalized(condition.predicate.unwrap()).contains("n:number"));
    let live = condition.live.unwrap();
    let asked: Vec<&str> = live.inputs().iter().map(|input| compiler.normalized_value(*input)).collect();
    assert_eq!(asked, ["host:text", "ip:text", "n:number"]);
    let specs = lists.tables();
    assert_eq!(specs.iter().map(|spec| spec.name.as_str()).collect::<Vec<_>>(), ["hosts", "zones"]);
    assert_eq!(specs[0].key_kinds, [Kind::Text, Kind::Number]);

    let rows = [
        (0, "a", r#"{"id":"h1","tier":2}"#),
        (0, "b", r#"{"id":12,"tier":1}"#),
        (1, "c", r#"{"net":"10.0.0.0/8"}"#),
    ];
    let tables = tables(&lists, &rows);
    let holds = |host: &str, ip: &str, n: i64, tables: &Tables| {
        live.holds(&[Value::Text(host.into()), Value::Text(ip.into()), Value::Int(n)], tables)
    };
    assert!(holds("h1", "10.1.1.1", 4, &tables));
    assert!(holds("h1", "10.1.1.1", 13, &tables));
    assert!(!holds("h1", "10.1.1.1", 12, &tables), "12 is a key");
    assert!(!holds("h1", "11.1.1.1", 4, &tables));
    assert!(!holds("12", "10.1.1.1", 4, &tables), "its tier is 1");
    assert!(!holds("h1", "10.1.1.1", 4, &Tables::default()), "nothing is known yet");
}

#[test]
fn what_matches_emit_is_looked_up_when_they_are_found() {
    let (mut compiler, lists) = live();
    let named = EventScope { step: Some("login".to_owned()), ..EventScope::default() };
    let emit = ["lookup('hosts', login.host).owner", "coalesce(lookup('hosts', 'h2').owner, 'nobody')"];
    let exprs = compiler.sequence_exprs(Some("login.host IN list('hosts')"), &emit, &[named]).unwrap();
    let tables = tables(&lists, &[(0, "a", r#"{"id":"h1","owner":"ada"}"#)]);
    let values = [Value::Text("h1".into())];
    let having = exprs.having.as_ref().unwrap();
    assert!(having.holds_with(&values, &[], &tables) && !having.holds(&values, &[]));
    assert_eq!(exprs.emit[0].evaluate_with(&values, &[], &tables), Value::Json("\"ada\"".into()));
    assert_eq!(exprs.emit[1].evaluate_with(&values, &[], &tables), Value::Text("nobody".into()));
}

#[test]
fn what_aggregates_are_of_is_looked_up_when_the_moment_has_come() {
    let (mut compiler, lists) = live();
    let text = "sum(lookup('hosts', host).tier + n)";
    let exprs = compiler.window_exprs(None, &[text, "sum(n)"], &[], &scope()).unwrap();
    let arguments: Vec<_> = exprs.aggregates.iter().map(|(_, argument)| argument.unwrap()).collect();
    let tables = tables(&lists, &[(0, "a", r#"{"id":"h1","tier":2}"#)]);
    let program = compiler.finish();
    let live = program.live(arguments[0]).unwrap();
    assert!(program.live(arguments[1]).is_none());
    let asked: Vec<&str> = live.inputs().iter().map(|input| program.normalized_value(*input)).collect();
    assert_eq!(asked, ["host:text", "n:number"]);
    let value = |tables: &Tables| live.evaluate(&[Value::Text("h1".into()), Value::Int(5)], tables);
    assert_eq!((value(&tables), value(&Tables::default())), (Value::Int(7), Value::Null));
    let (batch, meta) = decode(&program, &[r#"{"host":"h1","n":5}"#]);
    assert_eq!(program.value(arguments[0], &batch, &meta).get(0), Value::Null, "not before its moment");
}

#[test]
fn conditions_across_steps_are_handed_what_lists_that_change_have() {
    let (mut compiler, _) = live();
    let named = |name: &str| EventScope { step: Some(name.to_owned()), ..EventScope::default() };
    let all = [named("login"), named("export")];
    let steps = Steps { all: &all, visible: &[true, false] };
    let text =
        "lookup('hosts', host).tier > login.tier AND lookup('hosts', host).tier + login.n > 3 AND n > 1";
    let found = compiler.step_condition(text, &all[1], steps).unwrap();
    assert!(found.predicate.is_some() && found.live.is_none());
    let [CrossCondition::Compare { input, .. }, CrossCondition::Expr(expr)] = &found.cross[..] else {
        panic!("{found:?}");
    };
    let [CrossInput::Event(of_expr), CrossInput::Taken(_)] = expr.inputs() else { panic!("{expr:?}") };
    let holds = |tier: i64, n: i64| expr.holds(&[Value::Int(tier), Value::Int(n)]);
    assert!(holds(2, 2) && !holds(1, 2));
    let (input, of_expr) = (*input, *of_expr);
    let program = compiler.finish();
    assert_eq!(input, of_expr);
    assert!(program.live(input).is_some());
}

#[test]
fn lists_that_change_have_their_places() {
    let message = |problems: Vec<Problem>, text: &str| {
        let problem = &problems[0];
        (problem.message.clone(), text[problem.range.0..problem.range.1].to_owned())
    };
    let expected = "nothing can be looked up in the list `hosts` here, because it is in a topic".to_owned();
    let (mut compiler, _) = live();
    let text = "lookup('hosts', host).tier + 1";
    assert_eq!(message(compiler.value(text, &scope()).unwrap_err(), text).0, expected);
    let text = "lookup('hosts', host).tier";
    assert_eq!(
        message(compiler.field(text, &scope()).unwrap_err(), text),
        (expected.clone(), text.to_owned())
    );
    let named = |name: &str| EventScope { step: Some(name.to_owned()), ..EventScope::default() };
    let all = [named("login"), named("export")];
    let text = "host = 'x' AND lookup('hosts', login.host).tier = 1";
    let steps = Steps { all: &all, visible: &[true, true] };
    let problems = compiler.step_condition(text, &all[1], steps).unwrap_err();
    assert_eq!(message(problems, text), (expected, "lookup('hosts', login.host).tier".to_owned()));
}
