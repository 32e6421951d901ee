//! The HTTP servers: one for health checks and, on the embedded log, topics; one for metrics.
//!
//! - `bind`: listening sockets, opened before anything else so that a port in use costs nothing;
//! - `guard`: who may ask;
//! - `health`, `topics`: the routes;
//! - `ingest`: the body of a request → records; `publish`: records → the log, many requests per commit;
//! - `follow`: the log → a stream of lines.

mod bind;
mod follow;
mod guard;
mod health;
mod ingest;
mod limited;
mod problem;
mod publish;
mod topics;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::sync::watch;

use crate::config::Secret;

pub(crate) use self::bind::{BindError, Listeners};
pub(crate) use self::publish::{Creation, Publisher};
pub(crate) use self::topics::Topics;

/// How long running requests may take to end once the server stops.
const SHUTDOWN: Duration = Duration::from_secs(2);

/// How often metrics are tidied up, which keeps the memory of histograms bounded when nobody scrapes.
const UPKEEP: Duration = Duration::from_secs(5);

/// Tells whether the engine is ready, or what is in the way.
pub(crate) type Readiness = dyn Fn() -> Result<(), String> + Send + Sync;

/// What the routes need.
pub(crate) struct App {
    /// Whether the engine is ready.
    pub(crate) readiness: Box<Readiness>,
    /// The topics of the embedded log; `None` on Kafka, which has clients of its own.
    pub(crate) topics: Option<Topics>,
    /// The token that clients must send.
    pub(crate) token: Option<Secret>,
    /// Where metrics are gathered; `None` if the process gathers them elsewhere.
    pub(crate) metrics: Option<PrometheusHandle>,
}

/// The running servers. Dropping them stops them.
#[derive(Debug)]
pub(crate) struct Servers {
    /// The address of health checks and topics.
    pub(crate) address: SocketAddr,
    /// The address of metrics.
    pub(crate) metrics_address: SocketAddr,
    stop: watch::Sender<bool>,
    runtime: Option<tokio::runtime::Runtime>,
}

impl Servers {
    /// Begins to serve on sockets that are open already.
    ///
    /// # Errors
    /// If the system has no room for the threads, or does not take the sockets over.
    pub(crate) fn start(listeners: Listeners, app: App) -> std::io::Result<Servers> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .max_blocking_threads(64)
            .thread_name("olocus-http")
            .enable_all()
            .build()?;
        let app = Arc::new(app);
        let (stop, stopped) = watch::channel(false);
        let Listeners { main, metrics } = listeners;
        let (address, metrics_address) = (main.local_addr()?, metrics.local_addr()?);
        let entered = runtime.enter();
        serve(main, limited::MAIN_CONNECTIONS, main_routes(&app, &stopped), stopped.clone())?;
        serve(metrics, limited::METRICS_CONNECTIONS, health::metrics_routes(&app), stopped)?;
        if let Some(handle) = app.metrics.clone() {
            runtime.spawn(async move {
                let mut interval = tokio::time::interval(UPKEEP);
                loop {
                    interval.tick().await;
                    handle.run_upkeep();
                }
            });
        }
        drop(entered);
        Ok(Servers { address, metrics_address, stop, runtime: Some(runtime) })
    }
}

impl Drop for Servers {
    fn drop(&mut self) {
        self.stop.send_replace(true);
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_timeout(SHUTDOWN);
        }
    }
}

fn main_routes(app: &Arc<App>, stopped: &watch::Receiver<bool>) -> Router {
    guard::protect(health::routes(app).merge(topics::routes(app, stopped)), app)
}

fn serve(
    listener: std::net::TcpListener,
    connections: usize,
    routes: Router,
    mut stopped: watch::Receiver<bool>,
) -> std::io::Result<()> {
    let listener = limited::Limited::new(tokio::net::TcpListener::from_std(listener)?, connections);
    tokio::spawn(async move {
        let stop = async move {
            // The sender is gone once the servers are dropped, which is as good as a stop.
            let _ = stopped.wait_for(|stopped| *stopped).await;
        };
        if let Err(error) = axum::serve(listener, routes).with_graceful_shutdown(stop).await {
            tracing::error!("the HTTP server failed: {error}");
        }
    });
    Ok(())
}

#[cfg(test)]
mod tests;
