//! Archives that were damaged, cut or made to hurt: each is refused with a reason, and nothing is written.

use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use proptest::prelude::*;
use tar::{EntryType, Header};
use tempfile::TempDir;

use super::contents::{INDEX, Index, VERSION, is_run, walk};
use super::{open_study, pack, unpack};
use crate::record::store::load_study;

/// The study that the first format wrote.
fn study() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/records/version-1")
}

/// A folder with an archive of that study.
fn packed() -> (TempDir, PathBuf) {
    static BYTES: OnceLock<Vec<u8>> = OnceLock::new();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("grid.tar.zst");
    let bytes = BYTES.get_or_init(|| {
        assert_eq!(pack(&study(), &file).unwrap().runs, 2);
        fs::read(&file).unwrap()
    });
    fs::write(&file, bytes).unwrap();
    (folder, file)
}

/// The files of an archive, the index first.
fn entries(file: &Path) -> Vec<(String, EntryType, Vec<u8>)> {
    let bytes = zstd::decode_all(fs::File::open(file).unwrap()).unwrap();
    let mut archive = tar::Archive::new(bytes.as_slice());
    let read = archive.entries().unwrap().map(|entry| {
        let mut entry = entry.unwrap();
        let mut content = Vec::new();
        entry.read_to_end(&mut content).unwrap();
        (entry.path().unwrap().display().to_string(), EntryType::Regular, content)
    });
    read.collect()
}

/// Writes an archive of these files, as somebody would who means harm: names are taken as they are.
fn forge(file: &Path, entries: &[(String, EntryType, Vec<u8>)]) {
    let mut archive = tar::Builder::new(Vec::new());
    for (name, kind, content) in entries {
        let mut header = Header::new_ustar();
        header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
        header.set_entry_type(*kind);
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        header.set_cksum();
        archive.append(&header, content.as_slice()).unwrap();
    }
    let bytes = archive.into_inner().unwrap();
    fs::write(file, zstd::encode_all(bytes.as_slice(), 1).unwrap()).unwrap();
}

/// Why an archive is refused; nothing may have been written.
fn refusal(file: &Path) -> String {
    let place = file.with_file_name("unpacked");
    let before = fs::read_dir(file.parent().unwrap()).unwrap().count();
    let said = unpack(file, &place, None).unwrap_err().to_string();
    assert_eq!(open_study(file).unwrap_err().to_string(), said);
    assert_eq!(fs::read_dir(file.parent().unwrap()).unwrap().count(), before, "{said}");
    said
}

fn index(files: usize) -> (String, EntryType, Vec<u8>) {
    let index = Index { version: VERSION, study: "first".into(), files };
    (INDEX.to_owned(), EntryType::Regular, serde_json::to_vec(&index).unwrap())
}

#[test]
fn what_is_unpacked_is_what_was_packed_and_the_same_directory_gives_the_same_bytes() {
    let (folder, file) = packed();
    let directory = folder.path().join("again");
    assert_eq!(unpack(&file, &directory, None).unwrap().added, 2);
    let (before, after) = (load_study(&study()).unwrap(), load_study(&directory).unwrap());
    assert_eq!(before.study, after.study);
    for (before, after) in before.runs.iter().zip(&after.runs) {
        assert_eq!(before.record, after.record);
        let bytes = |directory: &Path| fs::read(directory.join("predictions.parquet")).unwrap();
        assert_eq!(bytes(&before.directory), bytes(&after.directory));
    }
    let again = folder.path().join("again.tar.zst");
    pack(&directory, &again).unwrap();
    assert_eq!(fs::read(&file).unwrap(), fs::read(again).unwrap());
}

#[test]
fn a_name_that_leads_elsewhere_or_has_no_place_in_a_study_is_refused() {
    let (_folder, file) = packed();
    let whole = entries(&file);
    let run = "runs/libtorch-rnn-base-s1-a82113329eaf";
    for name in [
        "../record.json",
        "/etc/record.json",
        "runs/../../record.json",
        "runs/../record.json",
        "runs//record.json",
        "runs/.hidden/record.json",
        "runs/a/b/record.json",
        "runs/record.json",
        "study.json/record.json",
        &format!("{run}/weights.safetensors"),
        &format!("{run}/record.json/"),
        "runs/a\nb/record.json",
        "runs/a b/record.json",
    ] {
        let mut forged = whole.clone();
        forged[1].0 = name.to_owned();
        forge(&file, &forged);
        assert!(refusal(&file).contains("has no place in a study"), "{name}: {}", refusal(&file));
    }
    assert!(!is_run(&format!("runs/{}", "x".repeat(151))) && is_run(&format!("runs/{}", "x".repeat(150))));
}

#[test]
fn links_folders_devices_and_entries_that_lengthen_names_are_refused() {
    let (_folder, file) = packed();
    for kind in [
        EntryType::Symlink,
        EntryType::Link,
        EntryType::Directory,
        EntryType::Fifo,
        EntryType::Block,
        EntryType::GNULongName,
        EntryType::XHeader,
        EntryType::XGlobalHeader,
        EntryType::GNUSparse,
    ] {
        let mut forged = entries(&file);
        forged[1].1 = kind;
        let forged_file = file.with_file_name("forged");
        forge(&forged_file, &forged);
        assert!(refusal(&forged_file).contains("is no plain file"), "{kind:?}");
    }
}

#[test]
fn a_file_twice_one_too_many_one_too_few_or_none_is_refused() {
    let (_folder, file) = packed();
    let whole = entries(&file);
    let mut twice = whole.clone();
    twice.insert(2, twice[1].clone());
    forge(&file, &twice);
    assert!(refusal(&file).contains("is not in its place"), "{}", refusal(&file));
    twice.remove(1);
    twice.remove(1);
    forge(&file, &twice);
    assert!(refusal(&file).contains("has 4 files, and 5 were packed"), "{}", refusal(&file));
    let mut more = whole.clone();
    more[0] = index(4);
    forge(&file, &more);
    assert!(refusal(&file).contains("more files than it says"), "{}", refusal(&file));
    forge(&file, &whole[1..]);
    assert!(refusal(&file).contains("not written by `study pack`"), "{}", refusal(&file));
    forge(&file, &[index(0)]);
    assert!(refusal(&file).contains("it has no plan"), "{}", refusal(&file));
    forge(&file, &[]);
    assert!(refusal(&file).contains("it is empty"), "{}", refusal(&file));
}

#[test]
fn a_run_that_the_plan_does_not_list_and_another_studys_plan_are_refused() {
    let (_folder, file) = packed();
    let mut forged = entries(&file);
    forged[1].0 = "runs/another/record.json".into();
    forge(&file, &forged);
    assert!(refusal(&file).contains("`runs/another` is not in its plan"), "{}", refusal(&file));
    let mut forged = entries(&file);
    forged[0] = index(5);
    forged[1].0 = format!("{}/predictions.parquet", "runs/libtorch-gru-base-s1-d40dc47789b1");
    forge(&file, &forged);
    assert!(refusal(&file).contains("its plan is another study's"), "{}", refusal(&file));
}

#[test]
fn an_archive_that_unpacks_to_much_more_than_itself_is_refused_before_anything_is_written() {
    let (_folder, file) = packed();
    let mut forged = entries(&file);
    forged[1].2 = vec![0; 200 << 20];
    forge(&file, &forged);
    assert!(fs::metadata(&file).unwrap().len() < 1 << 20);
    assert!(refusal(&file).contains("more than an archive may hold"), "{}", refusal(&file));
    // A size that is said and not there.
    let mut header = Header::new_ustar();
    header.set_path(INDEX).unwrap();
    header.set_size(u64::MAX / 2);
    header.set_entry_type(EntryType::Regular);
    header.set_cksum();
    fs::write(&file, zstd::encode_all(header.as_bytes().as_slice(), 1).unwrap()).unwrap();
    assert!(refusal(&file).contains("more than an archive may hold"), "{}", refusal(&file));
}

#[test]
fn an_archive_of_a_version_to_come_is_named_with_it() {
    let (_folder, file) = packed();
    let mut forged = entries(&file);
    forged[0].2 = br#"{"version":"2.3","study":"grid","files":5,"more":true}"#.to_vec();
    forge(&file, &forged);
    assert!(refusal(&file).contains("version 2.3") && refusal(&file).contains("newer program"), "{}", refusal(&file));
}

#[test]
fn what_follows_the_end_is_refused() {
    let (_folder, file) = packed();
    let whole = fs::read(&file).unwrap();
    for tail in [b"x".as_slice(), &whole] {
        let mut out = fs::File::create(&file).unwrap();
        out.write_all(&whole).and_then(|()| out.write_all(tail)).unwrap();
        assert!(refusal(&file).contains("something follows its end"), "{}", refusal(&file));
    }
    fs::write(&file, b"PK\x03\x04 something else altogether").unwrap();
    assert!(refusal(&file).contains("damaged or cut"), "{}", refusal(&file));
    fs::write(&file, b"").unwrap();
    refusal(&file);
}

#[test]
fn a_run_whose_predictions_were_exchanged_is_damaged_and_the_others_are_unpacked() {
    let (folder, file) = packed();
    let mut forged = entries(&file);
    let (name, record) = (forged[2].0.clone(), String::from_utf8(forged[2].2.clone()).unwrap());
    assert!(name.ends_with("gru-base-s1-d40dc47789b1/record.json"), "{name}");
    let sha256 = "0".repeat(64);
    let files = format!(r#""files":{{"predictions.parquet":{{"sha256":"{sha256}","bytes":{}}}}},"#, forged[1].2.len());
    forged[2].2 = record.replacen('{', &format!("{{{files}"), 1).into_bytes();
    forge(&file, &forged);
    let directory = folder.path().join("unpacked");
    let unpacked = unpack(&file, &directory, None).unwrap();
    assert_eq!(unpacked.added, 1);
    assert_eq!(unpacked.damaged.len(), 1);
    assert!(unpacked.damaged[0].1.contains("predictions.parquet is not as it was written"), "{unpacked:?}");
    assert!(!directory.join("runs/libtorch-gru-base-s1-d40dc47789b1").exists());
    let opened = open_study(&file).unwrap();
    assert!(opened.results.runs.iter().any(|run| run.damaged.is_some()));
}

/// All that a reader of an archive gets.
fn all(file: &Path) -> Result<Vec<u8>, super::ArchiveError> {
    let mut read = Vec::new();
    walk(file, |_, _, entry| entry.read_to_end(&mut read).map(|_| ()).map_err(super::ArchiveError::io(file)))?;
    Ok(read)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn nobody_reads_anything_else_than_was_packed(at in any::<prop::sample::Index>(), flip in 1..=255_u8, cut in any::<bool>()) {
        let (_folder, file) = packed();
        let whole = all(&file).unwrap();
        let mut bytes = fs::read(&file).unwrap();
        let at = at.index(bytes.len());
        if cut { bytes.truncate(at) } else { bytes[at] ^= flip }
        fs::write(&file, &bytes).unwrap();
        match all(&file) {
            Err(_) => {}
            // A bit of zstd's header means nothing.
            Ok(read) => prop_assert!(!cut && read == whole),
        }
    }
}
