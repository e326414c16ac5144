//! Against mlscorecheck, on the cases that `tests/golden/mlscorecheck/make_cases.py` wrote.

use serde::Deserialize;

use super::{Condition, Decimal, Quantity, Rounding, matrices};

#[derive(Deserialize)]
struct Golden {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    positives: u64,
    negatives: u64,
    /// Printed figures, with their trailing zeros.
    figures: Vec<(Quantity, String)>,
    /// Matrices within half a unit of the last digit, and within a whole one.
    nearest: u64,
    one_unit: u64,
}

#[test]
fn verdicts_and_numbers_of_matrices_are_those_of_mlscorecheck() {
    let golden: Golden =
        serde_json::from_str(include_str!("../../tests/golden/mlscorecheck/mlscorecheck.json")).unwrap();
    assert!(golden.cases.len() >= 100, "the golden file lost cases");
    let (mut possible, mut impossible) = (0, 0);
    for case in golden.cases {
        for (rule, expected) in [(Rounding::Nearest, case.nearest), (Rounding::OneUnit, case.one_unit)] {
            let condition = |(quantity, text): &(Quantity, String)| Condition {
                quantity: *quantity,
                interval: Decimal::share(text).unwrap().interval(rule),
            };
            let conditions: Vec<Condition> = case.figures.iter().map(condition).collect();
            let found = matrices(&conditions, case.positives, case.negatives).unwrap();
            let number = found.map_or(0, |found| found.number);
            assert_eq!(number, expected, "{} {rule:?}: {:?}", case.name, case.figures);
            *(if number > 0 { &mut possible } else { &mut impossible }) += 1;
        }
    }
    assert!(possible >= 50 && impossible >= 50, "{possible} possible, {impossible} impossible");
}
