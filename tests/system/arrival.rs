//! The orders in which things can arrive.

/// Turns a list into the next one in dictionary order; false after the last. From the ascending one on it gives every order
/// once, also where a place is there twice.
pub(crate) fn next_order(order: &mut [usize]) -> bool {
    let Some(turn) = order.windows(2).rposition(|pair| pair[0] < pair[1]) else { return false };
    let swapped = order.iter().rposition(|letter| *letter > order[turn]).unwrap();
    order.swap(turn, swapped);
    order[turn + 1..].reverse();
    true
}
