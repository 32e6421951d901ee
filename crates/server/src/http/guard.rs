//! Who may ask: bearers of the token, or without a token programs of this machine that are no web pages.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, HOST, ORIGIN, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};

use super::App;
use super::problem::Problem;

/// Routes that tell nothing worth hiding, and are asked by orchestrators that hold no token.
const OPEN: [&str; 2] = ["/health", "/ready"];

/// Puts the guard before all routes.
pub(super) fn protect(routes: Router, app: &Arc<App>) -> Router {
    routes.layer(from_fn_with_state(Arc::clone(app), check))
}

async fn check(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    if OPEN.contains(&request.uri().path()) {
        return next.run(request).await;
    }
    match &app.token {
        Some(token) if !bears(request.headers(), token.expose()) => refuse(),
        None if !is_local_program(request.headers()) => Problem::new(
            StatusCode::FORBIDDEN,
            "without a token the engine answers programs on this machine only, and no web pages",
        )
        .into_response(),
        _ => next.run(request).await,
    }
}

fn refuse() -> Response {
    let problem = Problem::new(StatusCode::UNAUTHORIZED, "send the token as `Authorization: Bearer TOKEN`");
    let mut response = problem.into_response();
    response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    response
}

fn bears(headers: &HeaderMap, token: &str) -> bool {
    let given = headers.get(AUTHORIZATION).map(HeaderValue::as_bytes).unwrap_or_default();
    let Some((scheme, given)) = given.split_at_checked("Bearer ".len()) else { return false };
    scheme.eq_ignore_ascii_case(b"Bearer ") && equal(given.trim_ascii(), token.as_bytes())
}

/// Compares in a time that tells nothing but the length of the token.
fn equal(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len()
        && std::hint::black_box(a.iter().zip(b).fold(0, |difference, (a, b)| difference | (a ^ b))) == 0
}

/// A browser sends `Origin` when a page of another site asks, and its own idea of our name as `Host` when a
/// name was bent to this machine.
fn is_local_program(headers: &HeaderMap) -> bool {
    let Some(host) = headers.get(HOST) else { return !headers.contains_key(ORIGIN) };
    let host = host.to_str().unwrap_or_default();
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let name = name.trim_start_matches('[').trim_end_matches(']');
    let is_loopback = name.eq_ignore_ascii_case("localhost")
        || name.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
    is_loopback && !headers.contains_key(ORIGIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers<const N: usize>(pairs: [(&'static str, &'static str); N]) -> HeaderMap {
        pairs
            .into_iter()
            .map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_static(value)))
            .collect()
    }

    #[test]
    fn only_the_exact_token_is_let_in() {
        assert!(bears(&headers([("authorization", "Bearer s3cret")]), "s3cret"));
        assert!(bears(&headers([("authorization", "bearer s3cret")]), "s3cret"));
        for wrong in ["Bearer s3cre", "Bearer s3creT", "Bearer s3cret2", "Basic s3cret", "s3cret", "Bearer "]
        {
            assert!(!bears(&headers([("authorization", wrong)]), "s3cret"), "{wrong}");
        }
        assert!(!bears(&HeaderMap::new(), "s3cret"));
    }

    #[test]
    fn web_pages_and_bent_names_are_kept_out() {
        for good in ["localhost:8080", "127.0.0.1:8080", "[::1]:8080", "LOCALHOST", "127.0.0.1"] {
            assert!(is_local_program(&headers([("host", good)])), "{good}");
        }
        assert!(!is_local_program(&headers([("host", "evil.example:8080")])));
        assert!(!is_local_program(&headers([
            ("host", "localhost:8080"),
            ("origin", "https://evil.example")
        ])));
    }
}
