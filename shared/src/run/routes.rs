//! Lines of settlements beside the parts: where a settlement is closed, each line is told with the pair that it names, and
//! that pair stays in its part.

use super::sort::{Group, Sorted};
use crate::lifecycle::evidence::SettlementRow;

/// By line, the part in which it is told; none where it is told with what is linked.
#[derive(Debug, Default)]
pub(super) struct Routes(Vec<Option<usize>>);

impl Routes {
    /// Takes the only place that each line names, if nothing keeps it from being told there. A group that is linked takes its
    /// lines along.
    pub(super) fn new(places: Vec<Option<(usize, Group)>>, sorted: &[Sorted]) -> Routes {
        let is_left = |(part, group): &(usize, Group)| {
            sorted.get(*part).is_some_and(|sorted| !sorted.is_linked(*group))
        };
        Routes(places.into_iter().map(|place| place.filter(is_left).map(|(part, _)| part)).collect())
    }

    /// Which lines are told in a part.
    pub(super) fn in_parts(&self) -> Vec<bool> {
        self.0.iter().map(Option::is_some).collect()
    }

    /// The lines that are told in each part.
    pub(super) fn by_part<'r>(
        &self,
        lines: Vec<SettlementRow<'r>>,
        parts: usize,
    ) -> Vec<Vec<SettlementRow<'r>>> {
        let mut by_part: Vec<Vec<SettlementRow<'r>>> = (0..parts).map(|_| Vec::new()).collect();
        for (line, part) in lines.into_iter().zip(&self.0) {
            if let Some(of_part) = part.and_then(|part| by_part.get_mut(part)) {
                of_part.push(line);
            }
        }
        by_part
    }
}
