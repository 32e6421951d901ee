//! `/v1/topics`: publishing to the embedded log and reading from it, for other processes.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, Request, State};
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use olocus_bus::Transport;
use olocus_event::{Keyring, Limits};
use serde::Deserialize;
use serde_json::json;
use tokio::sync::{Semaphore, mpsc, watch};
use tokio_stream::StreamExt;
use tokio_stream::wrappers::ReceiverStream;

use super::follow::{Cursor, Reading, Start};
use super::ingest::{Ingest, Publication};
use super::problem::Problem;
use super::{App, Publisher};

/// Streams that are read at once; each has a thread.
const STREAMS: usize = 64;

/// Bodies that are received at once; together with their size this bounds the memory that they take.
const BODIES: usize = 16;

/// Chunks that wait for a slow reader.
const CHUNKS_AHEAD: usize = 8;

/// How long a client may take to send the next piece of a body.
const BODY_PAUSE: Duration = Duration::from_secs(30);

/// The topics of the embedded log, as HTTP offers them.
pub(crate) struct Topics {
    transport: Arc<dyn Transport>,
    publisher: Publisher,
    ingest: Arc<Ingest>,
    keyring: Arc<Keyring>,
    limits: Limits,
    body_bytes: usize,
    /// Topics that only the engine writes to.
    own: BTreeSet<String>,
    streams: Arc<Semaphore>,
    bodies: Semaphore,
}

impl Topics {
    /// Offers the topics of `transport`; nobody may publish to those in `own`.
    pub(crate) fn new(
        transport: Arc<dyn Transport>,
        publisher: Publisher,
        keyring: Arc<Keyring>,
        limits: Limits,
        body_bytes: usize,
        own: BTreeSet<String>,
    ) -> Topics {
        Topics {
            transport,
            publisher,
            ingest: Arc::new(Ingest::new(Arc::clone(&keyring), limits)),
            keyring,
            limits,
            body_bytes,
            own,
            streams: Arc::new(Semaphore::new(STREAMS)),
            bodies: Semaphore::new(BODIES),
        }
    }
}

/// What the routes work with.
#[derive(Clone)]
struct Context {
    app: Arc<App>,
    stopped: watch::Receiver<bool>,
}

impl Context {
    fn topics(&self) -> Result<&Topics, Problem> {
        self.app.topics.as_ref().ok_or_else(|| {
            let message = "this engine runs on Kafka: publish to its topics and read them with any Kafka client, or \
                           with `olocus publish` and `olocus tail` and the option `--brokers`";
            Problem::new(StatusCode::CONFLICT, message)
        })
    }
}

pub(super) fn routes(app: &Arc<App>, stopped: &watch::Receiver<bool>) -> Router {
    Router::new()
        .route("/v1/topics", get(list))
        .route("/v1/topics/{topic}/events", get(read).post(publish))
        .with_state(Context { app: Arc::clone(app), stopped: stopped.clone() })
}

async fn list(State(context): State<Context>) -> Result<Response, Problem> {
    let transport = Arc::clone(&context.topics()?.transport);
    let topics =
        blocking(move || transport.topics().map_err(|error| Problem::log("list the topics", &error))).await?;
    let topics: Vec<_> = topics
        .into_iter()
        .map(|(name, partitions)| json!({ "name": name, "partitions": partitions }))
        .collect();
    Ok(Json(json!({ "topics": topics })).into_response())
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PublishQuery {
    key: Option<String>,
}

async fn publish(
    State(context): State<Context>,
    Path(topic): Path<String>,
    query: Result<Query<PublishQuery>, QueryRejection>,
    request: Request,
) -> Result<Response, Problem> {
    let topics = context.topics()?;
    check_name(&topic)?;
    if topics.own.contains(&topic) {
        let message = format!("the topic `{topic}` is the engine's own, and only the engine writes to it");
        return Err(Problem::new(StatusCode::FORBIDDEN, message));
    }
    let Query(PublishQuery { key }) = query.map_err(|error| Problem::bad_request(error.body_text()))?;
    let (parts, body) = request.into_parts();
    // The place is held until the events are durable, so that waiting events are bounded too.
    let _place = topics.bodies.acquire().await.map_err(|_| Problem::stopping())?;
    let body = receive(body, &parts.headers, topics.body_bytes).await?;
    let ingest = Arc::clone(&topics.ingest);
    let topic: Arc<str> = topic.into();
    let records = blocking(move || {
        ingest.records(&Publication { topic, key: key.as_deref(), headers: &parts.headers, body })
    })
    .await?;
    let accepted = records.len();
    topics.publisher.publish(records).await?;
    Ok(Json(json!({ "accepted": accepted })).into_response())
}

/// Receives a body of bounded size from a client that keeps sending.
async fn receive(body: Body, headers: &HeaderMap, limit: usize) -> Result<Bytes, Problem> {
    let too_large = || {
        let message = format!(
            "the body is larger than {limit} bytes (`orchestration.limits.body_bytes`); send several"
        );
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, message)
    };
    let announced =
        headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    if announced.is_some_and(|length| length > limit) {
        return Err(too_large());
    }
    let mut received = Vec::with_capacity(announced.unwrap_or_default());
    let mut pieces = body.into_data_stream();
    loop {
        let piece = tokio::time::timeout(BODY_PAUSE, pieces.next()).await;
        match piece
            .map_err(|_| Problem::new(StatusCode::REQUEST_TIMEOUT, "the body did not arrive in time"))?
        {
            Some(Ok(piece)) if received.len() + piece.len() > limit => return Err(too_large()),
            Some(Ok(piece)) => received.extend_from_slice(&piece),
            Some(Err(error)) => return Err(Problem::bad_request(format!("the body broke off: {error}"))),
            None => return Ok(received.into()),
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ReadQuery {
    from: Option<String>,
    count: Option<u64>,
    #[serde(default)]
    follow: bool,
    timeout: Option<String>,
}

async fn read(
    State(context): State<Context>,
    Path(topic): Path<String>,
    query: Result<Query<ReadQuery>, QueryRejection>,
) -> Result<Response, Problem> {
    let topics = context.topics()?;
    check_name(&topic)?;
    let Query(query) = query.map_err(|error| Problem::bad_request(error.body_text()))?;
    let reading = Reading {
        topic: topic.into(),
        from: query
            .from
            .as_deref()
            .map_or(Ok(Start::Beginning), Start::parse)
            .map_err(Problem::bad_request)?,
        count: query.count,
        follow: query.follow,
        timeout: query.timeout.as_deref().map(parse_timeout).transpose()?,
        keyring: Arc::clone(&topics.keyring),
        limits: topics.limits,
    };
    let place = Arc::clone(&topics.streams).try_acquire_owned().map_err(|_| {
        Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            format!("{STREAMS} streams are being read already; try later"),
        )
    })?;
    let transport = Arc::clone(&topics.transport);
    let (reading, cursor) = blocking(move || {
        let cursor = Cursor::open(&*transport, &reading)?;
        Ok((reading, (transport, cursor)))
    })
    .await?;
    let (sender, receiver) = mpsc::channel(CHUNKS_AHEAD);
    let stopped = context.stopped.clone();
    let builder = std::thread::Builder::new().name("olocus-read".to_owned());
    let thread = builder.spawn(move || {
        let (transport, cursor) = cursor;
        reading.run(&*transport, cursor, &sender, &stopped);
        drop(place);
    });
    thread.map_err(|error| {
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, format!("no room for a stream: {error}"))
    })?;
    let body = Body::from_stream(ReceiverStream::new(receiver));
    Ok(([(CONTENT_TYPE, "application/x-ndjson")], body).into_response())
}

fn parse_timeout(text: &str) -> Result<Duration, Problem> {
    olocus_document::parse_duration(text)
        .map(|nanos| Duration::from_nanos(nanos.unsigned_abs()))
        .ok_or_else(|| Problem::bad_request(format!("`timeout={text}` is not a duration such as `10s`")))
}

fn check_name(topic: &str) -> Result<(), Problem> {
    if let Some(problem) = crate::topic_name::problem(topic) {
        return Err(Problem::bad_request(format!("{problem}; {}", crate::topic_name::RULE)));
    }
    if crate::topic_name::is_internal(topic) {
        return Err(Problem::new(StatusCode::FORBIDDEN, format!("the topic `{topic}` is the log's own")));
    }
    Ok(())
}

/// Calls what may take a while, such as the log.
async fn blocking<T: Send + 'static>(
    call: impl FnOnce() -> Result<T, Problem> + Send + 'static,
) -> Result<T, Problem> {
    tokio::task::spawn_blocking(call).await.unwrap_or_else(|_| Err(Problem::stopping()))
}
