//! Following a topic that an engine streams over HTTP.

use std::io::{self, BufRead as _, BufReader, Read};
use std::thread;
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};

use super::{From, LOOK_EVERY, Output};
use crate::failure::Failure;
use crate::http::{Client, Refusal};

/// Prints the topic's events until nothing more is wanted.
pub(super) fn follow(
    client: Client,
    topic: &str,
    from: From,
    output: &mut Output<'_>,
) -> Result<(), Failure> {
    let (sender, receiver) = bounded(LINES);
    let (topic, url) = (topic.to_owned(), client.url().to_owned());
    // A read blocks for as long as nothing comes, so another thread does it. When this one has enough, the process ends
    // and with it that read.
    thread::spawn(move || stream(&client, &topic, from, &sender));
    print(&receiver, &url, output)
}

/// What comes from the stream.
enum Incoming {
    /// The server has answered.
    Reached,
    /// It does not answer, or not yet with what it is asked for.
    Away(String),
    Line(Vec<u8>),
    /// It cannot be had, or not any longer.
    Failed(Failure),
}

fn print(lines: &Receiver<Incoming>, url: &str, output: &mut Output<'_>) -> Result<(), Failure> {
    while !output.is_done() {
        match lines.recv_timeout(output.step(LOOK_EVERY)) {
            Ok(Incoming::Line(line)) => {
                match unreadable(&line) {
                    Some(why) => output.problem(why),
                    None => output.line(&line)?,
                }
                if lines.is_empty() {
                    output.flush()?;
                }
            }
            Ok(Incoming::Reached) => output.reached(),
            Ok(Incoming::Away(why)) => output.away(why),
            Ok(Incoming::Failed(failure)) => {
                output.flush()?;
                return Err(failure);
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => {
                output.flush()?;
                return Err(Failure::new(format!("read on: the server at {url} has ended the stream")));
            }
        }
    }
    output.finish()
}

/// Waits for the topic and hands its lines over, until nobody wants them or the stream ends.
fn stream(client: &Client, topic: &str, from: From, to: &Sender<Incoming>) {
    let mut from = from;
    loop {
        match client.stream(topic, &from.to_string()) {
            Ok(body) => {
                let _ = to.send(Incoming::Reached);
                if let Err(cause) = hand_over(body, to) {
                    let failure =
                        Failure::doing(format_args!("read on from the server at {}", client.url()), cause);
                    // Nobody listens any more: then nobody has to know.
                    let _ = to.send(Incoming::Failed(failure));
                }
                return;
            }
            Err(Refusal::Final(message)) => {
                let _ = to.send(Incoming::Failed(Failure::new(message)));
                return;
            }
            Err(Refusal::NotFound) => {
                let _ = to.send(Incoming::Reached);
                // All that is written once the topic is there is new.
                if from == From::End {
                    from = From::Beginning;
                }
                thread::sleep(LOOK_EVERY);
            }
            Err(Refusal::Later(why, asked)) => {
                let _ = to.send(Incoming::Away(why));
                thread::sleep(asked.unwrap_or(LOOK_EVERY).min(Duration::from_secs(5)));
            }
        }
    }
}

/// Sends each line that is not blank; blank ones only keep the connection alive.
fn hand_over(body: impl Read, to: &Sender<Incoming>) -> io::Result<()> {
    let mut body = BufReader::new(body);
    loop {
        let mut line = Vec::new();
        // The engine caps records; a stream that is no stream of lines must not fill the memory either.
        (&mut body).take(LINE_BYTES_MAX).read_until(b'\n', &mut line)?;
        if line.is_empty() {
            return Ok(());
        }
        if line.len() as u64 == LINE_BYTES_MAX {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "a line is longer than 128 MiB"));
        }
        let length = line.trim_ascii_end().len();
        line.truncate(length);
        if length > 0 && to.send(Incoming::Line(line)).is_err() {
            return Ok(());
        }
    }
}

/// Why a line stands for a record that the engine could not show, and which one that is.
fn unreadable(line: &[u8]) -> Option<String> {
    // An event begins with its attributes; only the few other lines are taken apart.
    if !line.starts_with(b"{\"error\":") {
        return None;
    }
    let Refused { error, topic, partition, offset } = serde_json::from_slice(line).ok()?;
    Some(format!("{topic}/{partition}/{offset}: {error}"))
}

#[derive(serde::Deserialize)]
struct Refused {
    error: String,
    topic: String,
    partition: i32,
    offset: i64,
}

/// Lines that wait to be printed.
const LINES: usize = 1024;
const LINE_BYTES_MAX: u64 = 128 << 20;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::test_server::{Server, ok, unavailable};

    #[test]
    fn a_topic_is_waited_for_and_then_read_from_its_beginning() {
        let missing = "HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n\r\n".to_owned();
        let server = Server::start(vec![unavailable(), missing, ok("{\"a\":1}\n\n{\"a\":2}\n{\"a\":3}\n")]);
        let client = Client::new(&server.url(), None).unwrap();
        let mut seen = Vec::new();
        let mut output = Output::new(Box::new(&mut seen), Some(2), None);
        follow(client, "t", From::End, &mut output).unwrap();
        drop(output);
        assert_eq!(seen, b"{\"a\":1}\n{\"a\":2}\n");
        let heads: Vec<String> = server.requests().into_iter().map(|request| request.head).collect();
        assert!(heads[1].starts_with("GET /v1/topics/t/events?from=end&follow=true "), "{}", heads[1]);
        assert!(heads[2].starts_with("GET /v1/topics/t/events?from=beginning&follow=true "), "{}", heads[2]);
    }

    #[test]
    fn a_stream_that_ends_is_a_failure() {
        let server = Server::start(vec![ok("{}\n")]);
        let client = Client::new(&server.url(), None).unwrap();
        let mut seen = Vec::new();
        let mut output = Output::new(Box::new(&mut seen), None, None);
        let failure = follow(client, "t", From::Time(0), &mut output).unwrap_err().to_string();
        drop(output);
        assert!(failure.ends_with("has ended the stream"), "{failure}");
        assert_eq!(seen, b"{}\n");
        assert!(server.requests()[0].head.contains("?from=1970-01-01T00:00:00Z&"));
    }

    #[test]
    fn a_record_that_could_not_be_shown_is_a_problem_and_no_line() {
        let refused =
            r#"{"error":"no key","cause":"unknown-key","topic":"t","partition":0,"offset":3,"key":null}"#;
        assert_eq!(unreadable(refused.as_bytes()).unwrap(), "t/0/3: no key");
        let server = Server::start(vec![ok(&format!("{refused}\n{{\"specversion\":\"1.0\"}}\n"))]);
        let client = Client::new(&server.url(), None).unwrap();
        let mut seen = Vec::new();
        let mut output = Output::new(Box::new(&mut seen), Some(1), None);
        follow(client, "t", From::End, &mut output).unwrap();
        assert_eq!(output.failed, 1);
        drop(output);
        assert_eq!(seen, b"{\"specversion\":\"1.0\"}\n");
        server.requests();
    }

    #[test]
    fn lines_are_handed_over_without_blank_ones() {
        let (sender, receiver) = bounded(10);
        hand_over(&b"{\"a\":1}\r\n\n \n{\"a\":2}"[..], &sender).unwrap();
        drop(sender);
        let lines: Vec<Vec<u8>> = receiver
            .into_iter()
            .map(|incoming| match incoming {
                Incoming::Line(line) => line,
                Incoming::Failed(failure) => panic!("{failure}"),
                Incoming::Reached | Incoming::Away(_) => panic!("no answer of a server"),
            })
            .collect();
        assert_eq!(lines, [b"{\"a\":1}", b"{\"a\":2}"]);
    }
}
