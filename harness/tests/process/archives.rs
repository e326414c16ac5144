//! A study as one file: packed, sent, looked at and gone on from by the real program.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Output;

use crate::support::{Bench, small_study};

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A bench whose study of two runs has ended.
fn finished() -> Bench {
    let bench = Bench::new(&small_study(&["fake"], &["rnn", "lstm"]));
    let output = bench.run(&["fake"], &[]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    bench
}

/// `study` with these arguments.
fn study(bench: &Bench, arguments: &[&str]) -> Output {
    bench.study(&[]).args(arguments).output().unwrap()
}

fn succeeds(bench: &Bench, arguments: &[&str]) -> Output {
    let output = study(bench, arguments);
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}", stderr(&output));
    output
}

fn refused(bench: &Bench, arguments: &[&str]) -> String {
    let output = study(bench, arguments);
    assert_eq!(output.status.code(), Some(1), "{arguments:?}: {}", stderr(&output));
    stderr(&output)
}

/// Files below a folder by their path in it.
fn below(bench: &Bench, folder: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let root = bench.path(folder);
    let files = bench.bytes_below(folder).into_iter();
    files.map(|(path, bytes)| (path.strip_prefix(&root).unwrap().to_path_buf(), bytes)).collect()
}

#[test]
fn an_archive_gives_the_report_of_its_directory_byte_for_byte_and_the_same_bytes_again() {
    let bench = finished();
    let output = succeeds(&bench, &["pack", "runs/small", "small.tar.zst"]);
    assert_eq!(String::from_utf8_lossy(&output.stdout), "small.tar.zst\n");
    assert!(stderr(&output).starts_with("2 runs in "), "{}", stderr(&output));
    succeeds(&bench, &["report", "small.tar.zst"]);
    succeeds(&bench, &["report", "runs/small", "--out", "other"]);
    let report = below(&bench, "small-report");
    assert!(report.len() > 10);
    assert_eq!(report, below(&bench, "runs/small/report"));
    assert_eq!(report, below(&bench, "other"));

    let archive = fs::read(bench.path("small.tar.zst")).unwrap();
    succeeds(&bench, &["pack", "runs/small", "small.tar.zst"]);
    assert_eq!(fs::read(bench.path("small.tar.zst")).unwrap(), archive);
    succeeds(&bench, &["unpack", "small.tar.zst", "elsewhere"]);
    let (packed, whole) = (below(&bench, "elsewhere"), below(&bench, "runs/small"));
    let names: Vec<_> = packed.iter().map(|(path, _)| path.file_name().unwrap().to_str().unwrap()).collect();
    let run = ["predictions.parquet", "record.json", "steps.parquet"];
    assert_eq!(names, [&run[..], &run[..], &["study.json"]].concat());
    assert!(packed.iter().all(|file| whole.contains(file)));
    succeeds(&bench, &["pack", "elsewhere", "again.tar.zst"]);
    assert_eq!(fs::read(bench.path("again.tar.zst")).unwrap(), archive);
}

#[test]
fn a_study_goes_on_from_an_archive_and_trains_only_what_it_lacks() {
    let bench = Bench::new(&small_study(&["fake"], &["rnn", "lstm"]));
    assert!(bench.run(&["fake"], &["--only", "rnn", "--out", "first"]).output().unwrap().status.success());
    succeeds(&bench, &["pack", "first", "first.tar.zst"]);
    let output = bench.run(&["fake"], &["--archive", "first.tar.zst"]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(stderr(&output).contains("fake-rnn-base-s1  had ended (completed)"), "{}", stderr(&output));
    assert!(!stderr(&output).contains("fake-lstm-base-s1  had ended"), "{}", stderr(&output));
    let record = |bench: &Bench| bench.record("fake-rnn-base-s1");
    assert!(record(&bench).test.is_some() && bench.record("fake-lstm-base-s1").test.is_some());

    // Runs of an archive are added to a directory that has others.
    assert!(bench.run(&["fake"], &["--only", "lstm", "--out", "second"]).output().unwrap().status.success());
    let output = succeeds(&bench, &["unpack", "first.tar.zst", "second"]);
    assert!(stderr(&output).contains("1 runs added to second, 0 were there"), "{}", stderr(&output));
    let output = succeeds(&bench, &["unpack", "first.tar.zst", "second"]);
    assert!(stderr(&output).contains("0 runs added to second, 1 were there"), "{}", stderr(&output));
    let output = bench.run(&["fake"], &["--out", "second"]).output().unwrap();
    for cell in ["rnn", "lstm"] {
        assert!(stderr(&output).contains(&format!("fake-{cell}-base-s1  had ended")), "{}", stderr(&output));
    }
}

#[test]
fn nothing_that_is_another_studys_is_written_over() {
    let bench = finished();
    succeeds(&bench, &["pack", "runs/small", "small.tar.zst"]);
    let other = small_study(&["fake"], &["rnn"]).replace("\"small\"", "\"other\"");
    fs::write(bench.path("study.toml"), other).unwrap();
    assert!(bench.run(&["fake"], &[]).output().unwrap().status.success());
    let before = below(&bench, "runs/other");
    for arguments in [["unpack", "small.tar.zst", "runs/other"], ["pack", "runs/other", "small.tar.zst"]] {
        let said = refused(&bench, &arguments);
        assert!(said.contains("holds the study") && said.contains("give another place"), "{said}");
    }
    let said = bench.run(&["fake"], &["--archive", "small.tar.zst", "--out", "new"]).output().unwrap();
    assert!(stderr(&said).contains("small.tar.zst holds the study `small`, and not `other`"), "{}", stderr(&said));
    assert!(!bench.path("new").exists());
    let after = below(&bench, "runs/other");
    assert_eq!(after, before);

    fs::create_dir(bench.path("photos")).unwrap();
    fs::write(bench.path("photos/one"), "not ours").unwrap();
    assert!(refused(&bench, &["unpack", "small.tar.zst", "photos"]).contains("holds something, but no study"));
    assert!(refused(&bench, &["pack", "runs/small", "photos/one"]).contains("not an archive that can be read"));
    assert_eq!(fs::read(bench.path("photos/one")).unwrap(), b"not ours");
    assert!(refused(&bench, &["pack", "photos", "new.tar.zst"]).contains("no study has been run here"));
    assert!(!bench.path("new.tar.zst").exists());
}

#[test]
fn an_archive_is_not_replaced_by_one_with_fewer_runs() {
    let bench = finished();
    succeeds(&bench, &["pack", "runs/small", "small.tar.zst"]);
    assert!(bench.run(&["fake"], &["--only", "rnn", "--out", "part"]).output().unwrap().status.success());
    let said = refused(&bench, &["pack", "part", "small.tar.zst"]);
    assert!(said.contains("holds 1 run that part has not, runs/fake-lstm-base-s1-"), "{said}");
    succeeds(&bench, &["unpack", "small.tar.zst", "part"]);
    succeeds(&bench, &["pack", "part", "small.tar.zst"]);
}

#[test]
fn a_damaged_run_is_left_out_by_name_and_an_archive_that_was_cut_is_refused() {
    let bench = finished();
    let results = bench.results();
    let run = &results.runs[0];
    fs::write(run.directory.join("steps.parquet"), "rubbish").unwrap();
    let output = study(&bench, &["pack", "runs/small", "small.tar.zst"]);
    assert_eq!(output.status.code(), Some(3));
    let said = format!("left out {}: steps.parquet is not the file", run.planned.key);
    assert!(stderr(&output).contains(&said), "{}", stderr(&output));
    succeeds(&bench, &["unpack", "small.tar.zst", "again"]);
    assert!(!bench.path("again").join(&run.planned.directory).exists());

    let whole = fs::read(bench.path("small.tar.zst")).unwrap();
    fs::write(bench.path("cut.tar.zst"), &whole[..whole.len() - 1]).unwrap();
    for arguments in [
        &["report", "cut.tar.zst"][..],
        &["claims", "cut.tar.zst"],
        &["unpack", "cut.tar.zst", "new"],
        &["pack", "runs/small", "cut.tar.zst"],
    ] {
        let claims = concat!(env!("CARGO_MANIFEST_DIR"), "/../reports/claims.toml");
        let more: &[&str] = if arguments[0] == "claims" { &["--claims", claims] } else { &[] };
        let said = refused(&bench, &[arguments, more].concat());
        assert!(said.contains("cut.tar.zst: not an archive that can be read: damaged or cut"), "{said}");
    }
    assert!(!bench.path("new").exists());
    let claims =
        ["claims", "small.tar.zst", "--claims", concat!(env!("CARGO_MANIFEST_DIR"), "/../reports/claims.toml")];
    assert_eq!(succeeds(&bench, &claims).stdout, {
        let mut directory = claims;
        directory[1] = "runs/small";
        succeeds(&bench, &directory).stdout
    });
}

/// A claim that runs of two studies decide.
const OF_TWO: &str = r#"
version = 1
title = "Claims of two studies"
level = 0.05

[arms]
here = { study = "small", backend = "fake", cell = "rnn", variant = "base" }
there = { study = "other", backend = "fake", cell = "rnn", variant = "base" }

[[claim]]
id = "A1"
text = "both are short"
[claim.supported]
all = [
  { runs = { arm = "here", of = 1, at_least = 1, measure = "padded-length", is = { at_most = 12 } } },
  { runs = { arm = "there", of = 1, at_least = 1, measure = "padded-length", is = { at_most = 12 } } },
]
[claim.contradicted]
any = [{ runs = { arm = "there", of = 1, at_least = 1, measure = "padded-length", is = { above = 12 } } }]
"#;

#[test]
fn a_report_may_be_judged_by_the_runs_of_other_studies_too() {
    let bench = finished();
    let other = small_study(&["fake"], &["rnn"]).replace("name = \"small\"", "name = \"other\"");
    fs::write(bench.path("other.toml"), other).unwrap();
    fs::write(bench.path("claims.toml"), OF_TWO).unwrap();
    let run = bench.study(&["fake"]).args(["run", "other.toml", "--from", "reviews.json"]).output().unwrap();
    assert_eq!(run.status.code(), Some(0), "{}", stderr(&run));
    let judged = |beside: &[&str]| {
        let alone = ["report", "runs/small", "--out", "report", "--claims", "claims.toml"];
        succeeds(&bench, &[&alone[..], beside].concat());
        let text = fs::read_to_string(bench.path("report/report.md")).unwrap();
        let row = text.lines().find(|line| line.starts_with("| A1 ")).unwrap().to_owned();
        (text.contains("on the runs of the studies `small`, `other`."), row)
    };
    let (several, row) = judged(&[]);
    assert!(!several && row.contains("**undecided**"), "{row}");
    let (several, row) = judged(&["--beside", "runs/other", "runs/small"]);
    assert!(several && row.contains("**supported**"), "{row}");
    let without = study(&bench, &["report", "runs/small", "--beside", "runs/other"]);
    assert_eq!(without.status.code(), Some(2), "--beside is for claims alone");
}

#[test]
fn an_archive_and_what_is_unpacked_have_the_mode_that_the_umask_gives() {
    let bench = finished();
    succeeds(&bench, &["pack", "runs/small", "small.tar.zst"]);
    succeeds(&bench, &["unpack", "small.tar.zst", "again"]);
    fs::write(bench.path("plain"), "").unwrap();
    fs::create_dir(bench.path("folder")).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&bench.path("small.tar.zst")), mode(&bench.path("plain")));
    assert_eq!(mode(&bench.path("again")), mode(&bench.path("folder")));
    for folder in ["again", "runs/small", "data"] {
        for (path, _) in bench.bytes_below(folder) {
            assert_eq!(mode(&path), mode(&bench.path("plain")), "{}", path.display());
            assert_eq!(mode(path.parent().unwrap()), mode(&bench.path("folder")), "{}", path.display());
        }
    }
}

/// An archive of the study's first run with predictions that somebody forged, and a record without hashes that would tell.
fn forged(bench: &Bench, file: &str, predictions: &[u8]) {
    let (index, plan) = (br#"{"version":"1.0","study":"small","files":3}"#, "runs/small/study.json");
    let run = &bench.results().runs[0].planned.directory;
    let record = fs::read(bench.path("runs/small").join(run).join("record.json")).unwrap();
    let mut record: serde_json::Value = serde_json::from_slice(&record).unwrap();
    record["files"] = serde_json::json!({});
    record.as_object_mut().unwrap().remove("sha256");
    let mut archive = tar::Builder::new(Vec::new());
    for (name, content) in [
        ("archive.json".to_owned(), index.to_vec()),
        (format!("{run}/predictions.parquet"), predictions.to_vec()),
        (format!("{run}/record.json"), record.to_string().into_bytes()),
        ("study.json".to_owned(), fs::read(bench.path(plan)).unwrap()),
    ] {
        let mut header = tar::Header::new_ustar();
        header.set_size(content.len() as u64);
        archive.append_data(&mut header, name, content.as_slice()).unwrap();
    }
    fs::write(bench.path(file), zstd::encode_all(archive.into_inner().unwrap().as_slice(), 1).unwrap()).unwrap();
}

#[test]
fn no_forged_table_in_an_archive_ends_the_program() {
    let bench = finished();
    let run = bench.results().runs[0].directory.clone();
    let whole = fs::read(run.join("predictions.parquet")).unwrap();
    forged(&bench, "whole.tar.zst", &whole);
    succeeds(&bench, &["check", "whole.tar.zst"]);
    let mut ended = 0;
    for at in (4..whole.len()).step_by(whole.len() / 60) {
        let mut bytes = whole.clone();
        bytes[at] = 0xff;
        forged(&bench, "forged.tar.zst", &bytes);
        let output = study(&bench, &["check", "forged.tar.zst"]);
        assert!([Some(0), Some(1), Some(3)].contains(&output.status.code()), "byte {at}: {:?}", output.status);
        if stderr(&output).contains("ended the program that did") {
            ended += 1;
            let said = refused(&bench, &["unpack", "forged.tar.zst", "new"]);
            assert!(said.contains("get another copy") && !bench.path("new").exists(), "{said}");
        }
    }
    println!("{ended} of the forged tables would have ended it");
}

#[test]
fn a_check_says_of_every_run_how_it_stands() {
    let bench = finished();
    let results = bench.results();
    let run = |place: usize| &results.runs[place];
    let all = String::from_utf8(succeeds(&bench, &["check", "runs/small"]).stdout).unwrap();
    assert_eq!(all, format!("{}  whole, completed\n{}  whole, completed\n", run(0).planned.key, run(1).planned.key));
    fs::remove_file(run(0).directory.join("predictions.parquet")).unwrap();
    fs::remove_dir_all(&run(1).directory).unwrap();
    let output = study(&bench, &["check", "runs/small"]);
    assert_eq!(output.status.code(), Some(3));
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(said.contains("  damaged: predictions.parquet is missing\n") && said.ends_with("  not there\n"), "{said}");
    // The report names the damaged run and has a row for both.
    let output = succeeds(&bench, &["report", "runs/small"]);
    assert!(stderr(&output).contains("can't be believed: predictions.parquet is missing"), "{}", stderr(&output));
    let report = fs::read_to_string(bench.path("runs/small/report/report.md")).unwrap();
    assert!(
        report.contains("2 runs: 1 damaged, 1 not run yet") && !bench.path("runs/small/report/roc-panel.svg").exists()
    );
}

#[test]
fn what_earlier_calls_finished_is_in_the_report_with_how_it_was_run() {
    let bench = finished();
    let output = bench.run(&["fake"], &["--set", "epochs=1", "--only", "rnn", "--jobs", "2"]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let report = || fs::read_to_string(bench.path("runs/small/report/report.md")).unwrap();
    let also = report().split_once("## Also here").unwrap().1.to_owned();
    let row = |run: &str| also.lines().find(|line| line.contains(run)).unwrap_or_default().to_owned();
    assert!(row("fake-rnn-base-s1").contains("`epochs` = 2 (1)"), "{also}");
    // The other cell has the settings of its arm: a narrower call narrows nothing that is reported.
    assert_eq!(row("fake-lstm-base-s1"), "", "{also}");
    // The whole plan with another number of runs at once trains nothing again.
    let output = bench.run(&["fake"], &["--jobs", "2"]).output().unwrap();
    assert_eq!(stderr(&output).matches("had ended (completed)").count(), 2, "{}", stderr(&output));
    assert_eq!(report().split_once("## Also here").unwrap().1.matches("`runs/fake-").count(), 1);

    let bench = Bench::new(&small_study(&["fake"], &["rnn", "lstm"]));
    assert!(bench.run(&["fake"], &["--only", "rnn"]).output().unwrap().status.success());
    assert!(bench.run(&["fake"], &["--jobs", "2"]).output().unwrap().status.success());
    let report = fs::read_to_string(bench.path("runs/small/report/report.md")).unwrap();
    let line = report.lines().find(|line| line.starts_with("| runs at once")).unwrap();
    assert!(line.contains("1 (fake SimpleRNN); 2 (fake LSTM)"), "{line}");
}
