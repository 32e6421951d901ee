//! What the rules of a replay may hold, as the command line says it.

use olocus_cep::{Limit, Limits, Overflow};

const LIMITS: [Limit; 4] = [Limit::PartialMatches, Limit::WindowEvents, Limit::Keys, Limit::StateBytes];
const POLICIES: [Overflow; 3] = [Overflow::DropOldest, Overflow::DropNewest, Overflow::Fail];

/// The limits of a run; the last word on each counts.
pub(super) fn of(given: &[(Limit, usize)], policy: Overflow) -> Limits {
    let mut limits = Limits { policy, ..Limits::default() };
    for &(limit, most) in given {
        *match limit {
            Limit::PartialMatches => &mut limits.partial_matches_per_rule,
            Limit::WindowEvents => &mut limits.window_events_per_rule,
            Limit::Keys => &mut limits.keys_per_rule,
            Limit::StateBytes => &mut limits.state_bytes_per_rule,
        } = most;
    }
    limits
}

pub(super) fn parse(text: &str) -> Result<(Limit, usize), String> {
    let (name, most) = text.split_once('=').ok_or("write it like partial_matches_per_rule=5000000")?;
    let limit = LIMITS.into_iter().find(|limit| limit.name() == name);
    let limit = limit.ok_or_else(|| {
        format!("there is no limit `{name}`; one of {}", LIMITS.map(Limit::name).join(", "))
    })?;
    let most = most.parse().ok().filter(|&most| most > 0);
    Ok((limit, most.ok_or("a limit is a whole number above 0")?))
}

pub(super) fn parse_policy(text: &str) -> Result<Overflow, String> {
    let policy = POLICIES.into_iter().find(|policy| policy.name() == text);
    policy.ok_or_else(|| format!("not a policy; one of {}", POLICIES.map(Overflow::name).join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_told_by_their_names_in_the_configuration() {
        let given: Vec<_> = LIMITS
            .iter()
            .zip(5..)
            .map(|(limit, n)| parse(&format!("{}={n}", limit.name())).unwrap())
            .collect();
        let limits = of(&given, parse_policy("fail").unwrap());
        assert_eq!((limits.partial_matches_per_rule, limits.window_events_per_rule), (5, 6));
        assert_eq!(
            (limits.keys_per_rule, limits.state_bytes_per_rule, limits.policy),
            (7, 8, Overflow::Fail)
        );
        for wrong in ["keys", "keys=1", "keys_per_rule=0", "keys_per_rule=-1", "keys_per_rule=1MB"] {
            parse(wrong).unwrap_err();
        }
        parse_policy("drop_all").unwrap_err();
    }
}
