use std::any::Any;
use std::fmt;
use std::sync::Arc;

/// What proves to a writer that offsets come from a member of a group ([`crate::Membership::token`]).
///
/// It follows its member: it is of use while that is one, and of none once the member has left or has lost what it had.
#[derive(Clone)]
pub struct MemberToken {
    group: Arc<str>,
    proof: Arc<dyn Any + Send + Sync>,
}

impl MemberToken {
    /// A token of a member of this group. The proof is whatever the writers of the same transport understand.
    pub fn new(group: impl Into<Arc<str>>, proof: Arc<dyn Any + Send + Sync>) -> Self {
        Self { group: group.into(), proof }
    }

    /// The group whose member this proves.
    #[must_use]
    pub fn group(&self) -> &str {
        &self.group
    }

    /// The proof, if it is of this type: `None` for the token of another transport.
    #[must_use]
    pub fn proof<T: Any + Send + Sync>(&self) -> Option<Arc<T>> {
        Arc::clone(&self.proof).downcast().ok()
    }
}

impl fmt::Debug for MemberToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemberToken").field("group", &self.group).finish_non_exhaustive()
    }
}
