//! What an audit finds, as a page for people.

use harness_statistics::audit::{Chance, Matrices, Quantity};
use harness_text::{Align, Table, listed, numbers};

use super::findings::{AucFindings, Findings, RowFindings, StatementFindings, StatementVerdict};

impl Findings {
    /// The whole page, in Markdown.
    #[must_use]
    pub fn page(&self) -> String {
        let mut text = format!("# Audit of \"{}\"\n\n{}", self.title, self.introduction());
        for (title, body) in self.sections() {
            text.push_str(&format!("\n## {title}\n\n{}\n", body.trim_end()));
        }
        text
    }

    /// The page's sections, title and text, for a report that has the audit as a part; those with nothing to say are left out.
    #[must_use]
    pub fn sections(&self) -> Vec<(&'static str, String)> {
        let mut found = vec![
            ("Which rows are possible", self.possible_rows()),
            ("Other numbers of positives", self.other_positives()),
            ("How many positive predictions the figures imply", self.predictions()),
        ];
        if !self.statements.is_empty() {
            found.push(("What the text says", self.said()));
        }
        if self.rows.iter().any(|row| row.auc.is_some()) {
            found.push(("AUC", self.aucs()));
        }
        found
    }

    /// What is looked at, and how.
    #[must_use]
    pub fn introduction(&self) -> String {
        format!(
            "The table was printed for a test set of {} rows, {} of them positive. \
             Accuracy, precision, recall and F1 of a classifier all follow from two counts: how many of the positive rows it calls positive, \
             and how many of the negative ones. The audit goes through all pairs of counts and keeps those that give the printed figures. \
             A row that no pair gives is impossible: at least one of its figures, or the size of the test set, is not what it is said to be. \
             Precision without any positive prediction counts as 0.\n",
            numbers::count(self.test),
            numbers::count(self.test_positives)
        )
    }

    fn possible_rows(&self) -> String {
        let impossible: Vec<_> = self.rows.iter().filter(|row| row.matrices.nearest.is_none()).collect();
        let mut text = match impossible.as_slice() {
            [] => "Every row is possible when figures are rounded to the nearest digit.\n".to_owned(),
            some => format!(
                "**{} of {} rows {} impossible** when figures are rounded to the nearest digit: {}.\n",
                some.len(),
                self.rows.len(),
                if some.len() == 1 { "is" } else { "are" },
                listed(&some.iter().map(|row| format!("`{}`", row.name)).collect::<Vec<_>>())
            ),
        };
        text.push_str(
            "\nThe last four columns say how many pairs of counts give a row's figures under each way to shorten a number: rounding with ties \
             upwards, rounding with ties to the even digit, cutting digits off, and any value up to one unit of the last digit away.\n\n",
        );
        let names =
            ["row", "accuracy", "precision", "recall", "F1", "ties up", "ties to even", "cut off", "one unit off"];
        let align = |(place, name)| (name, if place == 0 { Align::Left } else { Align::Right });
        let mut table = Table::new(names.into_iter().enumerate().map(align));
        for row in &self.rows {
            let rules =
                [&row.matrices.half_up, &row.matrices.half_even, &row.matrices.truncation, &row.matrices.one_unit];
            let figures = Quantity::SHARES.map(|quantity| row.figure(quantity).unwrap_or(numbers::NONE).to_owned());
            let counts =
                rules.map(|found| found.as_ref().map_or("**none**".into(), |found| numbers::count(found.number)));
            table.push([vec![format!("`{}`", row.name)], figures.to_vec(), counts.to_vec()].concat());
        }
        text.push_str(&table.to_markdown());
        for row in impossible {
            text.push_str(&format!("\n{}\n", row.why_impossible(self.percent)));
        }
        text
    }

    fn other_positives(&self) -> String {
        let rows = numbers::count(self.test);
        let mut text = match &self.all_possible_with {
            None => format!(
                "To go through all numbers of positives among {rows} rows would take too long for these figures.\n"
            ),
            Some(found) if found.is_empty() => format!(
                "No number of positives among {rows} rows makes all rows of the table possible together, when figures are rounded to the \
                 nearest digit.\n"
            ),
            Some(found) => format!(
                "All rows of the table are possible together with these numbers of positives among {rows} rows: {}.\n",
                runs(found)
            ),
        };
        for row in self.rows.iter().filter(|row| row.matrices.nearest.is_none()) {
            text.push_str(&match &row.possible_with {
                Some(found) if found.is_empty() => {
                    format!("\n`{}` is impossible with every number of positives.\n", row.name)
                }
                Some(found) => {
                    format!("\n`{}` by itself would be possible with {} positives.\n", row.name, runs(found))
                }
                None => String::new(),
            });
        }
        text
    }

    fn predictions(&self) -> String {
        let mut text = String::from("Least and greatest number over all pairs of counts that give a row's figures.\n");
        if self.rows.iter().any(|row| row.matrices.nearest.is_none() && row.matrices.one_unit.is_some()) {
            text.push_str("An impossible row is shown with each figure up to one unit of its last digit off, and marked with *.\n");
        }
        text.push('\n');
        let columns = ["row", "positive predictions", "share of all rows", "of these right", "share of these right"];
        let align = |(place, name)| (name, if place == 0 { Align::Left } else { Align::Right });
        let mut table = Table::new(columns.into_iter().enumerate().map(align));
        for row in &self.rows {
            let (found, mark) = match (&row.matrices.nearest, &row.matrices.one_unit) {
                (Some(found), _) => (Some(found), ""),
                (None, found) => (found.as_ref(), " *"),
            };
            let cells = |found: &Matrices| {
                let (least, most) = found.predicted_positives;
                let share = |count: u64| count as f64 / self.test as f64;
                vec![
                    counts(least, most),
                    between(numbers::percent(share(least)), numbers::percent(share(most))),
                    counts(found.true_positives.0, found.true_positives.1),
                    figures(found.range(Quantity::Precision), self.percent),
                ]
            };
            let name = vec![format!("`{}`{mark}", row.name)];
            table.push([name, found.map_or_else(|| vec![numbers::NONE.into(); 4], cells)].concat());
        }
        text + &table.to_markdown()
    }

    fn said(&self) -> String {
        let contradicted: Vec<_> =
            self.statements.iter().filter(|statement| statement.verdict == StatementVerdict::Contradicted).collect();
        let mut text = match contradicted.as_slice() {
            [] => "No statement of the text contradicts the figures of its row.\n".to_owned(),
            some => format!(
                "**The figures contradict {}.**\n",
                listed(
                    &some
                        .iter()
                        .map(|statement| format!("\"{}\" (`{}`)", statement.says, statement.row))
                        .collect::<Vec<_>>()
                )
            ),
        };
        text.push_str("\nEach statement is read as a range, which the file gives, and held against what the figures of its row allow.\n\n");
        let left = ["claim", "row", "the text says", "of what", "read as", "the figures allow", "verdict"];
        let mut table = Table::new(left.map(|name| (name, Align::Left)));
        for statement in &self.statements {
            table.push(vec![
                statement.claim.clone().unwrap_or_else(|| numbers::NONE.into()),
                format!("`{}`", statement.row),
                format!("\"{}\"", statement.says),
                statement.quantity.name().to_owned(),
                statement.reading(),
                statement.allowed(self.percent),
                statement.verdict().to_owned(),
            ]);
        }
        text + &table.to_markdown()
    }

    fn aucs(&self) -> String {
        let error = self.rows.iter().find_map(|row| row.auc.as_ref()).map_or(0.0, |auc| auc.chance.null_error);
        let mut text = format!(
            "Scores that rank nothing have an AUC of 0.5 on average. On this test set it then varies with a standard error of {error:.4} (less where scores \
             tie). An AUC differs from 0.5 where chance alone would be at least as far away in at most one of twenty test sets, whatever the \
             digits are that were not printed.\n\n\
             A row's accuracy, precision and recall fix one point of its ROC curve. Every curve through that point has an area in the column \
             \"any curve\". If a higher score always means a higher probability of being positive, the curve is concave, and its area lies in the \
             last column.\n\n",
        );
        let right = ["AUC", "standard errors from 0.5", "p"].map(|name| (name, Align::Right));
        let rest = ["differs from 0.5", "any curve", "concave curve"].map(|name| (name, Align::Left));
        let mut table = Table::new([("row", Align::Left)].into_iter().chain(right).chain(rest));
        for row in &self.rows {
            if let Some(auc) = &row.auc {
                table.push(row.auc_cells(auc, self.percent));
            }
        }
        text.push_str(&table.to_markdown());
        for row in self.rows.iter().filter(|row| row.auc.as_ref().is_some_and(|auc| auc.possible == Some(false))) {
            text.push_str(&format!("\nThe AUC of `{}` is **impossible** with the row's other figures.\n", row.name));
        }
        text
    }
}

impl RowFindings {
    fn figure(&self, quantity: Quantity) -> Option<&str> {
        self.figures.iter().find(|(own, _)| *own == quantity).map(|(_, text)| text.as_str())
    }

    fn why_impossible(&self, percent: bool) -> String {
        let named: Vec<_> = self.figures.iter().map(|(quantity, text)| format!("{} {text}", quantity.name())).collect();
        let mut text = format!("`{}`: no pair of counts gives {}", self.name, listed(&named));
        text.push_str(match (&self.matrices.truncation, &self.matrices.one_unit) {
            (Some(_), _) => " by rounding, but some do if digits were cut off.",
            (None, Some(_)) => ", neither by rounding nor by cutting digits off. Some do if each figure may be one unit of its last digit off.",
            (None, None) => ", not even if each figure may be one unit of its last digit off.",
        });
        for left_out in &self.left_out {
            let printed = self.figure(left_out.quantity).unwrap_or(numbers::NONE);
            text.push_str(&format!(
                " Without its {} the row is possible, but then the {} is {} and not {printed}.",
                left_out.quantity.name(),
                left_out.quantity.name(),
                figures(left_out.values, percent)
            ));
        }
        text
    }

    fn auc_cells(&self, auc: &AucFindings, percent: bool) -> Vec<String> {
        let verdict = match auc.chance.verdict {
            Chance::Differs => "yes",
            Chance::Alike => "no",
            Chance::Unclear => "depends on digits not printed",
        };
        let point = self.matrices.nearest.as_ref().filter(|_| !self.figures.is_empty());
        let none = || numbers::NONE.to_owned();
        vec![
            format!("`{}`", self.name),
            auc.printed.clone(),
            format!("{:+.1}", auc.chance.z).replace('-', "−"),
            p_values(auc.chance.p_values),
            verdict.to_owned(),
            point.map_or_else(none, |found| figures(found.auc, percent)),
            point.and_then(|found| found.concave_auc).map_or_else(none, |range| figures(range, percent)),
        ]
    }
}

impl StatementFindings {
    /// What the figures say about the statement.
    pub(super) fn sentence(&self, percent: bool) -> String {
        let not = if self.verdict == StatementVerdict::Contradicted { ", not" } else { ", which agrees with" };
        let (allowed, name) = (self.allowed(percent), self.quantity.name());
        let figures =
            if self.quantity.is_share() { format!("{name} of {allowed}") } else { format!("{allowed} {name}") };
        format!("the figures of {} allow {figures}{not} \"{}\"", self.row, self.says)
    }

    fn reading(&self) -> String {
        if self.quantity.is_share() {
            between(self.read_as.0.clone(), self.read_as.1.clone())
        } else {
            let count = |text: &str| text.parse().map_or_else(|_| text.to_owned(), numbers::count);
            between(count(&self.read_as.0), count(&self.read_as.1))
        }
    }

    fn allowed(&self, percent: bool) -> String {
        match self.allowed {
            None => numbers::NONE.into(),
            Some(range) if self.quantity.is_share() => figures(range, percent),
            Some((least, most)) => counts(least as u64, most as u64),
        }
    }

    fn verdict(&self) -> &'static str {
        match self.verdict {
            StatementVerdict::Holds => "agrees",
            StatementVerdict::Possible => "agrees with some of the possible counts",
            StatementVerdict::Contradicted => "**contradicted**",
            StatementVerdict::NoMatrix => "the row itself is impossible",
        }
    }
}

fn counts(least: u64, most: u64) -> String {
    between(numbers::count(least), numbers::count(most))
}

/// Shares in the table's own unit, with more digits than tables print.
fn figures((least, most): (f64, f64), percent: bool) -> String {
    let one = |share: f64| if percent { format!("{:.2}", 100.0 * share) } else { numbers::metric(share) };
    between(one(least), one(most))
}

/// The least and the greatest p value, to two digits; below a ten-thousandth only that.
fn p_values((least, most): (f64, f64)) -> String {
    let one = |p: f64| match p {
        ..0.0001 => "< .0001".to_owned(),
        ..0.01 => format!("{p:.4}"),
        _ => format!("{p:.2}"),
    };
    between(one(least), one(most))
}

/// `a to b`, or `a` where the two are written alike.
fn between(least: String, most: String) -> String {
    if least == most { least } else { format!("{least} to {most}") }
}

/// Runs of whole numbers; of many the first few.
fn runs(found: &[(u64, u64)]) -> String {
    const SHOWN: usize = 8;
    let shown: Vec<_> = found.iter().take(SHOWN).map(|(first, last)| counts(*first, *last)).collect();
    match found.len().saturating_sub(SHOWN) {
        0 => listed(&shown),
        more => format!(
            "{}, and {more} further ranges up to {}",
            shown.join(", "),
            numbers::count(found[found.len() - 1].1)
        ),
    }
}
