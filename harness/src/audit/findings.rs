//! What an audit finds, as data.

use std::collections::BTreeMap;

use harness_statistics::audit::{
    AgainstChance, ChanceError, Condition, Matrices, MatricesError, Quantity, Rounding, against_chance, matrices,
    possible_positives,
};
use serde::Serialize;

use super::table::{PrintedRow, PrintedTable, Statement, TableError};

/// The level at which an AUC counts as different from one half.
pub const LEVEL: f64 = 0.05;

/// All that an audit found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Findings {
    /// The table's title.
    pub title: String,
    /// Rows of the test set.
    pub test: u64,
    /// Positive ones among them.
    pub test_positives: u64,
    /// Whether its figures are percentages.
    pub percent: bool,
    /// For each row of the table.
    pub rows: Vec<RowFindings>,
    /// For each statement of the text.
    pub statements: Vec<StatementFindings>,
    /// Numbers of positives, first and last of each run of them, with which every row is possible when rounded to the nearest; `None` where that
    /// would take too long to find out.
    pub all_possible_with: Option<Vec<(u64, u64)>>,
}

/// What an audit found about a row.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RowFindings {
    /// The row.
    pub name: String,
    /// Its figures as printed.
    pub figures: Vec<(Quantity, String)>,
    /// The confusion matrices that give them, by rounding rule.
    pub matrices: Rules,
    /// For a row that is impossible when rounded to the nearest: each figure without which it is possible.
    pub left_out: Vec<LeftOut>,
    /// Numbers of positives with which the row is possible when rounded to the nearest, as [`Findings::all_possible_with`].
    pub possible_with: Option<Vec<(u64, u64)>>,
    /// Its AUC, where one is printed.
    pub auc: Option<AucFindings>,
}

/// Confusion matrices by rounding rule; `None` where there is none.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Rules {
    /// To the nearest, a tie either way: what the other statements of an audit go by.
    pub nearest: Option<Matrices>,
    /// To the nearest, a tie upwards.
    pub half_up: Option<Matrices>,
    /// To the nearest, a tie to the even digit.
    pub half_even: Option<Matrices>,
    /// Digits cut off.
    pub truncation: Option<Matrices>,
    /// Up to one unit of the last digit away.
    pub one_unit: Option<Matrices>,
}

/// A row without one of its figures.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LeftOut {
    /// The figure.
    pub quantity: Quantity,
    /// Confusion matrices that give the others.
    pub number: u64,
    /// Least and greatest value that the figure has in them.
    pub values: (f64, f64),
}

/// What an audit found about an AUC.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AucFindings {
    /// As printed.
    pub printed: String,
    /// Against scores that rank nothing.
    pub chance: AgainstChance,
    /// Whether some scores have this AUC and one of the row's matrices at one threshold; `None` for a row without matrices or without figures.
    pub possible: Option<bool>,
}

/// What an audit found about a statement.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StatementFindings {
    /// Its name.
    pub id: String,
    /// Its claim.
    pub claim: Option<String>,
    /// The row it speaks of.
    pub row: String,
    /// Its words.
    pub says: String,
    /// The number it speaks of.
    pub quantity: Quantity,
    /// What its words may be read as, least and most.
    pub read_as: (String, String),
    /// Least and greatest value that the row's figures allow.
    pub allowed: Option<(f64, f64)>,
    /// Whether the two agree.
    pub verdict: StatementVerdict,
}

/// Whether a statement agrees with the printed figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum StatementVerdict {
    /// It holds in every confusion matrix that gives the row's figures.
    Holds,
    /// It holds in some.
    Possible,
    /// It holds in none.
    Contradicted,
    /// No matrix gives the row's figures, so nothing can be said.
    NoMatrix,
}

/// An audit that can't be made.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// The table.
    #[error(transparent)]
    Table(#[from] TableError),
    /// The test set.
    #[error(transparent)]
    Matrices(#[from] MatricesError),
    /// An AUC.
    #[error(transparent)]
    Chance(#[from] ChanceError),
}

/// Holds a table against every confusion matrix. Exact, and a function of the table alone.
///
/// # Errors
/// If a statement can't be read.
pub fn audit(table: &PrintedTable) -> Result<Findings, AuditError> {
    let mut rows = Vec::new();
    let mut all_possible: Option<Vec<bool>> = Some(vec![true; table.test as usize + 1]);
    for row in &table.rows {
        let possible = possible_positives(&row.conditions(Rounding::Nearest), table.test)?;
        all_possible = all_possible.zip(possible.as_ref()).map(|(mut all, own)| {
            all.iter_mut().zip(own).for_each(|(all, own)| *all &= own);
            all
        });
        rows.push(row_findings(row, table, possible.as_deref().map(ranges))?);
    }
    let statements =
        table.statements.iter().map(|statement| statement_findings(statement, table)).collect::<Result<_, _>>()?;
    Ok(Findings {
        title: table.title.clone(),
        test: table.test,
        test_positives: table.test_positives,
        percent: table.percent,
        rows,
        statements,
        all_possible_with: all_possible.as_deref().map(ranges),
    })
}

impl Findings {
    /// Whether the printed figures leave each statement possible, with a sentence that says why, by the statement's name. A statement about an
    /// impossible row is possible as far as anyone can tell, so it is left out.
    #[must_use]
    pub fn possible_statements(&self) -> BTreeMap<String, (bool, String)> {
        let told = self.statements.iter().filter(|statement| statement.verdict != StatementVerdict::NoMatrix);
        told.map(|statement| {
            let possible = statement.verdict != StatementVerdict::Contradicted;
            (statement.id.clone(), (possible, statement.sentence(self.percent)))
        })
        .collect()
    }

    /// Each printed AUC with the greatest p value against scores that rank nothing that its digits leave open, by row.
    #[must_use]
    pub fn printed_aucs(&self) -> BTreeMap<String, (String, f64)> {
        let of_row = |row: &RowFindings| {
            row.auc.as_ref().map(|auc| (row.name.clone(), (auc.printed.clone(), auc.chance.p_values.1)))
        };
        self.rows.iter().filter_map(of_row).collect()
    }
}

fn row_findings(
    row: &PrintedRow,
    table: &PrintedTable,
    possible_with: Option<Vec<(u64, u64)>>,
) -> Result<RowFindings, AuditError> {
    let of = |conditions: &[Condition]| matrices(conditions, table.test_positives, table.test_negatives());
    let under = |rounding: Rounding| of(&row.conditions(rounding));
    let found = Rules {
        nearest: under(Rounding::Nearest)?,
        half_up: under(Rounding::HalfUp)?,
        half_even: under(Rounding::HalfEven)?,
        truncation: under(Rounding::Truncation)?,
        one_unit: under(Rounding::OneUnit)?,
    };
    let mut left_out = Vec::new();
    if found.nearest.is_none() {
        for quantity in Quantity::SHARES {
            let mut others = row.conditions(Rounding::Nearest);
            others.retain(|condition| condition.quantity != quantity);
            if !others.is_empty()
                && others.len() < row.figures.len()
                && let Some(found) = of(&others)?
            {
                left_out.push(LeftOut { quantity, number: found.number, values: found.range(quantity) });
            }
        }
    }
    let auc = match &row.auc {
        None => None,
        Some((text, decimal)) => {
            let printed = decimal.interval(Rounding::Nearest);
            let meets = |found: &Matrices| printed.upper() >= found.auc.0 && printed.lower() <= found.auc.1;
            Some(AucFindings {
                printed: text.clone(),
                chance: against_chance(*decimal, table.test_positives, table.test_negatives(), LEVEL)?,
                possible: found.nearest.as_ref().filter(|_| !row.figures.is_empty()).map(meets),
            })
        }
    };
    Ok(RowFindings {
        name: row.name.clone(),
        figures: row.figures.iter().map(|(quantity, text, _)| (*quantity, text.clone())).collect(),
        matrices: found,
        left_out,
        possible_with,
        auc,
    })
}

fn statement_findings(statement: &Statement, table: &PrintedTable) -> Result<StatementFindings, AuditError> {
    let of_row = table.rows.iter().find(|row| row.name == statement.row);
    let conditions = of_row.map(|row| row.conditions(Rounding::Nearest)).unwrap_or_default();
    let of = |conditions: &[Condition]| matrices(conditions, table.test_positives, table.test_negatives());
    let all = of(&conditions)?;
    let within = of(&[conditions, vec![statement.condition(table.percent)?]].concat())?;
    let number = |found: &Option<Matrices>| found.as_ref().map_or(0, |found| found.number);
    let verdict = match (number(&all), number(&within)) {
        (0, _) => StatementVerdict::NoMatrix,
        (_, 0) => StatementVerdict::Contradicted,
        (all, within) if all == within => StatementVerdict::Holds,
        _ => StatementVerdict::Possible,
    };
    Ok(StatementFindings {
        id: statement.id.clone(),
        claim: statement.claim.clone(),
        row: statement.row.clone(),
        says: statement.says.clone(),
        quantity: statement.quantity,
        read_as: (statement.least.clone(), statement.most.clone()),
        allowed: all.as_ref().map(|found| found.range(statement.quantity)),
        verdict,
    })
}

/// First and last place of each run of true.
fn ranges(possible: &[bool]) -> Vec<(u64, u64)> {
    let mut found: Vec<(u64, u64)> = Vec::new();
    for place in (0..possible.len()).filter(|place| possible[*place]) {
        match found.last_mut() {
            Some((_, last)) if *last + 1 == place as u64 => *last = place as u64,
            _ => found.push((place as u64, place as u64)),
        }
    }
    found
}
