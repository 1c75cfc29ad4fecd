//! Uses: the items that read or write each root, kept up to date while a pass merges items.
use super::item::Item;
use super::roots::Root;
use std::cell::Cell;
use std::collections::BTreeMap;

/// For each root, the items that touch it, that is, read or write it.
pub(super) struct Uses {
    /// For each root, its items in order, each with how often it touches the root.
    items: Vec<BTreeMap<usize, u32>>,
    /// For each root, the root that replaced it, or itself: a union-find forest with path halving (Tarjan and van Leeuwen 1984).
    names: Vec<Cell<usize>>,
}

impl Uses {
    pub(super) fn of(items: &[Item], roots: &[Root]) -> Self {
        let mut uses = Uses { items: vec![BTreeMap::new(); roots.len()], names: (0..roots.len()).map(Cell::new).collect() };
        for (k, item) in items.iter().enumerate() {
            uses.add(k, item, roots);
        }
        uses
    }
    /// The root that now stands for this one.
    pub(super) fn name(&self, mut root: usize) -> usize {
        loop {
            let next = self.names[self.names[root].get()].get();
            if next == self.names[root].replace(next) && next == root {
                return root;
            }
            root = next;
        }
    }
    /// Adds the uses of an item.
    pub(super) fn add(&mut self, k: usize, item: &Item, roots: &[Root]) {
        item.roots(roots, &mut |r| {
            let r = self.name(r);
            *self.items[r].entry(k).or_default() += 1;
        });
    }
    /// Removes the uses of an item. The item must not have changed since its uses were added.
    pub(super) fn remove(&mut self, k: usize, item: &Item, roots: &[Root]) {
        item.roots(roots, &mut |r| {
            let r = self.name(r);
            self.items[r].remove(&k);
        });
    }
    /// Replaces one root by another. Items may go on naming the old root.
    pub(super) fn rename(&mut self, old: usize, new: usize) {
        let (old, new) = (self.name(old), self.name(new));
        let mut fewer = std::mem::take(&mut self.items[old]);
        if fewer.len() > self.items[new].len() {
            std::mem::swap(&mut fewer, &mut self.items[new]);
        }
        for (k, n) in fewer {
            *self.items[new].entry(k).or_default() += n;
        }
        self.names[old].set(new);
    }
    /// The items that touch a root, in order.
    pub(super) fn each(&self, root: usize) -> impl Iterator<Item = usize> {
        self.items[self.name(root)].keys().copied()
    }
    /// The first and the last item that touch a root, and the number of items that touch it. `None` unless both of these items touch it once.
    pub(super) fn ends(&self, root: usize) -> Option<(usize, usize, usize)> {
        let of = &self.items[self.name(root)];
        match (of.first_key_value()?, of.last_key_value()?) {
            ((first, 1), (last, 1)) => Some((*first, *last, of.len())),
            _ => None,
        }
    }
    /// Whether an item strictly between these two touches a root.
    pub(super) fn between(&self, root: usize, first: usize, last: usize) -> bool {
        first + 1 < last && self.items[self.name(root)].range(first + 1..last).next().is_some()
    }
}
