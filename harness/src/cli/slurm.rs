//! `study slurm`: what submits the runs of a study as a job array, and then its report. Nothing is submitted here.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use minijinja::{Environment, context};
use sha2::{Digest, Sha256};

use super::args::{Common, SlurmArguments};
use super::exit::{COMPLETED, CliError, GOES_ON, print, say};
use super::planned::Planned;
use crate::run::NOTICE;
use harness_text::numbers;

const TEMPLATE: &str = include_str!("../../templates/slurm/submit.sh");

/// The folder of a study's directory with the lists of runs of its arrays, and what their tasks say.
pub(super) const FOLDER: &str = "slurm";

/// How long the report waits for runs that its node doesn't see yet, in seconds: NFS looks for new files once a minute if not told otherwise.
const VISIBLE: u64 = 120;

/// The largest number of a task that Slurm takes unless an administrator has changed `MaxArraySize`.
const LARGEST_TASK: usize = 1000;

/// What a framework holds beyond the least that a plan's estimate knows: work space, what it computes ahead, what it does not give back.
const MORE: u64 = 512 << 20;

/// Writes down the runs that are still to be made, and prints the script that submits them.
pub(super) fn slurm(arguments: &SlurmArguments, common: &Common) -> Result<u8, CliError> {
    let doing = "write the script";
    let jobs = usize::from(arguments.jobs);
    let planned = Planned::new(&arguments.plan, common, arguments.cores.into(), 1)?;
    let prepared = planned.prepare(&arguments.plan, common, jobs, || Ok(()))?;
    let runs = prepared.write_jobs().map_err(|error| CliError::new("write down the runs", error))?;
    drop(prepared);
    if runs.is_empty() {
        say(&format!("no run is left to be made: `study list {}` says how each stands", planned.directory.display()));
        return Ok(COMPLETED);
    }
    if runs.len() > LARGEST_TASK {
        say(&format!(
            "{} runs are more than most clusters take in one array ({LARGEST_TASK}, by MaxArraySize); --only divides them",
            runs.len()
        ));
    }
    let cores = planned.runs.iter().filter_map(|run| run.settings.as_ref().ok()).map(|own| own.protocol.threads).max();
    let cores = cores.unwrap_or(1).max(arguments.cores.into());
    let least = planned.needs.iter().map(|(_, bytes)| *bytes).max().unwrap_or(0);
    let memory = least.saturating_mul(2).saturating_add(MORE).div_ceil(1 << 20);
    let directory = std::path::absolute(&planned.directory).map_err(|error| CliError::new(doing, error))?;
    let folder = directory.join(FOLDER);
    let plan = frozen(&folder, &runs)?;
    let program = std::env::current_exe().map_err(|error| CliError::new("find this program", error))?;
    let script = Environment::new().render_str(
        TEMPLATE,
        context! {
            study => planned.study.file.name,
            tasks => if runs.len() == 1 { "the run".into() } else { format!("{} runs", runs.len()) },
            count => runs.len(),
            at_once => jobs.min(runs.len()),
            cores,
            memory,
            memory_says => format!("twice the least that the largest run needs ({}), and {}", numbers::bytes(least), numbers::bytes(MORE)),
            time => &arguments.time,
            notice => NOTICE.as_secs(),
            goes_on => GOES_ON,
            wait => VISIBLE,
            logs => in_directive(&folder)?,
            program => quoted(&program)?,
            plan => quoted(&plan)?,
            directory => quoted(&directory)?,
        },
    );
    print(&(script.map_err(|error| CliError::new(doing, error))? + "\n"))?;
    Ok(COMPLETED)
}

/// Writes the list of runs, a file a line, under a name that no other list has: what an array that was submitted is about doesn't change.
fn frozen(folder: &Path, runs: &[PathBuf]) -> Result<PathBuf, CliError> {
    let mut list = String::new();
    for run in runs {
        let name = run.to_str().filter(|name| !name.contains('\n'));
        let reason = || format!("{} is no name that a list can have", run.display());
        let name = name.ok_or_else(|| CliError::new("list the runs", reason()))?;
        let _ = writeln!(list, "{name}");
    }
    let digest = Sha256::digest(&list);
    let name = digest[..6].iter().fold("plan-".to_owned(), |name, byte| format!("{name}{byte:02x}"));
    let file = folder.join(name + ".txt");
    let written = fs::create_dir_all(folder).and_then(|()| match fs::read_to_string(&file) {
        Ok(there) if there == list => Ok(()),
        _ => fs::write(&file, &list),
    });
    written.map_err(|error| CliError::new("list the runs", format!("{}: {error}", file.display())))?;
    Ok(file)
}

/// A path as a word of a shell.
fn quoted(path: &Path) -> Result<String, CliError> {
    Ok(format!("'{}'", text(path)?.replace('\'', r"'\''")))
}

/// A path between the double quotes of a directive to sbatch, which has its own signs for numbers.
fn in_directive(path: &Path) -> Result<String, CliError> {
    let path = text(path)?;
    if path.contains(['"', '\\']) {
        return Err(CliError::new(
            "write the script",
            format!("sbatch can't be told of {path}; give another place with --out"),
        ));
    }
    Ok(path.replace('%', "%%"))
}

fn text(path: &Path) -> Result<&str, CliError> {
    let text = path.to_str().filter(|text| !text.contains(char::is_control));
    text.ok_or_else(|| CliError::new("write the script", format!("{} is no name for a script", path.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_stand_in_the_script_as_what_they_are() {
        assert_eq!(quoted(Path::new("/a b/it's")).unwrap(), r"'/a b/it'\''s'");
        assert_eq!(in_directive(Path::new("/a b/10%")).unwrap(), "/a b/10%%");
        assert!(in_directive(Path::new("/a\"b")).is_err());
        assert!(quoted(Path::new("/a\nb")).is_err());
    }

    #[test]
    fn a_list_of_runs_never_changes_and_another_has_another_name() {
        let folder = tempfile::tempdir().unwrap();
        let one = frozen(folder.path(), &["/a.json".into(), "/b.json".into()]).unwrap();
        assert_eq!(fs::read_to_string(&one).unwrap(), "/a.json\n/b.json\n");
        assert_eq!(frozen(folder.path(), &["/a.json".into(), "/b.json".into()]).unwrap(), one);
        let other = frozen(folder.path(), &["/b.json".into()]).unwrap();
        assert_ne!(other, one);
        assert_eq!(fs::read_to_string(&one).unwrap(), "/a.json\n/b.json\n");
        assert!(frozen(folder.path(), &["/a\n.json".into()]).is_err());
    }
}
