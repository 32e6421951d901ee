//! Room for recursion.
//!
//! The parser and DataFusion's planner walk trees by recursion, with large frames where code is not optimised. Trees are
//! bounded, but the stack of the calling thread may be small.

use std::cell::Cell;
use std::thread::Builder;

/// Enough for the deepest tree that is let through, many times over. Pages that are not used cost nothing.
const STACK_BYTES: usize = 64 << 20;

thread_local! {
    static IS_DEEP: Cell<bool> = const { Cell::new(false) };
}

/// Runs `work` on a thread with a large stack, or in place if this is one, or if there can be no other thread.
///
/// Compiling needs one, and makes one for each expression unless it runs inside of this already: whoever compiles many
/// does it in here.
pub fn on_deep_stack<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    if IS_DEEP.get() {
        return work();
    }
    let mut waiting = Some(work);
    let result = std::thread::scope(|scope| {
        let run = || {
            IS_DEEP.set(true);
            waiting.take().map(|work| work())
        };
        match Builder::new().stack_size(STACK_BYTES).spawn_scoped(scope, run).map(|thread| thread.join()) {
            Ok(Ok(result)) => result,
            Ok(Err(panic)) => std::panic::resume_unwind(panic),
            Err(_) => None,
        }
    });
    result.unwrap_or_else(|| waiting.expect("work is taken only by a thread that then returns its result")())
}
