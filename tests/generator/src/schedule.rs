//! Which cases a data set has, and when each begins.

use crate::chance::Chance;
use crate::plans::{PLANS, Plan};
use crate::time::begin_of_case;

/// One case to be planted.
pub(crate) struct Slot {
    pub(crate) start: i64,
    pub(crate) plan: &'static Plan,
    pub(crate) variant: u64,
}

/// Draws cases until their orders are so many, and puts them into the order of time. Every variant of every plan comes
/// once before chance decides, as far as the orders reach.
pub(crate) fn schedule(orders: u64, chance: &mut Chance) -> Vec<Slot> {
    let mut deck: Vec<(&'static Plan, u64)> =
        PLANS.iter().flat_map(|plan| (0..plan.variants).map(move |variant| (plan, variant))).collect();
    chance.shuffle(&mut deck);
    let mut slots = Vec::new();
    let mut left = orders;
    for (plan, variant) in deck {
        if plan.orders <= left {
            left -= plan.orders;
            slots.push(slot(plan, variant, chance));
        }
    }
    while left > 0 {
        let plan = draw(chance);
        if plan.orders <= left {
            left -= plan.orders;
            let variant = chance.below(plan.variants);
            slots.push(slot(plan, variant, chance));
        }
    }
    // A stable sort: cases of one second keep the order in which they were drawn.
    slots.sort_by_key(|slot| slot.start);
    slots
}

fn slot(plan: &'static Plan, variant: u64, chance: &mut Chance) -> Slot {
    Slot { start: begin_of_case(plan.when, chance), plan, variant }
}

fn draw(chance: &mut Chance) -> &'static Plan {
    let mut left = chance.below(PLANS.iter().map(|plan| plan.weight).sum());
    for plan in &PLANS {
        if left < plan.weight {
            return plan;
        }
        left -= plan.weight;
    }
    &PLANS[0]
}
