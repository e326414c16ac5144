//! What is printed for Slurm, and what waits for what it made. `harness/tests/slurm/` has it carried out.

use std::fs;
use std::process::Command;

use crate::support::{Bench, small_study};

fn printed(bench: &Bench, arguments: &[&str]) -> (String, String) {
    let output = bench.slurm(&["fake"], arguments).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap())
}

/// The list of runs that a script names.
fn list(script: &str) -> Vec<String> {
    let plan = script.lines().find_map(|line| line.strip_prefix("plan=")).unwrap();
    fs::read_to_string(plan.trim_matches('\'')).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn the_script_has_a_task_for_each_run_and_reads_well() {
    let bench = Bench::new(&small_study(&["fake"], &["rnn", "lstm"]));
    let (script, _) = printed(&bench, &["--jobs", "7", "--cores", "2", "--time", "1-0:30:00", "--out", "10% of it"]);
    assert!(script.contains("#SBATCH --array=1-2%2\n"), "two runs, of which no more than two can be at once: {script}");
    let runs = list(&script);
    assert_eq!(runs.len(), 2);
    for (place, cell) in ["rnn", "lstm"].into_iter().enumerate() {
        assert!(runs[place].contains(&format!("/10% of it/resolved/fake-{cell}-base-s1-")), "{runs:?}");
        assert!(fs::exists(&runs[place]).unwrap());
    }
    let folder = fs::canonicalize(bench.path("")).unwrap();
    let own = [(folder.to_str().unwrap(), "FOLDER"), (env!("CARGO_BIN_EXE_study"), "STUDY")];
    let shown = own.iter().fold(script.clone(), |text, (from, to)| text.replace(from, to));
    let shown = shown.replace(list_name(&script), "plan-HASH.txt");
    insta::assert_snapshot!(shown);
    // Both shells take it, the outer script and those that it submits.
    let file = bench.path("submit.sh");
    fs::write(&file, &script).unwrap();
    let submitted = script.split("<<'ARRAY'\n").nth(1).and_then(|rest| rest.split("\nARRAY\n").next()).unwrap();
    fs::write(bench.path("array.sh"), submitted).unwrap();
    for (shell, name) in [("sh", "submit.sh"), ("bash", "array.sh")] {
        let checked = Command::new(shell).arg("-n").arg(bench.path(name)).output().unwrap();
        assert!(checked.status.success() && checked.stderr.is_empty(), "{}", String::from_utf8_lossy(&checked.stderr));
    }
}

fn list_name(script: &str) -> &str {
    let plan = script.lines().find(|line| line.starts_with("plan=")).unwrap();
    plan.trim_matches('\'').rsplit('/').next().unwrap()
}

#[test]
fn runs_that_have_ended_have_no_task_and_an_earlier_list_stays_as_it_was() {
    let bench = Bench::new(&small_study(&["fake"], &["rnn", "lstm"]));
    let (first, _) = printed(&bench, &[]);
    let both = list(&first);
    assert!(bench.run(&["fake"], &["--only", "rnn"]).output().unwrap().status.success());
    let (second, _) = printed(&bench, &[]);
    assert_eq!(list(&second), both[1..]);
    assert_eq!(list(&first), both);
    assert!(bench.run(&["fake"], &[]).output().unwrap().status.success());
    let (nothing, said) = printed(&bench, &[]);
    assert!(
        nothing.is_empty() && said.contains("no run is left to be made: `study list runs/small`"),
        "{nothing}{said}"
    );
}

#[test]
fn a_report_that_waits_says_which_runs_are_missing() {
    let bench = Bench::new(&small_study(&["fake"], &["rnn", "lstm"]));
    assert!(bench.run(&["fake"], &[]).output().unwrap().status.success());
    let report = || bench.study(&[]).args(["report", "runs/small", "--wait", "0.2"]).output().unwrap();
    assert_eq!(report().status.code(), Some(0));
    let run = bench.results().runs[1].directory.clone();
    let aside = bench.path("aside");
    fs::rename(&run, &aside).unwrap();
    let missing = report();
    let said = String::from_utf8(missing.stderr).unwrap();
    assert_eq!((missing.status.code(), said.as_str()), (Some(3), "missing: fake-lstm-base-s1: it was not begun\n"));
    // One that comes while it waits is not missing.
    let waiting = bench.study(&[]).args(["report", "runs/small", "--wait", "60"]).spawn().unwrap();
    fs::rename(&aside, &run).unwrap();
    assert_eq!(waiting.wait_with_output().unwrap().status.code(), Some(0));
}

#[test]
fn a_time_limit_that_sbatch_would_refuse_is_refused() {
    let bench = Bench::new(&small_study(&["fake"], &["rnn"]));
    for time in ["soon", "1:2:3:4", "1 --wrap=true", "", "-5"] {
        let output = bench.slurm(&["fake"], &[&format!("--time={time}")]).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{time}");
    }
}
