//! Which of some amounts add up to a deposit: a search that is bounded, exact, and never chooses.

/// How many sets are named where several add up.
pub(in super::super) const SPLITS_NAMED_MAX: usize = 5;

/// What a search found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) enum Split {
    /// Exactly one set of amounts adds up; the places of its amounts, ascending.
    Proved(Vec<usize>),
    /// Several do; the first of them.
    Several(Vec<Vec<usize>>),
    /// None does.
    Impossible,
    /// There were more amounts, or more sums, than the bounds allow. Nothing is known.
    Stopped,
}

/// How far a search goes.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Bounds {
    /// The most amounts.
    pub items_max: usize,
    /// The most sums that are formed or compared.
    pub steps_max: u64,
}

/// Looks for the sets of amounts, each greater than zero, whose sum is one of the targets.
///
/// The amounts are cut into two halves. All sums of each are formed, some two thousand for twenty amounts, and each of the
/// one half looks for what it lacks among the sorted ones of the other: every set is looked at, without forming every sum.
pub(in super::super) fn split(amounts: &[i64], targets: &[i64], bounds: Bounds) -> Split {
    let largest = targets.iter().copied().max().unwrap_or(0);
    // What is larger than the deposit is in no set.
    let fitting: Vec<(usize, i64)> =
        amounts.iter().copied().enumerate().filter(|(_, amount)| (1..=largest).contains(amount)).collect();
    if fitting.len() > bounds.items_max {
        return Split::Stopped;
    }
    let (left, right) = fitting.split_at_checked(fitting.len().div_euclid(2)).unwrap_or((&fitting, &[]));
    let mut steps = Steps { left: bounds.steps_max };
    let (Some(left), Some(mut right)) = (sums(left, &mut steps), sums(right, &mut steps)) else {
        return Split::Stopped;
    };
    // A stable order, so that the sets that are named are always the same.
    right.sort_by_key(|sum| sum.total);
    let mut found: Vec<Vec<usize>> = Vec::new();
    for first in &left {
        for target in targets {
            let lacking = i128::from(*target).saturating_sub(first.total);
            let from = right.partition_point(|sum| sum.total < lacking);
            for second in right.iter().skip(from).take_while(|sum| sum.total == lacking) {
                if !steps.take(1) {
                    return Split::Stopped;
                }
                let set = [first.places.as_slice(), second.places.as_slice()].concat();
                if !set.is_empty() && !found.contains(&set) {
                    found.push(set);
                }
                if found.len() > SPLITS_NAMED_MAX {
                    found.truncate(SPLITS_NAMED_MAX);
                    return Split::Several(found);
                }
            }
        }
    }
    match found.len() {
        0 => Split::Impossible,
        1 => found.pop().map_or(Split::Impossible, Split::Proved),
        _ => Split::Several(found),
    }
}

/// A sum and the places of the amounts in it, ascending.
#[derive(Clone)]
struct Sum {
    total: i128,
    places: Vec<usize>,
}

/// The steps that are left.
struct Steps {
    left: u64,
}

impl Steps {
    fn take(&mut self, steps: usize) -> bool {
        match u64::try_from(steps).ok().and_then(|steps| self.left.checked_sub(steps)) {
            Some(left) => {
                self.left = left;
                true
            }
            None => false,
        }
    }
}

/// The sums of all sets of some amounts, the empty one included; `None` where they are too many.
fn sums(amounts: &[(usize, i64)], steps: &mut Steps) -> Option<Vec<Sum>> {
    let mut sums = vec![Sum { total: 0, places: Vec::new() }];
    for (place, amount) in amounts {
        if !steps.take(sums.len()) {
            return None;
        }
        let with: Vec<Sum> = sums
            .iter()
            .map(|sum| {
                let places = sum.places.iter().copied().chain([*place]).collect();
                Sum { total: sum.total.saturating_add(i128::from(*amount)), places }
            })
            .collect();
        sums.extend(with);
    }
    Some(sums)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    const BOUNDS: Bounds = Bounds { items_max: 20, steps_max: 100_000 };

    #[test]
    fn a_lump_is_proved_ambiguous_impossible_or_left_at_the_bound() {
        let check = |amounts: &[i64], target: i64, expected: Split| {
            assert_eq!(split(amounts, &[target], BOUNDS), expected, "{amounts:?} {target}");
        };
        check(&[100, 250, 700], 350, Split::Proved(vec![0, 1]));
        check(&[100, 250, 700], 1050, Split::Proved(vec![0, 1, 2]));
        check(&[100, 250, 700], 700, Split::Proved(vec![2]));
        check(&[100, 250, 700], 351, Split::Impossible);
        check(&[], 1, Split::Impossible);
        check(&[100], 0, Split::Impossible);
        check(&[100, 100], 100, Split::Several(vec![vec![1], vec![0]]));
        check(&[100, 200, 300], 300, Split::Several(vec![vec![2], vec![0, 1]]));
        check(&[5; 21], 5, Split::Stopped);
        // What cannot be in the deposit does not count against the bound.
        let mut many = vec![9_000; 21];
        many.push(5);
        check(&many, 5, Split::Proved(vec![21]));
    }

    #[test]
    fn no_more_than_five_sets_are_named() {
        let Split::Several(sets) = split(&[7; 10], &[7], BOUNDS) else { panic!("several") };
        assert_eq!(sets.len(), SPLITS_NAMED_MAX);
    }

    #[test]
    fn a_search_ends_at_its_steps() {
        let amounts: Vec<i64> = (1..=20).collect();
        let with = |steps_max| split(&amounts, &[3], Bounds { steps_max, ..BOUNDS });
        assert_eq!(with(5), Split::Stopped);
        assert_eq!(with(100), Split::Several(vec![vec![2], vec![0, 1]]));
    }

    /// Every set of amounts, one by one.
    fn by_hand(amounts: &[i64], targets: &[i64]) -> BTreeSet<Vec<usize>> {
        let mut found = BTreeSet::new();
        for mask in 1_u32..1 << amounts.len() {
            let set: Vec<usize> = (0..amounts.len()).filter(|place| mask & (1 << place) != 0).collect();
            if targets.contains(&set.iter().map(|place| amounts[*place]).sum()) {
                found.insert(set);
            }
        }
        found
    }

    proptest! {
        #[test]
        fn a_search_finds_what_looking_at_every_set_finds(
            amounts in prop::collection::vec(1_i64..40, 0..11),
            targets in prop::collection::vec(1_i64..120, 1..3),
        ) {
            let expected = by_hand(&amounts, &targets);
            match split(&amounts, &targets, BOUNDS) {
                Split::Proved(set) => prop_assert_eq!(BTreeSet::from([set]), expected),
                Split::Impossible => prop_assert!(expected.is_empty()),
                Split::Several(sets) => {
                    prop_assert_eq!(sets.len(), expected.len().min(SPLITS_NAMED_MAX));
                    prop_assert!(expected.len() > 1 && sets.iter().all(|set| expected.contains(set)));
                    prop_assert_eq!(sets.iter().collect::<BTreeSet<_>>().len(), sets.len());
                }
                Split::Stopped => prop_assert!(false, "stopped within the bounds"),
            }
        }
    }
}
