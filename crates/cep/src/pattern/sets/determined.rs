/// Names a set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct SetId(u16);
impl SetId { pub(super) const fn new(v: u16) -> SetId { SetId(v) } }
