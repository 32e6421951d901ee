use std::collections::HashMap;
use std::sync::Arc;

/// A log with more names than this has no use of sharing them.
const MOST: usize = 1024;

/// Names of headers, which repeat in every record and are shared between them.
#[derive(Default)]
pub(crate) struct HeaderNames(HashMap<Box<[u8]>, Arc<str>>);

impl HeaderNames {
    /// The shared name with these bytes; what is not UTF-8 in it is replaced.
    pub(crate) fn share(&mut self, name: &[u8]) -> Arc<str> {
        if let Some(shared) = self.0.get(name) {
            return Arc::clone(shared);
        }
        let shared: Arc<str> = String::from_utf8_lossy(name).into();
        if self.0.len() < MOST {
            self.0.insert(name.into(), Arc::clone(&shared));
        }
        shared
    }
}
