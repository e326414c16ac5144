//! Which native default makes the difference: one setting at a time.

use harness_contract::CellKind;

use super::floor::{FACTOR, LEAST, cells, effect, floors, level, of_cell, stands_out, strongest};
use super::switched;
use crate::lockstep::{Comparison, Ending, LockstepRecord, Subject};
use harness_text::numbers::{NONE, significant};
use harness_text::{Align, Table};

/// A table for each cell, and the settings that change nothing.
pub(super) fn native(record: &LockstepRecord) -> String {
    let [a, b] = &record.sides;
    let mut text = format!(
        "Both sides have the settings of {a}, but for one that the second side has from {b}. A setting makes a difference at the first \
         step whose losses differ by more than {FACTOR} times the floor (the sides with equal settings, and each against \
         itself where that was asked for) and by more than {LEAST:e}. The strongest effect on the logits at step {} comes \
         first.\n",
        record.steps
    );
    for cell in cells(record) {
        text.push_str(&format!("\n### {}\n\n{}", cell.title(), of(record, cell)));
    }
    text
}

fn of(record: &LockstepRecord, cell: CellKind) -> String {
    let [a, b] = &record.sides;
    let equal = of_cell(record, cell).find(|own| own.subject == Subject::Equal);
    let floors: Vec<_> = floors(record, cell).into_iter().chain(equal).collect();
    let level = level(&floors);
    let whole = of_cell(record, cell).find(|own| own.subject == Subject::Pair);
    let switches = strongest(record, cell);
    let mut table = Table::new([
        ("setting".to_owned(), Align::Left),
        (a.clone(), Align::Left),
        (b.clone(), Align::Left),
        ("first step".to_owned(), Align::Right),
        ("loss there".to_owned(), Align::Right),
        (format!("loss at step {}", record.steps), Align::Right),
        (format!("logits at step {}", record.steps), Align::Right),
        ("second side run by".to_owned(), Align::Left),
    ]);
    for own in whole.into_iter().chain(switches.iter().copied()) {
        let (name, values) = match &own.subject {
            Subject::Switched { keys, values } if keys.len() == 1 => (switched(keys), values.clone()),
            Subject::Switched { keys, .. } => (switched(keys), [NONE.into(), NONE.into()]),
            _ => ("**all of them**".to_owned(), [NONE.into(), NONE.into()]),
        };
        let [first_value, second_value] = values;
        let first = stands_out(own, &level);
        let last = own.steps.last().filter(|pair| pair.step == record.steps);
        let text = |value: Option<f64>| value.map_or_else(|| NONE.into(), significant);
        table.push(vec![
            name,
            first_value,
            second_value,
            first.map_or_else(|| NONE.into(), |(step, _)| step.to_string()),
            text(first.map(|(_, difference)| difference)),
            text(last.map(|pair| pair.loss_difference())),
            text((own.ending == Ending::Completed).then(|| effect(own))),
            own.arms[1].name.clone(),
        ]);
    }
    format!("{}\n\n{}{}", headline(&switches, &level), table.to_markdown(), inert(record, cell))
}

/// Which setting is first, by step and then by size.
fn headline(switches: &[&Comparison], level: &[f64]) -> String {
    let single =
        switches.iter().filter(|own| matches!(&own.subject, Subject::Switched { keys, .. } if keys.len() == 1));
    let mut first: Vec<_> = single.filter_map(|own| Some((stands_out(own, level)?, own))).collect();
    first.sort_by(|((step, size), _), ((other_step, other_size), _)| {
        step.cmp(other_step).then(other_size.total_cmp(size))
    });
    let Some(((step, size), Comparison { subject: Subject::Switched { keys, .. }, .. })) = first.first() else {
        return "No single setting makes a difference beyond the floor in these steps.".to_owned();
    };
    let name = |(_, own): &(_, &&Comparison)| match &own.subject {
        Subject::Switched { keys, .. } => format!("`{}`", switched(keys)),
        _ => String::new(),
    };
    let also: Vec<_> = first[1..].iter().filter(|((other, _), _)| other == step).map(name).collect();
    let also =
        if also.is_empty() { String::new() } else { format!(" At that step too, by less: {}.", also.join(", ")) };
    format!(
        "**The first difference is made by `{}`**, at step {step}: {} of the loss.{also}",
        switched(keys),
        significant(*size)
    )
}

fn inert(record: &LockstepRecord, cell: CellKind) -> String {
    let own: Vec<_> = record.inert.iter().filter(|setting| setting.cell == cell).collect();
    if own.is_empty() {
        return String::new();
    }
    let names: Vec<_> =
        own.iter().map(|setting| format!("`{}` ({}, {})", setting.key, setting.values[0], setting.values[1])).collect();
    format!("\nThese differ too, but change nothing in these steps, each on its own: {}.\n", names.join(", "))
}
