//! `report.md` of a lockstep.

use harness_contract::CellKind;

use super::floor::{FACTOR, cells, effect, floors, level, of_cell, times_the_floor};
use super::{name_of, native, settings};
use crate::lockstep::{Comparison, Ending, LockstepRecord, Subject, THRESHOLDS, WeightsPart};
use harness_drawing::Drawing;
use harness_text::numbers::{NONE, significant};
use harness_text::{Align, Table, inline};

/// The whole document.
pub(super) fn page(record: &LockstepRecord, drawings: &[Drawing]) -> String {
    let [a, b] = &record.sides;
    let mut text = format!("# {a} and {b} in lockstep\n\n{}", lead(record));
    section(&mut text, "Where the losses part", &losses(record));
    for drawing in drawings {
        text.push_str(&format!("\n![{0}]({1}.png)\n\n*{0}*\n", drawing.caption, drawing.name));
    }
    if record.division == "native" {
        section(&mut text, "Which default makes the difference", &native::native(record));
    }
    section(&mut text, "Where the weights part", &weights(record));
    section(&mut text, "Gradient norms and logits", &others(record));
    section(&mut text, "Not to the end", &endings(record));
    section(&mut text, "Settings", &settings::settings(record));
    section(&mut text, "Environment", &settings::environment(record));
    text
}

fn section(text: &mut String, title: &str, body: &str) {
    if !body.trim().is_empty() {
        text.push_str(&format!("\n## {title}\n\n{}\n", body.trim_end()));
    }
}

fn lead(record: &LockstepRecord) -> String {
    let division = match &record.matched_to {
        Some(model) => format!(
            "Every numeric setting is equal (division matched, open settings from the defaults of {model}); the initial weights are \
             the same bytes."
        ),
        None => "Each side has its own framework's defaults (division native); initial weights are drawn from one seed by each \
                 side's initialisers."
            .to_owned(),
    };
    let dropout = if record.dropout_switched_off {
        " Dropout is off: each backend draws masks of its own, and nothing could be compared."
    } else {
        ""
    };
    format!(
        "{} optimiser steps on the same reviews in the same order, at a constant learning rate. {division}{dropout} \
         Differences are relative: |a - b| / max(|a|, |b|), for a tensor by Euclidean norms.\n",
        record.steps
    )
}

fn thresholds() -> impl Iterator<Item = (String, Align)> {
    THRESHOLDS.iter().map(|threshold| (format!("beyond {threshold:e}"), Align::Right))
}

fn step(step: Option<u64>) -> String {
    step.map_or_else(|| NONE.to_owned(), |step| step.to_string())
}

fn losses(record: &LockstepRecord) -> String {
    let columns = [("cell".to_owned(), Align::Left), ("compared".to_owned(), Align::Left)];
    let last = [("largest".to_owned(), Align::Right), (format!("at step {}", record.steps), Align::Right)];
    let mut table = Table::new(columns.into_iter().chain(thresholds()).chain(last));
    for comparison in shown(record) {
        let mut row = vec![comparison.cell.title().to_owned(), name_of(record, &comparison.subject)];
        row.extend(THRESHOLDS.map(|threshold| step(comparison.loss_parts(threshold))));
        row.push(
            comparison.running_loss_difference().last().map_or_else(|| NONE.into(), |(_, value)| significant(*value)),
        );
        let last = comparison.steps.last().filter(|pair| pair.step == record.steps);
        row.push(last.map_or_else(|| NONE.into(), |pair| significant(pair.loss_difference())));
        table.push(row);
    }
    let verdicts: Vec<_> = cells(record).into_iter().filter_map(|cell| verdict(record, cell)).collect();
    let mut text =
        format!("The first step whose losses differ by more than each threshold.\n\n{}", table.to_markdown());
    if !verdicts.is_empty() {
        text.push_str(&format!(
            "\nRows of one name are the floor: a backend against itself, with another number of threads, and from initial weights of \
             which each was moved to a neighbouring float32. Differences are compared with the largest floor up to the same \
             step, which counts as one unit in the last place where it is less.\n\n{}\n",
            verdicts.join("\n")
        ));
    }
    text
}

/// Comparisons that every table lists; switched settings have their own.
fn shown(record: &LockstepRecord) -> impl Iterator<Item = &Comparison> {
    record.comparisons.iter().filter(|own| !matches!(own.subject, Subject::Switched { .. }))
}

/// Whether the sides part sooner than a backend does from itself; `None` without a floor or where the settings are not equal.
fn verdict(record: &LockstepRecord, cell: CellKind) -> Option<String> {
    let floors = floors(record, cell);
    let equal = if record.division == "native" { Subject::Equal } else { Subject::Pair };
    let pair = of_cell(record, cell).find(|own| own.subject == equal && own.ending == Ending::Completed)?;
    let floor = *level(&floors).last()?;
    let largest = level(&[pair]).last().copied().unwrap_or(0.0);
    let sooner: Vec<_> = THRESHOLDS
        .iter()
        .filter_map(|&threshold| {
            let own = pair.loss_parts(threshold)?;
            let first = floors.iter().filter_map(|floor| floor.loss_parts(threshold)).min();
            match first {
                Some(first) if own >= first => None,
                Some(first) => Some(format!("{threshold:e} (step {own}, the floor at {first})")),
                None => Some(format!("{threshold:e} (step {own}, the floor not at all)")),
            }
        })
        .collect();
    let parts = if sooner.is_empty() {
        "the sides part no sooner than a backend parts from itself".to_owned()
    } else {
        format!("the sides part sooner than a backend parts from itself at {}", sooner.join(", "))
    };
    let times = times_the_floor(pair, &level(&floors));
    let explained = if times <= FACTOR {
        "rounding explains it".to_owned()
    } else {
        format!("**rounding does not explain it** (more than {FACTOR} times)")
    };
    let settings = if record.division == "native" { " with equal settings" } else { "" };
    Some(format!(
        "- **{}**{settings}: {parts}. At most their difference is {} times the floor's: {explained}. The largest difference is {}, the \
         floor's {}.",
        cell.title(),
        significant(times),
        significant(largest),
        significant(floor)
    ))
}

fn weights(record: &LockstepRecord) -> String {
    let columns = [("cell".to_owned(), Align::Left), ("compared".to_owned(), Align::Left)];
    let last = [(format!("farthest at step {}", record.steps), Align::Left)];
    let left = thresholds().map(|(title, _)| (title, Align::Left));
    let mut table = Table::new(columns.into_iter().chain(left).chain(last));
    for comparison in shown(record) {
        let mut row = vec![comparison.cell.title().to_owned(), name_of(record, &comparison.subject)];
        row.extend(THRESHOLDS.map(|threshold| comparison.weights_part(threshold).map_or_else(|| NONE.into(), part)));
        let last = comparison.readings.last().filter(|reading| reading.step == record.steps);
        row.push(last.and_then(|reading| reading.farthest()).map_or_else(
            || NONE.into(),
            |tensor| format!("`{}`, {}", tensor.name, significant(tensor.difference.relative())),
        ));
        table.push(row);
    }
    format!(
        "The first step after which some tensor differs by more than each threshold, and the tensor that differs most there. Weights \
         are read after each of the first steps and then ever more rarely; `8..10` is between two readings. A bias that starts at 0 \
         differs by much from the first step on where its gradient is smaller than rounding: Adam makes a whole step of any \
         gradient.\n\n{}",
        table.to_markdown()
    )
}

fn part(part: WeightsPart<'_>) -> String {
    let step = match part.below {
        Some(below) if below + 1 < part.step => format!("{}..{}", below + 1, part.step),
        _ => part.step.to_string(),
    };
    format!("{step}: `{}`", part.tensor.name)
}

fn others(record: &LockstepRecord) -> String {
    let mut table = Table::new([
        ("cell".to_owned(), Align::Left),
        ("compared".to_owned(), Align::Left),
        ("gradient norm, largest".to_owned(), Align::Right),
        (format!("at step {}", record.steps), Align::Right),
        (format!("logits at step {}", record.steps), Align::Right),
        ("largest of one logit".to_owned(), Align::Right),
    ]);
    for comparison in shown(record) {
        let norms = || comparison.steps.iter().map(|pair| pair.norm_difference());
        let complete = comparison.ending == Ending::Completed;
        let at_the_end = |value: Option<f64>| value.filter(|_| complete).map_or_else(|| NONE.into(), significant);
        let last = comparison.readings.last();
        table.push(vec![
            comparison.cell.title().to_owned(),
            name_of(record, &comparison.subject),
            norms().reduce(f64::max).map_or_else(|| NONE.into(), significant),
            at_the_end(norms().next_back()),
            at_the_end(last.map(|_| effect(comparison))),
            at_the_end(last.map(|reading| reading.logits.largest)),
        ]);
    }
    format!(
        "The gradient norm is that before clipping. Logits are those of the first validation reviews, a batch of them.\n\n{}",
        table.to_markdown()
    )
}

fn endings(record: &LockstepRecord) -> String {
    let line = |own: &Comparison| {
        let reason = own.unfinished()?;
        Some(format!("- {}, {}: {}.\n", own.cell.title(), name_of(record, &own.subject), inline(&reason)))
    };
    record.comparisons.iter().filter_map(line).collect()
}
