//! One attempt to call a webhook.

use std::time::Duration;

use olocus_runtime::WebhookCall;
use ureq::tls::{RootCerts, TlsConfig, TlsProvider};

use crate::config::Environment;

/// Headers that are ours to set.
const OWN: [&str; 2] = ["content-type", "idempotency-key"];

/// Makes calls; keeps connections open between them.
#[derive(Debug)]
pub(super) struct Caller {
    agent: ureq::Agent,
}

/// How an attempt ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Attempt {
    /// The receiver has it.
    Delivered,
    /// It failed, and the next one may not.
    Failed(String),
    /// It failed, and so would the next one.
    Refused(String),
}

impl Caller {
    pub(super) fn new() -> Caller {
        let tls = TlsConfig::builder()
            .provider(TlsProvider::NativeTls)
            // Receivers inside a company often have certificates that only its machines trust.
            .root_certs(RootCerts::PlatformVerifier)
            .build();
        let config = ureq::Agent::config_builder()
            .tls_config(tls)
            .http_status_as_error(false)
            // A redirected POST would arrive as a GET, without the match.
            .max_redirects(0)
            .user_agent(concat!("olocus/", env!("CARGO_PKG_VERSION")))
            .build();
        Caller { agent: config.new_agent() }
    }

    pub(super) fn attempt(&self, call: &WebhookCall, environment: &Environment) -> Attempt {
        let timeout = Duration::from_nanos(u64::try_from(call.timeout).unwrap_or(0));
        let mut request = self
            .agent
            .post(&call.url)
            .header("content-type", "application/json")
            .header("idempotency-key", &call.id);
        for (name, value) in &call.headers {
            if OWN.iter().any(|own| name.eq_ignore_ascii_case(own)) {
                continue;
            }
            match fill(value, environment) {
                Ok(value) => request = request.header(name, value),
                Err(reason) => {
                    return Attempt::Refused(format!("the header `{name}` can't be made: {reason}"));
                }
            }
        }
        let request = request.config().timeout_global(Some(timeout)).build();
        match request.send(call.data.to_string()) {
            Ok(response) => judge(response.status().as_u16()),
            Err(error) => judge_error(&error),
        }
    }
}

fn judge(status: u16) -> Attempt {
    let answer = format!("the receiver answered {status}");
    match status {
        200..=299 => Attempt::Delivered,
        408 | 429 | 500..=599 => Attempt::Failed(answer),
        300..=399 => Attempt::Refused(format!("{answer}, and redirections are not followed")),
        _ => Attempt::Refused(answer),
    }
}

fn judge_error(error: &ureq::Error) -> Attempt {
    match error {
        // The request itself is at fault. Its headers may hold secrets, so nothing of it is shown.
        ureq::Error::Http(_) => {
            Attempt::Refused("the request can't be made of the rule's URL and headers".to_owned())
        }
        ureq::Error::BadUri(_) => Attempt::Refused("the URL can't be called".to_owned()),
        other => Attempt::Failed(format!("the call failed: {other}")),
    }
}

/// Puts the values of environment variables in the place of `${NAME}`.
fn fill(text: &str, environment: &Environment) -> Result<String, String> {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        let (name, after) = after.split_once('}').ok_or("a `${` has no `}`")?;
        filled.push_str(before);
        filled.push_str(
            &environment.get(name).ok_or_else(|| format!("the environment variable `{name}` is not set"))?,
        );
        rest = after;
    }
    filled.push_str(rest);
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_filled_in_and_missing_ones_named() {
        let environment = Environment::fixed([("A", "1"), ("B", "${A}")]);
        assert_eq!(fill("x${A}y${B}", &environment).unwrap(), "x1y${A}");
        assert_eq!(fill("plain $A", &environment).unwrap(), "plain $A");
        assert!(fill("${C}", &environment).unwrap_err().contains("`C` is not set"));
        assert!(fill("${A", &environment).is_err());
    }

    #[test]
    fn answers_decide_whether_to_try_again() {
        assert_eq!(judge(204), Attempt::Delivered);
        for again in [408, 429, 500, 503] {
            assert!(matches!(judge(again), Attempt::Failed(_)), "{again}");
        }
        for never in [301, 400, 401, 404, 410] {
            assert!(matches!(judge(never), Attempt::Refused(_)), "{never}");
        }
    }
}
