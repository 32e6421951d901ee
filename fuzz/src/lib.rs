//! What arbitrary bytes must not do to the engine: as rule files and as records.
//!
//! Each target takes bytes and panics if something does not hold. The tests run them over the seeds and over random
//! changes of these; `make fuzz` runs libFuzzer, which is guided by what code the inputs reach. What it finds becomes a
//! seed.
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod decode;
pub mod mutation;
pub mod rules;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// The memory that a target may take for inputs of up to [`INPUT_BYTES_MAX`], with what the process has anyway.
const MEMORY: u64 = 1 << 30;

/// The largest input that targets are given.
pub const INPUT_BYTES_MAX: usize = 64 << 10;

/// Has allocations fail, which ends the process, once it takes more memory than any input may ask for.
///
/// # Panics
/// If the limit cannot be set.
pub fn limit_memory() {
    let Rlimit { maximum, .. } = getrlimit(Resource::Data);
    let current = Some(maximum.map_or(MEMORY, |most| most.min(MEMORY)));
    setrlimit(Resource::Data, Rlimit { current, maximum }).expect("a limit may be lowered");
}
