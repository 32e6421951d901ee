//! `/health`, `/ready` and `/metrics`.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::json;

use super::problem::Problem;
use super::{App, guard};

pub(super) fn routes(app: &Arc<App>) -> Router {
    Router::new()
        .route("/health", get(health))
        .route("/ready", get(ready))
        .with_state(Arc::clone(app))
        .fallback(unknown)
}

pub(super) fn metrics_routes(app: &Arc<App>) -> Router {
    let routes = Router::new().route("/metrics", get(metrics)).with_state(Arc::clone(app)).fallback(unknown);
    guard::protect(routes, app)
}

/// The process is alive. What it can do is for `/ready` to say.
async fn health() -> Response {
    Json(json!({ "status": "alive", "version": env!("CARGO_PKG_VERSION") })).into_response()
}

async fn ready(State(app): State<Arc<App>>) -> Response {
    match (app.readiness)() {
        Ok(()) => Json(json!({ "status": "ready" })).into_response(),
        Err(reason) => {
            (StatusCode::SERVICE_UNAVAILABLE, Json(json!({ "status": "waiting", "reason": reason })))
                .into_response()
        }
    }
}

async fn metrics(State(app): State<Arc<App>>) -> Response {
    match &app.metrics {
        Some(handle) => {
            ([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], handle.render()).into_response()
        }
        None => {
            Problem::new(StatusCode::NOT_FOUND, "this process gathers its metrics elsewhere").into_response()
        }
    }
}

async fn unknown() -> Problem {
    Problem::new(
        StatusCode::NOT_FOUND,
        "there is nothing here; there are /health, /ready, /v1/topics and /v1/topics/TOPIC/events, and /metrics on its own port",
    )
}
