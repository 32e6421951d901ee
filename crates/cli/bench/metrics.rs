//! Reads single numbers out of the text that Prometheus scrapes.

/// The sum of the samples of a metric that have this label, or of all its samples. Zero where there are none: a
/// counter that was never counted up is not there.
pub(super) fn sum(text: &str, metric: &str, label: Option<(&str, &str)>) -> f64 {
    let wanted = label.map(|(name, value)| format!("{name}=\"{value}\""));
    let value = |line: &str| -> Option<f64> {
        let rest = line.strip_prefix(metric)?;
        let (labels, value) = match rest.strip_prefix('{') {
            Some(rest) => rest.rsplit_once('}')?,
            None => ("", rest.strip_prefix(' ')?),
        };
        let is_wanted = wanted.as_ref().is_none_or(|wanted| labels.split(',').any(|label| label == wanted));
        value.trim().parse().ok().filter(|_| is_wanted)
    };
    text.lines().filter_map(value).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# HELP olocus_committed_offset Committed offset of an input partition
# TYPE olocus_committed_offset gauge
olocus_committed_offset{topic=\"a\",partition=\"0\"} 12
olocus_committed_offset{topic=\"a\",partition=\"1\"} 30
olocus_committed_offset{topic=\"ab\",partition=\"0\"} 500
olocus_committed_offset_total 7

olocus_late_events_total 1e3
";

    #[test]
    fn samples_are_told_apart_by_name_and_label() {
        assert_eq!(sum(TEXT, "olocus_committed_offset", Some(("topic", "a"))), 42.0);
        assert_eq!(sum(TEXT, "olocus_committed_offset", None), 542.0);
        assert_eq!(sum(TEXT, "olocus_late_events_total", None), 1000.0);
        assert_eq!(sum(TEXT, "olocus_committed", None), 0.0);
        assert_eq!(sum(TEXT, "olocus_late_events_total", Some(("topic", "a"))), 0.0);
    }
}
