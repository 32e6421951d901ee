//! What a client is told when a request fails: a status and `{"error": "…"}`.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value};

#[derive(Debug)]
pub(super) struct Problem {
    pub(super) status: StatusCode,
    body: Map<String, Value>,
}

impl Problem {
    pub(super) fn new(status: StatusCode, message: impl Into<String>) -> Problem {
        let body = [("error".to_owned(), Value::String(message.into()))].into_iter().collect();
        Problem { status, body }
    }

    pub(super) fn bad_request(message: impl Into<String>) -> Problem {
        Problem::new(StatusCode::BAD_REQUEST, message)
    }

    /// An event of a request is at fault.
    pub(super) fn bad_event(index: usize, code: &str, cause: impl std::fmt::Display) -> Problem {
        let message = format!(
            "event {index} of the request (counted from 0) can't be read, and nothing was stored: {cause}"
        );
        let mut problem = Problem::bad_request(message);
        problem.body.insert("index".to_owned(), index.into());
        problem.body.insert("cause".to_owned(), code.into());
        problem
    }

    /// The log failed to do what was asked.
    pub(super) fn log(what: &str, error: &olocus_bus::Error) -> Problem {
        let status = if error.too_large() {
            StatusCode::PAYLOAD_TOO_LARGE
        } else if error.invalid() {
            StatusCode::BAD_REQUEST
        } else if error.unknown_topic() {
            StatusCode::NOT_FOUND
        } else if error.storage() {
            StatusCode::INSUFFICIENT_STORAGE
        } else if error.retryable() {
            StatusCode::SERVICE_UNAVAILABLE
        } else {
            StatusCode::INTERNAL_SERVER_ERROR
        };
        Problem::new(status, format!("failed to {what}: {error}"))
    }

    /// The server is on its way down.
    pub(super) fn stopping() -> Problem {
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "the engine is stopping")
    }

    #[cfg(test)]
    pub(super) fn message(&self) -> &str {
        self.body["error"].as_str().unwrap()
    }

    #[cfg(test)]
    pub(super) fn cause(&self) -> &str {
        self.body["cause"].as_str().unwrap()
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        (self.status, Json(Value::Object(self.body))).into_response()
    }
}
