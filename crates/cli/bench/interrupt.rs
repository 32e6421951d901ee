//! Ctrl-C and SIGTERM as a value that can be asked for.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};

use crate::failure::Failure;

/// Whether the user wants the bench to end.
#[derive(Debug, Clone)]
pub(super) struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// Begins to listen. From here on the signals no longer end the process by themselves.
    pub(super) fn watch() -> Result<Interrupt, Failure> {
        let failed = |cause| Failure::doing("listen for signals", cause);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().map_err(failed)?;
        let (mut interrupt, mut terminate) = {
            let _entered = runtime.enter();
            (
                signal(SignalKind::interrupt()).map_err(failed)?,
                signal(SignalKind::terminate()).map_err(failed)?,
            )
        };
        let flag = Arc::new(AtomicBool::new(false));
        let raised = Arc::clone(&flag);
        let wait = move || {
            runtime.block_on(async {
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                }
            });
            raised.store(true, Ordering::Release);
        };
        thread::Builder::new().name("signals".to_owned()).spawn(wait).map_err(failed)?;
        Ok(Interrupt(flag))
    }

    /// Fails once there was a signal.
    pub(super) fn check(&self) -> Result<(), Failure> {
        if self.0.load(Ordering::Acquire) {
            Err(Failure::new("finish the bench: it was interrupted"))
        } else {
            Ok(())
        }
    }

    /// Sleeps for a moment, and fails once there was a signal.
    pub(super) fn sleep(&self, time: Duration) -> Result<(), Failure> {
        thread::sleep(time);
        self.check()
    }
}
