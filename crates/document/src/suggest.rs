//! "Did you mean …?"

/// The candidate that was most likely meant by `unknown`, if any is near enough: the same but for
/// case, one the start of the other, or at most a third of its letters (at least one) wrong,
/// missing, superfluous or swapped.
pub fn suggest<'a>(unknown: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let lower = unknown.to_lowercase();
    candidates
        .into_iter()
        .filter_map(|candidate| {
            let other = candidate.to_lowercase();
            let is_start = lower.starts_with(&other) || other.starts_with(&lower);
            let distance = match is_start && lower.len().min(other.len()) >= 3 {
                true => 1,
                false => strsim::damerau_levenshtein(&lower, &other),
            };
            let longest = unknown.chars().count().max(candidate.chars().count());
            (distance <= (longest / 3).max(1) && distance < longest).then_some((distance, candidate))
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::suggest;

    #[test]
    fn near_names_are_found_and_far_ones_are_not() {
        let keys = ["step", "event", "where", "within"];
        assert_eq!(suggest("wihtin", keys), Some("within"));
        assert_eq!(suggest("Where", keys), Some("where"));
        assert_eq!(suggest("events", keys), Some("event"));
        assert_eq!(suggest("colour", keys), None);
        assert_eq!(suggest("warning", ["info", "warn"]), Some("warn"));
        assert_eq!(suggest("e", keys), None, "too short to be a start");
        assert_eq!(suggest("x", ["y"]), None, "one wrong letter of one");
    }
}
