//! Sections of the specification that later versions of the engine act on. They are recognised, so that one file
//! serves all versions, and reported, so that nobody relies on what does not happen.

use olocus_document::{Diagnostic, Diagnostics, Fields, Level};

use super::reader::Reader;

/// The sections and their keys.
const SECTIONS: [(&str, &[&str]); 5] = [
    (
        "registry",
        &[
            "discovery_enabled",
            "discovery_paths",
            "repository_urls",
            "auto_update_enabled",
            "health_check_interval",
        ],
    ),
    (
        "dependencies",
        &[
            "conflict_resolution",
            "allow_prerelease",
            "security_advisory_checking",
            "enterprise_approval_required",
            "lockfile_path",
        ],
    ),
    ("pipeline", &["max_concurrent_stages", "resource_limits", "checkpoint_interval", "monitoring_enabled"]),
    (
        "health",
        &[
            "check_interval",
            "unhealthy_threshold",
            "recovery_threshold",
            "metrics_retention",
            "alerting_enabled",
            "escalation_policy",
        ],
    ),
    ("observability", &["metrics", "tracing", "logging"]),
];

/// Notes every such section. Unknown keys in one are warnings: what is not acted on cannot be wrong yet. What its keys
/// hold is not looked at; a version that acts on it will say what it takes.
pub(super) fn sections(reader: &mut Reader<'_>, root: &mut Fields<'_>) {
    for (name, keys) in SECTIONS {
        let Some((key, node)) = root.entry(name) else { continue };
        let message = format!("the section `{name}` is not yet active");
        let note = Diagnostic::warning("not-yet-active", reader.file, key.span, message)
            .with_help("it is recognised and changes nothing in this version");
        reader.diagnostics.push(note);
        let mut found = Diagnostics::new();
        if let Some(mut fields) =
            Fields::new(node, "the section", reader.file, &mut found).filter(|_| !node.is_null())
        {
            for key in keys {
                fields.node(key);
            }
            fields.finish(&mut found);
        }
        reader
            .diagnostics
            .extend(found.into_iter().map(|problem| Diagnostic { level: Level::Warning, ..problem }));
    }
}
