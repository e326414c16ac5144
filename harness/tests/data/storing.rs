//! The stored splits: used again, made anew when damaged, and never half there.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use harness::data::{Source, tokenizer_path};

use crate::copies::{csv, files_below, json, pins, prepare, reviews, source};

const ENCODING: &str = "splitting and encoding the corpus";

fn stored_files(data_dir: &Path) -> Vec<PathBuf> {
    let folder = fs::read_dir(data_dir.join("encoded")).unwrap().next().unwrap().unwrap().path();
    let mut files: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
    files.sort();
    files
}

#[test]
fn a_second_call_reads_what_the_first_stored() {
    let folder = tempfile::tempdir().unwrap();
    let (_, from) = source(folder.path(), "reviews.json", &json(&reviews()));
    let data_dir = folder.path().join("data");
    let (first, said) = prepare(&pins(), &from, &data_dir);
    assert!(said.iter().any(|line| line == ENCODING), "{said:?}");
    let (second, said) = prepare(&pins(), &from, &data_dir);
    assert_eq!(said, [""; 0]);
    assert_eq!(first.unwrap(), second.unwrap());
    let names: Vec<_> = stored_files(&data_dir).iter().map(|p| p.file_name().unwrap().to_owned()).collect();
    let expected =
        ["manifest.json", "summary.json", "test.parquet", "tokenizer.json", "train.parquet", "validation.parquet"];
    assert_eq!(names, expected);
}

#[test]
fn the_same_texts_from_another_source_use_the_stored_splits_and_name_that_source() {
    let folder = tempfile::tempdir().unwrap();
    let data_dir = folder.path().join("data");
    let (_, from) = source(folder.path(), "reviews.json", &json(&reviews()));
    let first = prepare(&pins(), &from, &data_dir).0.unwrap().summary;
    let (_, from) = source(folder.path(), "a.csv", &csv(&reviews()));
    let (second, said) = prepare(&pins(), &from, &data_dir);
    let second = second.unwrap().summary;
    assert_eq!(said, [""; 0]);
    assert_eq!(second.hash, first.hash);
    assert!(second.corpus.source.starts_with("a.csv"), "{}", second.corpus.source);
    assert_ne!(second.corpus.source_hash, first.corpus.source_hash);
}

#[test]
fn damage_to_any_stored_file_is_noticed_and_made_good() {
    let folder = tempfile::tempdir().unwrap();
    let (_, from) = source(folder.path(), "reviews.json", &json(&reviews()));
    let data_dir = folder.path().join("data");
    let whole = prepare(&pins(), &from, &data_dir).0.unwrap();
    type Damage = fn(&Path);
    let damages: [(&str, Damage); 3] = [
        ("a changed byte", |path| {
            let mut bytes = fs::read(path).unwrap();
            let place = bytes.len() / 2;
            bytes[place] ^= 4;
            fs::write(path, bytes).unwrap();
        }),
        ("a lost end", |path| {
            let bytes = fs::read(path).unwrap();
            fs::write(path, &bytes[..bytes.len() / 2]).unwrap();
        }),
        ("a lost file", |path| fs::remove_file(path).unwrap()),
    ];
    for (what, damage) in damages {
        for path in stored_files(&data_dir) {
            let before = fs::read(&path).unwrap();
            damage(&path);
            let (again, said) = prepare(&pins(), &from, &data_dir);
            let case = format!("{what} of {}: {said:?}", path.display());
            assert!(said[0].starts_with("the stored splits are damaged and made anew: "), "{case}");
            assert_eq!(again.unwrap(), whole, "{case}");
            if path.extension().is_some_and(|extension| extension == "json") {
                assert_eq!(fs::read(&path).unwrap(), before, "{case}");
            }
            assert_eq!(prepare(&pins(), &from, &data_dir).1, [""; 0], "{case}");
        }
    }
}

#[test]
fn files_of_two_stored_folders_do_not_pass_when_mixed() {
    let folder = tempfile::tempdir().unwrap();
    let (_, from) = source(folder.path(), "reviews.json", &json(&reviews()));
    let mut other = reviews();
    other[3].0 += " and more";
    let (_, other) = source(folder.path(), "other.json", &json(&other));
    let (here, there) = (folder.path().join("here"), folder.path().join("there"));
    let whole = prepare(&pins(), &from, &here).0.unwrap();
    prepare(&pins(), &other, &there).0.unwrap();
    // The other folder's files under this one's name, with their own valid manifest.
    for (ours, theirs) in stored_files(&here).iter().zip(stored_files(&there)) {
        if !ours.ends_with("summary.json") && !ours.ends_with("manifest.json") {
            fs::copy(theirs, ours).unwrap();
        }
    }
    let (again, said) = prepare(&pins(), &from, &here);
    assert!(said[0].starts_with("the stored splits are damaged"), "{said:?}");
    assert_eq!(again.unwrap(), whole);
}

#[test]
fn what_an_interrupted_process_left_is_removed_and_not_believed() {
    let folder = tempfile::tempdir().unwrap();
    let (_, from) = source(folder.path(), "reviews.json", &json(&reviews()));
    let data_dir = folder.path().join("data");
    for left in ["encoded/.partial-x", "downloads/.npm-x"] {
        fs::create_dir_all(data_dir.join(left)).unwrap();
        fs::write(data_dir.join(left).join("train.parquet"), b"half").unwrap();
    }
    fs::write(data_dir.join("downloads/.reviews-x"), b"half").unwrap();
    prepare(&pins(), &from, &data_dir).0.unwrap();
    assert_eq!(files_below(&data_dir.join("downloads")), [""; 0]);
    assert_eq!(fs::read_dir(data_dir.join("encoded")).unwrap().count(), 1);
}

#[test]
fn two_at_once_wait_for_each_other() {
    let folder = tempfile::tempdir().unwrap();
    let (_, from) = source(folder.path(), "reviews.json", &json(&reviews()));
    let data_dir = folder.path().join("data");
    let results: Vec<_> = thread::scope(|scope| {
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(|| prepare(&pins(), &from, &data_dir))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let encoded = results.iter().filter(|(_, said)| said.iter().any(|line| line == ENCODING)).count();
    assert_eq!(encoded, 1, "one encodes, the others read");
    let hashes: Vec<_> = results.into_iter().map(|(data, _)| data.unwrap().summary.hash).collect();
    assert!(hashes.windows(2).all(|pair| pair[0] == pair[1]));
}

const CHILD_FOLDER: &str = "STUDY_TEST_CHILD_FOLDER";

/// Not a test of its own: the process that the next test kills.
#[test]
#[ignore = "run by `a_kill_at_any_moment_leaves_nothing_that_is_believed`"]
fn child_prepares() {
    let folder = PathBuf::from(std::env::var_os(CHILD_FOLDER).unwrap());
    let from = Source::Named(folder.join("reviews.json"));
    prepare(&pins(), &from, &folder.join("data")).0.unwrap();
}

#[test]
fn a_kill_at_any_moment_leaves_nothing_that_is_believed() {
    let folder = tempfile::tempdir().unwrap();
    let (_, from) = source(folder.path(), "reviews.json", &json(&reviews()));
    let expected = prepare(&pins(), &from, &folder.path().join("whole")).0.unwrap();
    let data_dir = folder.path().join("data");
    let mut killed_midway = 0;
    for delay in 0..60 {
        let _ = fs::remove_dir_all(&data_dir);
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "storing::child_prepares", "--ignored"])
            .env(CHILD_FOLDER, folder.path())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        // From the moment the child has begun, in steps of a third of a millisecond.
        while !data_dir.join(".lock").exists() && child.try_wait().unwrap().is_none() {
            thread::yield_now();
        }
        thread::sleep(Duration::from_micros(330 * delay));
        let _ = child.kill();
        child.wait().unwrap();
        let stored = tokenizer_path(&data_dir, &expected.summary).exists();
        killed_midway += u32::from(data_dir.join(".lock").exists() && !stored);
        let (data, said) = prepare(&pins(), &from, &data_dir);
        assert_eq!(data.unwrap(), expected);
        let fresh = said.iter().any(|line| line == ENCODING);
        assert_eq!(fresh, !stored, "a folder that has its name is whole: {said:?}");
        assert!(!said.iter().any(|line| line.contains("damaged")), "{said:?}");
    }
    assert!(killed_midway > 0, "no kill fell between the start and the rename");
}
