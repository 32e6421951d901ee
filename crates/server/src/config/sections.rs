//! The smaller sections: `topics`, `outputs`, `limits`, `http`.

use std::collections::BTreeMap;

use olocus_bus::TopicSpec;
use olocus_cep::Overflow;
use olocus_document::{Diagnostic, Fields, Node, Scalar, read};

use super::reader::Reader;
use super::{HttpConfig, Limits, Ordering, OutputNames};

const NANOS_PER_MILLI: i64 = 1_000_000;

pub(super) fn topics(
    reader: &mut Reader<'_>,
    root: &mut Fields<'_>,
    ordering: Ordering,
) -> BTreeMap<String, TopicSpec> {
    let Some(node) = root.node("topics").filter(|node| !node.is_null()) else { return BTreeMap::new() };
    let Some(mapping) = read::mapping(node, "`topics`", reader.file, reader.diagnostics) else {
        return BTreeMap::new();
    };
    let mut topics = BTreeMap::new();
    for (name, node) in &mapping.entries {
        let spec = topic(reader, name, node);
        if ordering == Ordering::Global
            && let Some(partitions) =
                spec.as_ref().and_then(|spec| spec.partitions).filter(|count| *count > 1)
        {
            let message =
                format!("`{}` has {partitions} partitions, and `ordering: global` asks for one", name.value);
            let warning = Diagnostic::warning("no-global-order", reader.file, name.span, message);
            reader.diagnostics.push(warning.with_help("events keep their order only within a partition"));
        }
        topics.extend(reader.topic_name(name).zip(spec));
    }
    topics
}

fn topic(reader: &mut Reader<'_>, name: &Scalar, node: &Node) -> Option<TopicSpec> {
    let mut spec = TopicSpec::new(name.value.as_str());
    let Some(mut fields) = reader.section(Some(node), "a topic") else {
        return node.is_null().then_some(spec);
    };
    spec.partitions = reader
        .count(&mut fields, "partitions", 1..=100_000)
        .and_then(|partitions| u32::try_from(partitions).ok());
    if let Some(node) = fields.node("config").filter(|node| !node.is_null()) {
        let mapping = read::mapping(node, "`config`", reader.file, reader.diagnostics);
        for (key, value) in mapping.into_iter().flat_map(|mapping| &mapping.entries) {
            if let Some(text) =
                read::text(value, &format!("`{}`", key.value), reader.file, reader.diagnostics)
            {
                spec.config.insert(key.value.clone(), text.value.clone());
            }
        }
    }
    if let Some(retention) = fields.duration("retention", reader.diagnostics) {
        if spec.config.contains_key("retention.ms") {
            let message = "`retention` and `retention.ms` exclude each other";
            reader.error("two-values", retention.span, message, "leave one of them");
        }
        spec.config.insert("retention.ms".to_owned(), (retention.value / NANOS_PER_MILLI).to_string());
    }
    fields.finish(reader.diagnostics);
    Some(spec)
}

pub(super) fn outputs(reader: &mut Reader<'_>, root: &mut Fields<'_>) -> OutputNames {
    let Some(mut fields) = reader.section(root.node("outputs"), "`outputs`") else {
        return OutputNames::default();
    };
    let names = OutputNames {
        matches: reader.topic(&mut fields, "matches"),
        dead_letter: reader.topic(&mut fields, "dead_letter"),
        late: reader.topic(&mut fields, "late"),
    };
    fields.finish(reader.diagnostics);
    names
}

pub(super) fn limits(reader: &mut Reader<'_>, root: &mut Fields<'_>, limits: &mut Limits) {
    const STATE: std::ops::RangeInclusive<i64> = 1..=1_000_000_000;
    const BYTES: std::ops::RangeInclusive<u64> = 1_024..=1 << 30;
    const MEMORY: std::ops::RangeInclusive<u64> = 1_024..=1 << 40;
    let Some(mut fields) = reader.section(root.node("limits"), "`limits`") else { return };
    let state = &mut limits.state;
    for (key, limit) in [
        ("partial_matches_per_rule", &mut state.partial_matches_per_rule),
        ("window_events_per_rule", &mut state.window_events_per_rule),
        ("keys_per_rule", &mut state.keys_per_rule),
        ("held_records", &mut limits.held_records),
    ] {
        if let Some(value) = reader.count(&mut fields, key, STATE) {
            *limit = value;
        }
    }
    let policies = [Overflow::DropOldest, Overflow::DropNewest, Overflow::Fail].map(|it| (it.name(), it));
    if let Some(policy) = reader.choice(&mut fields, "policy", &policies) {
        limits.state.policy = policy;
    }
    for (key, limit, range) in [
        ("state_bytes_per_rule", &mut limits.state.state_bytes_per_rule, MEMORY),
        ("held_bytes", &mut limits.held_bytes, MEMORY),
        ("record_bytes", &mut limits.decoding.max_record_bytes, BYTES),
        ("inflated_bytes", &mut limits.decoding.max_inflated_bytes, BYTES),
        ("body_bytes", &mut limits.body_bytes, BYTES),
    ] {
        if let Some(value) = reader.bytes(&mut fields, key, range) {
            *limit = value;
        }
    }
    if let Some(records) = reader.count(&mut fields, "batch_records", 1..=1_000_000) {
        limits.batch_records = records;
    }
    fields.finish(reader.diagnostics);
}

pub(super) fn http(reader: &mut Reader<'_>, root: &mut Fields<'_>, http: &mut HttpConfig) {
    let Some(mut fields) = reader.section(root.node("http"), "`http`") else { return };
    for (key, address) in [("listen", &mut http.listen), ("metrics_listen", &mut http.metrics_listen)] {
        let Some(text) = fields.string(key, reader.diagnostics) else { continue };
        match super::parse_address(&text.value) {
            Ok(good) => *address = good,
            Err(message) => {
                let help = "write for example `127.0.0.1:8080`; the port 0 takes a free one";
                reader.error("bad-address", text.span, message, help);
            }
        }
    }
    http.token = reader.secret(&mut fields, ("token", "token_env", "token_file"));
    fields.finish(reader.diagnostics);
}
