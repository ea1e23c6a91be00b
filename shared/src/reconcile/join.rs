//! Which orders and CIPs belong together: by CIP first, then, on what is left, by equal reference.

use std::collections::HashMap;

use super::orders::OrderView;
use crate::ids::Cip;
use crate::lifecycle::cip::CipView;

/// Orders and CIPs that are linked through CIPs or references.
#[derive(Debug, Default)]
pub(super) struct Group {
    /// Indices of orders, ascending.
    pub orders: Vec<usize>,
    /// Indices of CIPs, ascending.
    pub cips: Vec<usize>,
    /// CIPs with money that were found under the reference of an order which other CIPs already paired.
    pub further: Vec<usize>,
}

/// The CIPs of one account with the account's name.
pub(super) struct AccountCip<'r, 'a> {
    pub account: &'r str,
    pub view: CipView<'r, 'a>,
}

/// Links orders and CIPs. Every order and every CIP is in exactly one group.
pub(super) fn groups(orders: &[OrderView<'_, '_>], cips: &[AccountCip<'_, '_>]) -> Vec<Group> {
    let mut links = Links::new(orders.len(), cips.len());
    let carriers = carriers(orders);
    let (paired, left_over) = join_by_cip(&mut links, orders.len(), &carriers, cips);
    let further = join_by_reference(&mut links, orders, cips, &paired, &left_over);
    links.collect(&further)
}

type Carriers<'r> = HashMap<(&'r str, Cip), Vec<usize>>;

fn carriers<'r>(orders: &'r [OrderView<'_, '_>]) -> Carriers<'r> {
    let mut carriers: Carriers<'r> = HashMap::with_capacity(orders.len());
    for (index, order) in orders.iter().enumerate() {
        for cip in &order.row().cips {
            carriers.entry((order.row().account.as_ref(), *cip)).or_default().push(index);
        }
    }
    carriers
}

/// Join 1. Returns which orders got a provider row, and the CIPs that no order carries.
fn join_by_cip(
    links: &mut Links,
    order_count: usize,
    carriers: &Carriers<'_>,
    cips: &[AccountCip<'_, '_>],
) -> (Vec<bool>, Vec<usize>) {
    for orders in carriers.values() {
        for order in orders.iter().skip(1) {
            links.join(orders.first().copied().unwrap_or(*order), *order);
        }
    }
    let mut paired = vec![false; order_count];
    let mut left_over = Vec::new();
    for (index, cip) in cips.iter().enumerate() {
        let carrying = cip.view.key.cip().and_then(|number| carriers.get(&(cip.account, number)));
        match carrying {
            Some(orders) => {
                for order in orders {
                    links.join_order_to_cip(*order, index);
                    if let Some(paired) = paired.get_mut(*order) {
                        *paired = true;
                    }
                }
            }
            None => left_over.push(index),
        }
    }
    (paired, left_over)
}

/// Join 2. Sees only orders that join 1 gave no row and CIPs that no order carries. Returns the further CIPs with
/// money of orders that join 1 paired, each with the order.
fn join_by_reference(
    links: &mut Links,
    orders: &[OrderView<'_, '_>],
    cips: &[AccountCip<'_, '_>],
    paired: &[bool],
    left_over: &[usize],
) -> Vec<(usize, usize)> {
    let mut bearers: HashMap<(&str, &str), Vec<usize>> = HashMap::with_capacity(orders.len());
    if !left_over.is_empty() {
        for (index, order) in orders.iter().enumerate() {
            bearers
                .entry((order.row().account.as_ref(), order.row().reference_id.as_ref()))
                .or_default()
                .push(index);
        }
    }
    let is_paired = |order: &usize| paired.get(*order).copied().unwrap_or(false);
    let mut further = Vec::new();
    for &index in left_over {
        let Some(cip) = cips.get(index) else { continue };
        let bearing: Vec<usize> = cip
            .view
            .references
            .iter()
            .filter_map(|reference| bearers.get(&(cip.account, *reference)))
            .flatten()
            .copied()
            .collect();
        let unpaired: Vec<usize> = bearing.iter().filter(|order| !is_paired(order)).copied().collect();
        for order in &unpaired {
            links.join_order_to_cip(*order, index);
        }
        if let ([], [order]) = (unpaired.as_slice(), bearing.as_slice())
            && !cip.view.operations.is_empty()
        {
            further.push((*order, index));
        }
    }
    further
}

/// Disjoint sets over orders and CIPs, each named by its smallest member.
struct Links {
    parent: Vec<usize>,
    order_count: usize,
}

impl Links {
    fn new(order_count: usize, cip_count: usize) -> Self {
        Links { parent: (0..order_count.saturating_add(cip_count)).collect(), order_count }
    }

    fn root(&mut self, mut node: usize) -> usize {
        while let Some(&parent) = self.parent.get(node)
            && parent != node
        {
            let above = self.parent.get(parent).copied().unwrap_or(parent);
            if let Some(slot) = self.parent.get_mut(node) {
                *slot = above;
            }
            node = above;
        }
        node
    }

    fn join(&mut self, a: usize, b: usize) {
        let (a, b) = (self.root(a), self.root(b));
        if let Some(slot) = self.parent.get_mut(a.max(b)) {
            *slot = a.min(b);
        }
    }

    fn join_order_to_cip(&mut self, order: usize, cip: usize) {
        self.join(order, self.order_count.saturating_add(cip));
    }

    fn collect(mut self, further: &[(usize, usize)]) -> Vec<Group> {
        for (order, cip) in further {
            self.join_order_to_cip(*order, *cip);
        }
        let further: std::collections::HashSet<usize> = further.iter().map(|(_, cip)| *cip).collect();
        let count = self.parent.len();
        let mut groups: Vec<Group> = Vec::new();
        let mut group_of_root: Vec<usize> = vec![usize::MAX; count];
        for node in 0..count {
            let root = self.root(node);
            let Some(slot) = group_of_root.get_mut(root) else { continue };
            if *slot == usize::MAX {
                *slot = groups.len();
                groups.push(Group::default());
            }
            let Some(group) = groups.get_mut(*slot) else { continue };
            match node.checked_sub(self.order_count) {
                None => group.orders.push(node),
                Some(cip) if further.contains(&cip) => group.further.push(cip),
                Some(cip) => group.cips.push(cip),
            }
        }
        groups
    }
}
