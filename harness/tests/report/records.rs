//! Records outlive the build that made them: those of version 1 are read, and one that can't be believed stops nothing else.

use std::fs;
use std::path::{Path, PathBuf};

use harness::contract::{BiasCorrection, ClipForm};
use harness::record::{StudyResults, load_study};
use tempfile::TempDir;

/// A copy of the study of version 1.
fn old_study() -> TempDir {
    fn copy(from: &Path, to: &Path) {
        fs::create_dir_all(to).unwrap();
        for entry in fs::read_dir(from).unwrap() {
            let entry = entry.unwrap();
            let place = to.join(entry.file_name());
            if entry.file_type().unwrap().is_dir() {
                copy(&entry.path(), &place);
            } else {
                fs::copy(entry.path(), place).unwrap();
            }
        }
    }
    let folder = tempfile::tempdir().unwrap();
    copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/records/version-1"), folder.path());
    folder
}

fn record_of(results: &StudyResults, run: usize) -> PathBuf {
    results.runs[run].directory.join("record.json")
}

/// Replaces the only place of a text in a file.
fn edit(path: &Path, from: &str, to: &str) {
    let text = fs::read_to_string(path).unwrap();
    assert_eq!(text.matches(from).count(), 1, "{from}");
    fs::write(path, text.replace(from, to)).unwrap();
}

#[test]
fn a_study_of_version_1_is_read_with_what_was_always_so_then() {
    let folder = old_study();
    let results = load_study(folder.path()).unwrap();
    assert_eq!(results.runs.len(), 2);
    for run in &results.runs {
        assert_eq!(run.damaged, None);
        let record = run.record.as_ref().unwrap();
        assert_eq!(record.protocol.clip_form, ClipForm::Gradient);
        assert_eq!(record.model.adam.bias_correction, BiasCorrection::Float64);
        assert_eq!((record.protocol.gap, record.protocol.update_norms), (0, false));
        let observed = record.epochs[0].observation.input_gradients.as_ref().unwrap();
        assert!(!observed.mean.is_empty() && observed.rows.is_empty());
    }
}

#[test]
fn a_record_of_a_version_to_come_is_named_and_the_other_runs_are_read() {
    let folder = old_study();
    let path = record_of(&load_study(folder.path()).unwrap(), 0);
    edit(&path, "\"version\": 1,", "\"version\": \"7.0\",");
    let results = load_study(folder.path()).unwrap();
    let reason = results.runs[0].damaged.as_ref().unwrap();
    assert!(reason.contains("version 7.0") && reason.contains("newer program"), "{reason}");
    assert!(results.runs[0].record.is_none() && results.runs[1].record.is_some());
}

#[test]
fn a_record_with_another_fingerprint_a_folder_in_its_place_or_half_a_text_is_damaged() {
    let folder = old_study();
    let path = record_of(&load_study(folder.path()).unwrap(), 0);
    let whole = fs::read_to_string(&path).unwrap();
    let damaged = || load_study(folder.path()).unwrap().runs[0].damaged.clone().unwrap();

    fs::copy(record_of(&load_study(folder.path()).unwrap(), 1), &path).unwrap();
    assert!(damaged().contains("the record of another run"), "{}", damaged());
    fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    assert!(damaged().contains("can't be read"), "{}", damaged());
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    assert!(damaged().contains("no plain file"), "{}", damaged());
}

#[test]
fn a_run_that_is_not_there_is_absent_and_not_damaged() {
    let folder = old_study();
    let path = record_of(&load_study(folder.path()).unwrap(), 0);
    fs::remove_file(path).unwrap();
    let run = &load_study(folder.path()).unwrap().runs[0];
    assert!(run.record.is_none() && run.damaged.is_none());
}

#[test]
fn metrics_that_a_record_lacks_are_measured_from_its_predictions() {
    let folder = old_study();
    let before = load_study(folder.path()).unwrap().runs[0].record.clone().unwrap();
    let path = record_of(&load_study(folder.path()).unwrap(), 0);
    let whole: serde_json::Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    for lacking in [None, Some("auc"), Some("confusion")] {
        let mut record = whole.clone();
        match lacking {
            None => record["test"] = serde_json::Value::Null,
            Some(key) => assert!(record["test"].as_object_mut().unwrap().remove(key).is_some()),
        }
        fs::write(&path, record.to_string()).unwrap();
        assert_eq!(load_study(folder.path()).unwrap().runs[0].record.as_ref(), Some(&before), "{lacking:?}");
    }
    fs::write(path.with_file_name("predictions.parquet"), "rubbish").unwrap();
    let damaged = load_study(folder.path()).unwrap().runs[0].damaged.clone().unwrap();
    assert!(damaged.starts_with("predictions.parquet: "), "{damaged}");
    assert!(!damaged.contains(folder.path().to_str().unwrap()), "{damaged}");
}

#[test]
fn a_plan_that_places_a_run_outside_its_study_is_not_followed() {
    let folder = old_study();
    let elsewhere = tempfile::tempdir().unwrap();
    let results = load_study(folder.path()).unwrap();
    let run = &results.runs[0];
    fs::rename(&run.directory, elsewhere.path().join("run")).unwrap();
    let outside = elsewhere.path().join("run").display().to_string();
    for place in [outside.as_str(), "../run", "./run"] {
        let text = fs::read_to_string(folder.path().join("study.json")).unwrap();
        let mut plan: serde_json::Value = serde_json::from_str(&text).unwrap();
        plan["runs"][0]["directory"] = place.into();
        fs::write(folder.path().join("study.json"), plan.to_string()).unwrap();
        let damaged = load_study(folder.path()).unwrap().runs[0].damaged.clone().unwrap();
        assert!(damaged.contains("outside its study"), "{damaged}");
    }
}
