//! The fields of a projection as a tree, so that one pass over an event finds them all.

use crate::projection::Projection;
use crate::raw::Name;
use crate::text_table::TextTable;

/// Paths merged by their common beginnings. Nodes stand parents first; the root is node 0.
#[derive(Debug)]
pub(crate) struct FieldTree {
    nodes: Vec<Node>,
}

/// A place in an event that is read, or leads to one that is.
#[derive(Debug)]
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

/// From names to nodes.
#[derive(Debug)]
pub(crate) struct Lookup {
    names: TextTable,
    nodes: Vec<usize>,
}

impl Lookup {
    fn new(entries: Vec<(Box<str>, usize)>) -> Self {
        let nodes = entries.iter().map(|(_, node)| *node).collect();
        // A tree has far fewer nodes than 2^32.
        Self { names: TextTable::new(entries.into_iter().map(|(name, node)| (name, node as u32))), nodes }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    #[inline]
    pub(crate) fn get(&self, name: Name<'_>) -> Option<usize> {
        self.names.number(name.buffer, name.start, name.start + name.text.len()).map(|node| node as usize)
    }

    pub(crate) fn nodes(&self) -> impl Iterator<Item = usize> {
        self.nodes.iter().copied()
    }
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
        let a = root.get(Name::alone("a")).unwrap();
        assert_eq!(tree.node(a).columns, [0, 4]);
        assert_eq!(tree.node(tree.node(a).children.get(Name::alone("b")).unwrap()).columns, [1]);
        assert_eq!(tree.node(tree.node(a).children.get(Name::alone("c")).unwrap()).columns, [2]);
        assert_eq!(tree.node(root.get(Name::alone("a.b")).unwrap()).columns, [3]);
        assert_eq!(root.get(Name::alone("b")), None);
        assert_eq!(root.get(Name::alone("")), None);
        assert!(tree.node(0).columns.is_empty());
    }
}
