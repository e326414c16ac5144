//! Diagnoses as people read them.

use harness_text::{Align, Table};

use super::{Cause, Diagnosis, RULE};

/// All runs of a study in a table, then each alarm with what was seen.
#[must_use]
pub fn overview(title: &str, diagnoses: &[Diagnosis]) -> String {
    let alarms: Vec<_> = diagnoses.iter().filter(|own| own.standing.is_alarm()).collect();
    let mut text = format!("# {title}: diagnosis\n\n{RULE}.\n\n");
    text.push_str(&match alarms.len() {
        0 => "No run gives alarm.\n\n".to_owned(),
        one_or_more => format!("**{one_or_more} of {} runs give alarm.**\n\n", diagnoses.len()),
    });
    let columns = ["run", "standing", "cause"].map(|name| (name, Align::Left));
    let mut table = Table::new(columns);
    for own in diagnoses {
        table.push(vec![own.run.to_string(), own.standing.name().into(), own.cause().map_or("", Cause::title).into()]);
    }
    text.push_str(&table.to_terminal());
    for own in alarms {
        text.push('\n');
        text.push_str(&details(own));
    }
    text
}

/// One run: how it stands, what its records show, and what they don't.
#[must_use]
pub fn details(own: &Diagnosis) -> String {
    let mut text = format!("## {}: {}\n\n{}.\n", own.run, own.standing.name(), capitalised(&own.standing.to_string()));
    if !own.standing.is_alarm() {
        return text + "\nNo alarm.\n";
    }
    text.push('\n');
    for (place, sign) in own.signs.iter().enumerate() {
        let title =
            if place == 0 { format!("**{}**", sign.cause.title()) } else { format!("also {}", sign.cause.title()) };
        text.push_str(&format!("- {title}: {}.\n", sign.words));
    }
    for unknown in &own.unknown {
        text.push_str(&format!("- not known: {unknown}.\n"));
    }
    text
}

fn capitalised(text: &str) -> String {
    let mut characters = text.chars();
    characters.next().map_or_else(String::new, |first| first.to_uppercase().chain(characters).collect())
}
