//! The fields of a projection as a tree, so that one pass over an event finds them all.

use crate::projection::Projection;

/// Paths merged by their common beginnings. Nodes stand parents first; the root is node 0.
#[derive(Debug)]
pub(crate) struct FieldTree {
    nodes: Vec<Node>,
}

/// A place in an event that is read, or leads to one that is.
#[derive(Debug, Default)]
pub(crate) struct Node {
    /// The columns that take the value found here.
    pub(crate) columns: Vec<usize>,
    /// The members of the value that matter.
    pub(crate) children: Lookup,
}

impl FieldTree {
    pub(crate) fn new(projection: &Projection) -> Self {
        let mut drafts = vec![Draft::default()];
        for (column, (path, _)) in projection.columns.iter().enumerate() {
            // The root is the event itself, which is no field: a path without segments gets a node
            // that nothing leads to.
            let mut at = 0;
            if path.segments().len() == 0 {
                at = drafts.len();
                drafts.push(Draft::default());
            }
            for segment in path.segments() {
                let known =
                    drafts[at].children.iter().find(|(name, _)| &**name == segment).map(|(_, node)| *node);
                at = known.unwrap_or_else(|| {
                    let node = drafts.len();
                    drafts[at].children.push((segment.into(), node));
                    drafts.push(Draft::default());
                    node
                });
            }
            drafts[at].columns.push(column);
        }
        let nodes = drafts
            .into_iter()
            .map(|draft| Node { columns: draft.columns, children: Lookup::new(draft.children) })
            .collect();
        Self { nodes }
    }

    pub(crate) fn len(&self) -> usize {
        self.nodes.len()
    }

    pub(crate) fn node(&self, index: usize) -> &Node {
        &self.nodes[index]
    }
}

#[derive(Default)]
struct Draft {
    columns: Vec<usize>,
    children: Vec<(Box<str>, usize)>,
}

/// A hash table from names to nodes, sized so that names which are not in it mostly meet an empty
/// bucket. The names come from rules, never from events, so events cannot make them collide.
#[derive(Debug, Default)]
pub(crate) struct Lookup {
    /// By hash, the range of `entries` with that hash.
    buckets: Vec<(u32, u32)>,
    entries: Vec<(Box<str>, usize)>,
}

impl Lookup {
    fn new(mut entries: Vec<(Box<str>, usize)>) -> Self {
        if entries.is_empty() {
            return Self::default();
        }
        let size = (entries.len() * 4).next_power_of_two();
        entries.sort_by_key(|(name, _)| bucket(name, size));
        let mut buckets = vec![(0, 0); size];
        for (index, (name, _)) in entries.iter().enumerate() {
            let range = &mut buckets[bucket(name, size)];
            if range.0 == range.1 {
                *range = (index as u32, index as u32);
            }
            range.1 += 1;
        }
        Self { buckets, entries }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    #[inline]
    pub(crate) fn get(&self, name: &str) -> Option<usize> {
        if self.buckets.is_empty() {
            return None;
        }
        let (start, end) = self.buckets[bucket(name, self.buckets.len())];
        let candidates = &self.entries[start as usize..end as usize];
        candidates.iter().find(|(candidate, _)| &**candidate == name).map(|(_, node)| *node)
    }

    pub(crate) fn nodes(&self) -> impl Iterator<Item = usize> {
        self.entries.iter().map(|(_, node)| *node)
    }
}

/// Where a name belongs in a table of a power of two buckets: length and three letters tell names
/// of one event type apart well enough.
#[inline]
fn bucket(name: &str, size: usize) -> usize {
    let bytes = name.as_bytes();
    let [first, middle, last] = match bytes {
        [] => [0; 3],
        [..] => [bytes[0], bytes[bytes.len() / 2], bytes[bytes.len() - 1]].map(u64::from),
    };
    let mixed = (bytes.len() as u64) ^ (first << 8) ^ (middle << 16) ^ (last << 24);
    (mixed.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40) as usize & (size - 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::projection::{FieldPath, Kind};

    #[test]
    fn paths_share_their_beginnings() {
        let columns = [vec!["a"], vec!["a", "b"], vec!["a", "c"], vec!["a.b"], vec!["a"], vec![]];
        let tree = FieldTree::new(&Projection {
            columns: columns.map(|path| (FieldPath::new(path), Kind::Text)).into(),
        });
        assert_eq!(tree.len(), 6);
        let root = &tree.node(0).children;
        let a = root.get("a").unwrap();
        assert_eq!(tree.node(a).columns, [0, 4]);
        assert_eq!(tree.node(tree.node(a).children.get("b").unwrap()).columns, [1]);
        assert_eq!(tree.node(tree.node(a).children.get("c").unwrap()).columns, [2]);
        assert_eq!(tree.node(root.get("a.b").unwrap()).columns, [3]);
        assert_eq!(root.get("b"), None);
        assert_eq!(root.get(""), None);
        assert!(tree.node(0).columns.is_empty());
    }

    #[test]
    fn every_name_is_found_among_many() {
        let names: Vec<String> = (0..2000).map(|index| format!("field_{index}")).collect();
        let lookup =
            Lookup::new(names.iter().enumerate().map(|(node, name)| (name.as_str().into(), node)).collect());
        for (node, name) in names.iter().enumerate() {
            assert_eq!(lookup.get(name), Some(node));
        }
        assert_eq!(lookup.get("field_2000"), None);
    }
}
