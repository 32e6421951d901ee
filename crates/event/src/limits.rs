//! Ceilings on what one record may cost.

/// Ceilings on what one record may cost; a record beyond one of them is rejected, never cut short.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Largest payload as stored, in bytes.
    pub max_record_bytes: usize,
    /// Largest payload after decompression, in bytes.
    pub max_inflated_bytes: usize,
    /// Deepest nesting of objects and arrays, the outermost object counted as one. Values above
    /// 1024 count as 1024.
    pub max_depth: usize,
}

impl Limits {
    /// The nesting that is really allowed.
    pub(crate) fn depth(&self) -> usize {
        self.max_depth.min(DEEPEST)
    }
}

/// Nesting is tracked in a fixed number of bits, so that no input can make it allocate or recurse.
pub(crate) const DEEPEST: usize = 1024;

impl Default for Limits {
    /// 16 MiB as stored, 64 MiB inflated, 128 levels.
    fn default() -> Self {
        Self { max_record_bytes: 16 << 20, max_inflated_bytes: 64 << 20, max_depth: 128 }
    }
}
