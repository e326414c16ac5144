//! Help in groups, completions and the manual page, all from the one definition of the arguments.

use clap::{CommandFactory, FromArgMatches};

use super::args::{Arguments, CompletionsArguments};
use super::exit::{COMPLETED, CliError, print};

/// What people come for, and the commands that do it.
const GROUPS: [(&str, &[&str]); 5] = [
    ("Run", &["run", "run-one", "slurm", "data", "pack", "unpack", "check"]),
    ("Look", &["list", "show", "report", "diff", "clean"]),
    ("Judge", &["claims", "diagnose", "audit"]),
    ("Measure", &["bench", "bench-peers", "lockstep"]),
    ("Extend", &["backends", "knobs", "conform", "completions", "manual"]),
];

/// The arguments this program was called with. Ends it with a message where they are wrong, or where help was asked for.
pub(super) fn parsed() -> Arguments {
    let matches = command().get_matches();
    Arguments::from_arg_matches(&matches).unwrap_or_else(|error| error.exit())
}

/// The program's arguments, with its commands in groups.
fn command() -> clap::Command {
    let command = Arguments::command();
    let about = |name: &str| {
        let own = command.find_subcommand(name).and_then(clap::Command::get_about);
        own.map(ToString::to_string).unwrap_or_default()
    };
    let width = GROUPS.iter().flat_map(|(_, names)| *names).map(|name| name.len()).max().unwrap_or(0);
    let mut groups = String::new();
    for (title, names) in GROUPS {
        groups.push_str(&format!("{title}:\n"));
        for name in names {
            groups.push_str(&format!("  {name:<width$}  {}\n", about(name)));
        }
        groups.push('\n');
    }
    groups.push_str("`study COMMAND --help` says more of one, with an example.");
    command.help_template("{about}\n\n{usage-heading} {usage}{after-help}\n\nOptions:\n{options}\n").after_help(groups)
}

/// Prints what makes a shell complete the arguments.
pub(super) fn completions(arguments: &CompletionsArguments) -> Result<u8, CliError> {
    let mut text = Vec::new();
    clap_complete::generate(arguments.shell, &mut command(), "study", &mut text);
    print(&String::from_utf8_lossy(&text))?;
    Ok(COMPLETED)
}

/// Prints the manual page, with every command in it.
pub(super) fn manual() -> Result<u8, CliError> {
    let failed = |error| CliError::new("write the manual page", error);
    let mut text = Vec::new();
    let mut command = Arguments::command();
    command.build();
    clap_mangen::Man::new(command.clone()).render(&mut text).map_err(failed)?;
    for own in command.get_subcommands().filter(|own| own.get_name() != "help") {
        let man = clap_mangen::Man::new(own.clone());
        man.render_name_section(&mut text).map_err(failed)?;
        man.render_options_section(&mut text).map_err(failed)?;
    }
    print(&String::from_utf8_lossy(&text))?;
    Ok(COMPLETED)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn every_command_is_in_one_group_and_has_an_example() {
        let mut in_groups = BTreeMap::new();
        for name in GROUPS.iter().flat_map(|(_, names)| *names) {
            *in_groups.entry((*name).to_owned()).or_insert(0) += 1;
        }
        let command = Arguments::command();
        let commands: BTreeMap<_, _> = command.get_subcommands().map(|own| (own.get_name().to_owned(), 1)).collect();
        assert_eq!(in_groups, commands);
        for own in command.get_subcommands() {
            let help = own.get_after_help().map(ToString::to_string).unwrap_or_default();
            let about = own.get_about().map(ToString::to_string).unwrap_or_default();
            assert!(about.len() <= 80, "{}: {about} does not fit on a line of its group", own.get_name());
            assert!(help.starts_with(&format!("Example: study {}", own.get_name())), "{}: {help}", own.get_name());
        }
    }

    #[test]
    fn every_example_is_taken_by_the_parser() {
        for own in Arguments::command().get_subcommands() {
            let help = own.get_after_help().map(ToString::to_string).unwrap_or_default();
            let words =
                help.trim_start_matches("Example: ").split([' ']).take_while(|word| !matches!(*word, ">" | "&&"));
            let parsed = Arguments::command().try_get_matches_from(words);
            assert!(parsed.is_ok(), "{help}: {}", parsed.unwrap_err());
        }
    }
}
