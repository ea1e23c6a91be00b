//! The tax on movements of money (ITF), as banks in Peru take it.

/// The tax on an amount, both in minor units. `percent` is in millionths of a percent.
///
/// Rounded down to five céntimos. That is an **assumption** of ours: the usual rounding of banks in Peru.
pub(in super::super) fn itf_minor(minor: i128, percent: i64) -> i128 {
    const STEP: i128 = 5;
    let per_step = 100_000_000_i128.saturating_mul(STEP);
    let steps = minor.max(0).saturating_mul(percent.into()).div_euclid(per_step);
    steps.saturating_mul(STEP)
}

/// The amounts that are `deposit` after the tax; none or few, since the tax grows in steps.
pub(in super::super) fn before_itf(deposit: i64, percent: i64) -> Vec<i64> {
    let least = itf_minor(deposit.into(), percent);
    // The tax is taken of the larger amount, and so may be a few steps more; a rate of a hundred percent leaves nothing.
    (0..=2)
        .filter_map(|step: i128| {
            let whole = i128::from(deposit).checked_add(least)?.checked_add(step.checked_mul(5)?)?;
            let after = whole.checked_sub(itf_minor(whole, percent))?;
            (after == i128::from(deposit)).then_some(i64::try_from(whole).ok()?)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The usual rate, 0.005 %.
    const RATE: i64 = 5_000;

    #[test]
    fn the_tax_comes_in_steps_of_five() {
        let check = |minor: i128, expected: i128| assert_eq!(itf_minor(minor, RATE), expected, "{minor}");
        check(0, 0);
        check(99_999, 0);
        check(100_000, 5);
        check(199_999, 5);
        check(1_000_000, 50);
        check(-100_000, 0);
    }

    #[test]
    fn what_is_left_after_the_tax_leads_back_to_the_amount() {
        for whole in [1, 99_999, 100_000, 100_004, 123_456, 200_000, 87_654_321] {
            let deposit = whole - i64::try_from(itf_minor(whole.into(), RATE)).unwrap();
            assert!(before_itf(deposit, RATE).contains(&whole), "{whole}");
        }
        // 999.94 is left of itself alone, 999.95 of itself and of 1000.00, 999.99 of itself and of 1000.04.
        assert_eq!(before_itf(99_994, RATE), [99_994]);
        assert_eq!(before_itf(99_999, RATE), [99_999, 100_004]);
        assert_eq!(before_itf(99_995, RATE), [99_995, 100_000]);
    }
}
