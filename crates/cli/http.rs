//! The client of an engine's HTTP interface.

use std::io::Read;
use std::thread;
use std::time::Duration;

use ureq::Agent;
use ureq::http::{Response, StatusCode, header};
use ureq::tls::{RootCerts, TlsConfig, TlsProvider};

use crate::failure::Failure;

/// Talks to one server.
pub(crate) struct Client {
    agent: Agent,
    url: String,
    token: Option<String>,
}

/// What became of a request that the server did not carry out.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// It may work later: the server is not there, not ready, or busy. With what it asks to be waited.
    Later(String, Option<Duration>),
    /// There is nothing to be found under that name yet.
    NotFound,
    /// It never will.
    Final(String),
}

impl Client {
    /// A client of the server at a URL. Nothing is sent yet.
    pub(crate) fn new(url: &str, token: Option<String>) -> Result<Self, Failure> {
        check_url(url)?;
        let tls =
            TlsConfig::builder().provider(TlsProvider::NativeTls).root_certs(RootCerts::PlatformVerifier);
        // A redirect would carry the token elsewhere, and a body of events is not to be sent as a GET.
        let config = Agent::config_builder()
            .tls_config(tls.build())
            .timeout_connect(Some(Duration::from_secs(10)))
            .max_redirects(0)
            .max_redirects_will_error(false)
            .http_status_as_error(false)
            .user_agent(concat!("olocus/", env!("CARGO_PKG_VERSION")));
        Ok(Self { agent: config.build().new_agent(), url: url.trim_end_matches('/').to_owned(), token })
    }

    /// The server's address.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Publishes events in the form that the content type names; returns when the server says that they are durable.
    pub(crate) fn post_events(&self, topic: &str, content_type: &str, body: &[u8]) -> Result<(), Refusal> {
        let url = format!("{}/v1/topics/{topic}/events", self.url);
        let mut request = self.agent.post(url).header(header::CONTENT_TYPE, content_type);
        if let Some(token) = &self.token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        let request = request.config().timeout_recv_response(Some(Duration::from_secs(60))).build();
        self.judge(request.send(body)).map(drop)
    }

    /// Opens the stream of a topic's events, a line of JSON each.
    pub(crate) fn stream(&self, topic: &str, from: &str) -> Result<impl Read + Send + 'static, Refusal> {
        let url = format!("{}/v1/topics/{topic}/events?from={from}&follow=true", self.url);
        let mut request = self.agent.get(url).header(header::ACCEPT, "application/x-ndjson");
        if let Some(token) = &self.token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        self.judge(request.call()).map(|response| response.into_body().into_reader())
    }

    fn judge(
        &self,
        outcome: Result<Response<ureq::Body>, ureq::Error>,
    ) -> Result<Response<ureq::Body>, Refusal> {
        let mut response = match outcome {
            Ok(response) => response,
            Err(error) if is_final(&error) => {
                return Err(Refusal::Final(format!("reach the server at {}: {error}", self.url)));
            }
            Err(error) => {
                return Err(Refusal::Later(format!("reach the server at {}: {error}", self.url), None));
            }
        };
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let said =
            response.body_mut().with_config().limit(MESSAGE_BYTES_MAX).read_to_string().unwrap_or_default();
        let mut message = format!("get the server at {} to do it: {status}", self.url);
        let reason = reason(&said);
        if !reason.is_empty() {
            message += &format!(": {reason}");
        }
        Err(match status {
            StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => {
                let seconds = response
                    .headers()
                    .get(header::RETRY_AFTER)
                    .and_then(|value| value.to_str().ok()?.parse().ok());
                Refusal::Later(message, seconds.map(Duration::from_secs))
            }
            StatusCode::NOT_FOUND => Refusal::NotFound,
            StatusCode::UNAUTHORIZED => {
                Refusal::Final(format!("{message}; give its token with --token or OLOCUS_TOKEN"))
            }
            _ => Refusal::Final(message),
        })
    }
}

/// Refuses a URL that is none of a server. What may be a secret is not quoted.
fn check_url(url: &str) -> Result<(), Failure> {
    let Some(rest) = ["http://", "https://"].iter().find_map(|scheme| url.strip_prefix(scheme)) else {
        let shown = if url.contains(['@', '?']) { String::new() } else { format!(" `{url}`") };
        return Err(Failure::new(format!(
            "use the server{shown}: its URL must begin with http:// or https://"
        )));
    };
    if rest.split(['/', '?', '#']).next().is_some_and(|authority| authority.contains('@')) {
        return Err(Failure::new(
            "use the server: its URL has a user name in it, which is never sent; give a token with --token or \
             OLOCUS_TOKEN",
        ));
    }
    if rest.contains(['?', '#']) {
        return Err(Failure::new("use the server: its URL must end before any `?` or `#`"));
    }
    Ok(())
}

/// What a body says is wrong: its `error`, or else all of it.
fn reason(body: &str) -> String {
    let said = serde_json::from_str::<serde_json::Value>(body).ok();
    let error = said.as_ref().and_then(|said| said.get("error")?.as_str());
    error.unwrap_or(body).trim().to_owned()
}

/// Whether an error will not go away by itself.
fn is_final(error: &ureq::Error) -> bool {
    matches!(
        error,
        ureq::Error::BadUri(_) | ureq::Error::Tls(_) | ureq::Error::NativeTls(_) | ureq::Error::Http(_)
    )
}

/// The delays between attempts: each twice the one before, up to a largest one.
#[derive(Clone, Debug)]
pub(crate) struct Backoff {
    next: Duration,
    left: u32,
}

impl Backoff {
    /// For something that has to succeed within about a minute.
    pub(crate) fn about_a_minute() -> Self {
        Self { next: Duration::from_millis(100), left: 17 }
    }

    /// Waits before the next attempt, at least as long as was asked for; `false` when no attempt is left.
    pub(crate) fn wait(&mut self, asked: Option<Duration>) -> bool {
        match self.next() {
            Some(delay) => {
                thread::sleep(asked.map_or(delay, |asked| delay.max(asked.min(DELAY_MAX * 6))));
                true
            }
            None => false,
        }
    }
}

impl Iterator for Backoff {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        self.left = self.left.checked_sub(1)?;
        let delay = self.next;
        self.next = (delay * 2).min(DELAY_MAX);
        Some(delay)
    }
}

const MESSAGE_BYTES_MAX: u64 = 4096;
const DELAY_MAX: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_up_to_a_minute_in_all() {
        let delays: Vec<Duration> = Backoff::about_a_minute().collect();
        assert_eq!(delays[..3], [100, 200, 400].map(Duration::from_millis));
        assert_eq!(delays.last(), Some(&DELAY_MAX));
        let sum: Duration = delays.iter().sum();
        assert!((50..70).contains(&sum.as_secs()), "{sum:?}");
    }

    #[test]
    fn urls_without_a_scheme_are_refused() {
        assert!(Client::new("127.0.0.1:8080", None).is_err());
        assert_eq!(Client::new("http://x/", None).unwrap().url(), "http://x");
    }

    #[test]
    fn secrets_in_a_url_are_refused_and_not_quoted() {
        for url in ["http://me:hunter2@x", "me:hunter2@x", "https://x/?token=hunter2", "x?token=hunter2"] {
            let told = Client::new(url, None).err().unwrap().to_string();
            assert!(!told.contains("hunter2"), "{told}");
        }
        Client::new("http://x/a@b", None).unwrap();
    }

    #[test]
    fn a_refusal_is_told_in_the_words_of_the_server() {
        let answer = |status: &str| {
            let body = r#"{"error":"the topic `t` is the engine's own"}"#;
            let length = body.len();
            format!("HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}")
        };
        for (status, hint) in
            [("401 Unauthorized", true), ("403 Forbidden", false), ("400 Bad Request", false)]
        {
            let server = test_server::Server::start(vec![answer(status)]);
            let client = Client::new(&server.url(), None).unwrap();
            let Err(Refusal::Final(told)) = client.post_events("t", "application/json", b"{}") else {
                panic!("{status}");
            };
            assert!(told.contains(": the topic `t` is the engine's own") && !told.contains('{'), "{told}");
            assert_eq!(told.contains("--token"), hint, "{told}");
            server.requests();
        }
    }
}

/// A server that gives prepared answers, each on its own connection.
#[cfg(test)]
pub(crate) mod test_server {
    use std::io::{BufRead as _, BufReader, Read as _, Write as _};
    use std::net::TcpListener;
    use std::thread::{self, JoinHandle};

    /// Answers so many requests as it has answers.
    pub(crate) struct Server {
        url: String,
        thread: JoinHandle<Vec<Request>>,
    }

    /// What was asked.
    pub(crate) struct Request {
        pub(crate) head: String,
        pub(crate) body: Vec<u8>,
    }

    impl Server {
        pub(crate) fn start(answers: Vec<String>) -> Self {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let url = format!("http://{}", listener.local_addr().unwrap());
            let serve = move || answers.into_iter().map(|answer| serve(&listener, &answer)).collect();
            Self { url, thread: thread::spawn(serve) }
        }

        pub(crate) fn url(&self) -> String {
            self.url.clone()
        }

        /// All requests, once every answer was given.
        pub(crate) fn requests(self) -> Vec<Request> {
            self.thread.join().unwrap()
        }
    }

    pub(crate) fn ok(body: &str) -> String {
        format!("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}", body.len())
    }

    pub(crate) fn unavailable() -> String {
        "HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Length: 7\r\n\r\nnot yet".to_owned()
    }

    fn serve(listener: &TcpListener, answer: &str) -> Request {
        let (mut connection, _) = listener.accept().unwrap();
        let mut reader = BufReader::new(connection.try_clone().unwrap());
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert!(reader.read_line(&mut head).unwrap() > 0, "{head}");
        }
        let length = head
            .lines()
            .find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
        let mut body = vec![0; length.unwrap_or(0)];
        reader.read_exact(&mut body).unwrap();
        connection.write_all(answer.as_bytes()).unwrap();
        Request { head, body }
    }
}
