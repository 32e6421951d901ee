//! `actions`.

use olocus_document::{Fields, Node, Scalar, Spanned, Value, read};

use super::Parser;
use crate::rule::{Action, LogLevel};

/// How long an attempt of a webhook may take where the rule does not say.
const DEFAULT_TIMEOUT: i64 = 10_000_000_000;

/// The longest time that an attempt of a webhook may be given.
const MAX_TIMEOUT: i64 = 600_000_000_000;

/// What an action looks like.
const ACTION_HELP: &str = "write `publish: TOPIC`, `log: LEVEL` or `webhook: { url: … }`";

impl Parser<'_> {
    pub(super) fn actions(&mut self, fields: &mut Fields<'_>) -> Vec<Action> {
        match fields.node("actions") {
            Some(node) => self.list_of_actions(node, "actions"),
            None => Vec::new(),
        }
    }

    /// What is done with a partial match that runs out of time: an empty list would say nothing.
    pub(super) fn actions_on_timeout(&mut self, node: &Node) -> Vec<Action> {
        if matches!(&node.value, Value::Sequence(items) if items.is_empty()) {
            let help = "add an action such as `log: info`, or leave it out";
            self.report("empty-list", node.span, "`on_timeout` names no action", help);
        }
        self.list_of_actions(node, "on_timeout")
    }

    fn list_of_actions(&mut self, node: &Node, key: &str) -> Vec<Action> {
        if let Some(mapping) = node.as_mapping()
            && !mapping.entries.is_empty()
        {
            self.report(
                "wrong-type",
                self.place(node),
                format!("`{key}` must be a list, not a mapping"),
                "put a `-` before each action, or write `[ { publish: TOPIC } ]`",
            );
            return Vec::new();
        }
        let items = read::list(node, &format!("`{key}`"), self.file, self.diagnostics);
        items.unwrap_or_default().iter().filter_map(|item| self.action(item)).collect()
    }

    fn action(&mut self, node: &Node) -> Option<Action> {
        if node.as_mapping().is_none() {
            let message = format!("an action must be a mapping, not {}", node.describe());
            self.report("wrong-type", self.place(node), message, ACTION_HELP);
            return None;
        }
        let mut fields = self.fields(node, "an action")?;
        let publish = fields.node("publish");
        let log = fields.node("log");
        let webhook = fields.node("webhook");
        let given = [publish, log, webhook].into_iter().flatten().count();
        if given > 1 {
            self.report(
                "two-actions",
                node.head(),
                "an item of `actions` is one action",
                "put a `-` before each of them",
            );
        }
        if given == 0 && node.as_mapping().is_some_and(|it| it.entries.is_empty()) {
            self.report("missing-key", node.span, "the action is empty", ACTION_HELP);
        }
        fields.finish(self.diagnostics);

        let publish = publish.and_then(|node| self.publish(node));
        let log = log.and_then(|node| self.log(node));
        let webhook = webhook.and_then(|node| self.webhook(node));
        publish.or(log).or(webhook)
    }

    fn publish(&mut self, node: &Node) -> Option<Action> {
        Some(Action::Publish { topic: self.topic(node, "publish")? })
    }

    /// The name of a topic.
    pub(super) fn topic(&mut self, node: &Node, key: &str) -> Option<Spanned<String>> {
        let topic = read::string(node, &format!("`{key}`"), self.file, self.diagnostics)?;
        if let Some(problem) = topic_problem(&topic.value) {
            self.report(
                "bad-topic",
                topic.span,
                problem,
                "a topic has 1 to 249 characters of `a-z A-Z 0-9 . _ -`",
            );
            return None;
        }
        Some(Spanned::new(topic.value.clone(), topic.span))
    }

    fn log(&mut self, node: &Node) -> Option<Action> {
        let text = read::text(node, "`log`", self.file, self.diagnostics)?;
        let level = LogLevel::parse(&text.value);
        if level.is_none() {
            self.unknown_word("level", text, &LogLevel::ALL.map(LogLevel::as_str));
        }
        Some(Action::Log { level: level? })
    }

    fn webhook(&mut self, node: &Node) -> Option<Action> {
        if let Some(url) = node.as_str() {
            let help = format!("write `webhook: {{ url: {url} }}`");
            self.report("wrong-type", node.span, "`webhook` must be a mapping, not a string", help);
            return None;
        }
        let mut fields = self.fields(node, "a webhook")?;
        let url = fields
            .require("url")
            .and_then(|node| read::string(node, "`url`", self.file, self.diagnostics))
            .and_then(|url| self.url(url));
        let headers = self.headers(&mut fields);
        let timeout = self.positive_duration(&mut fields, "timeout");
        if let Some(timeout) = timeout
            && timeout.value > MAX_TIMEOUT
        {
            self.report(
                "out-of-range",
                timeout.span,
                "the `timeout` of a webhook must be at most `10m`",
                "a slow receiver holds up others; write `10s`, the default, or a little more",
            );
        }
        fields.finish(self.diagnostics);
        Some(Action::Webhook {
            url: url?,
            headers,
            timeout: timeout.map_or(DEFAULT_TIMEOUT, |timeout| timeout.value),
        })
    }

    fn url(&mut self, url: &Scalar) -> Option<Spanned<String>> {
        let lower = url.value.to_ascii_lowercase();
        let rest = lower.strip_prefix("http://").or_else(|| lower.strip_prefix("https://"));
        let help = "write an address such as `https://example.org/alerts`";
        let problem = match rest {
            None => format!("`{}` does not start with `http://` or `https://`", without_secrets(&url.value)),
            Some(rest) if rest.is_empty() || rest.starts_with(['/', '?', '#', ':']) => {
                format!("`{}` names no host", without_secrets(&url.value))
            }
            Some(rest) if rest.contains(|c: char| c.is_whitespace() || c.is_control()) => {
                "an address has no blanks".to_owned()
            }
            Some(_) => return Some(Spanned::new(url.value.clone(), url.span)),
        };
        self.report("bad-url", url.span, problem, help);
        None
    }

    fn headers(&mut self, fields: &mut Fields<'_>) -> Vec<(String, String)> {
        let Some(mapping) = fields.mapping("headers", self.diagnostics) else {
            return Vec::new();
        };
        let mut headers = Vec::with_capacity(mapping.entries.len());
        for (name, node) in &mapping.entries {
            if !is_header_name(&name.value) {
                let message = format!("`{}` is not the name of a header", name.value);
                self.report(
                    "bad-header",
                    name.span,
                    message,
                    "use letters, digits and `-`, such as `X-Team`",
                );
            }
            let what = format!("the header `{}`", name.value);
            let Some(value) = read::text(node, &what, self.file, self.diagnostics) else {
                continue;
            };
            if !value.value.bytes().all(|b| (b' '..=b'~').contains(&b)) {
                self.report(
                    "bad-header",
                    value.span,
                    format!("{what} must be one line of ASCII characters"),
                    "remove line breaks and other characters",
                );
            }
            headers.push((name.value.clone(), value.value.clone()));
        }
        headers
    }
}

/// An address as far as it can be shown: what may be a secret, in front of an `@` and after a `?` or `#`, is left out.
fn without_secrets(url: &str) -> String {
    let (address, rest) = url.split_at(url.find(['?', '#']).unwrap_or(url.len()));
    let scheme = address.find("://").map_or("", |at| &address[..at + 3]);
    let shown = match address.rsplit_once('@') {
        Some((_, host)) => format!("{scheme}…@{host}"),
        // What stands in front of the mark may be the half of a password.
        None if rest.contains('@') => return format!("{scheme}…"),
        None => address.to_owned(),
    };
    match rest.chars().next() {
        Some(mark) => format!("{shown}{mark}…"),
        None => shown,
    }
}

/// What keeps a text from being the name of a topic, by Kafka's rule.
fn topic_problem(name: &str) -> Option<String> {
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    if name.is_empty() {
        return Some("the name of the topic is empty".to_owned());
    }
    if let Some(bad) = name.chars().find(|c| !is_allowed(*c)) {
        return Some(format!("the name of a topic has no `{bad}`"));
    }
    if name == "." || name == ".." {
        return Some(format!("`{name}` is not a name for a topic"));
    }
    (name.len() > 249).then(|| format!("the name of the topic has {} characters", name.len()))
}

/// Whether a text is a token by RFC 9110.
fn is_header_name(name: &str) -> bool {
    !name.is_empty()
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::without_secrets;

    #[test]
    fn what_may_be_a_secret_is_not_shown() {
        for (url, shown) in [
            ("ftp://user:pass@host/path?token=1#part", "ftp://…@host/path?…"),
            ("user:p@ss@host", "…@host"),
            ("htps://host/a?key=secret", "htps://host/a?…"),
            ("htps://user:pa?ss@host", "htps://…"),
            ("ftp://host/#token", "ftp://host/#…"),
            ("https:/host", "https:/host"),
            ("", ""),
        ] {
            assert_eq!(without_secrets(url), shown, "{url}");
        }
    }
}
