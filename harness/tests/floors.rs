//! The house has floors: no folder of `harness/src` uses another in a circle, and the crates below know nothing above them.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// The crates below the harness, and which of its own crates each may use.
const CRATES: [(&str, &[&str]); 4] =
    [("text", &[]), ("contract", &["harness-text"]), ("statistics", &[]), ("drawing", &[])];

/// Where a folder uses another: file and line.
type Uses = BTreeMap<String, BTreeMap<String, String>>;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_path_buf()
}

fn sources(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The first names of what follows a path's root: `a` of `a::b`, `a` and `b` of `{a::c, b}`.
fn first_names(rest: &str) -> Vec<&str> {
    let name = |text: &'_ str| -> usize { text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len()) };
    let Some(group) = rest.strip_prefix('{') else { return vec![&rest[..name(rest)]] };
    let mut depth = 0;
    let mut begins = true;
    let mut names = Vec::new();
    for (at, character) in group.char_indices() {
        match character {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => begins = true,
            _ if character.is_whitespace() => {}
            _ if begins => {
                names.push(&group[at..at + name(&group[at..])]);
                begins = false;
            }
            _ => {}
        }
    }
    names
}

/// The folders that a file uses, with the lines. `depth` is how many `super`s lead from its module to the crate's root.
fn used<'t>(text: &'t str, depth: usize, folders: &BTreeSet<String>) -> Vec<(&'t str, usize)> {
    let to_root = ["crate::".to_owned(), "super::".repeat(depth)];
    let mut found = Vec::new();
    for prefix in &to_root {
        for (at, _) in text.match_indices(prefix.as_str()) {
            let before = &text[..at];
            let line = before.rsplit('\n').next().unwrap_or("");
            let longer = before.ends_with("super::") || before.ends_with(|c: char| c.is_alphanumeric() || c == '_');
            if line.trim_start().starts_with("//") || longer {
                continue;
            }
            let names = first_names(&text[at + prefix.len()..]);
            found.extend(
                names
                    .into_iter()
                    .filter(|name| folders.contains(*name))
                    .map(|name| (name, before.matches('\n').count() + 1)),
            );
        }
    }
    found
}

fn uses() -> Uses {
    let source = root().join("src");
    let folders: BTreeSet<String> = fs::read_dir(&source)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir())
        .map(|path| path.file_name().unwrap().to_str().unwrap().to_owned())
        .collect();
    assert!(folders.len() > 5, "{folders:?}");
    let mut uses = Uses::new();
    for folder in &folders {
        let mut files = Vec::new();
        sources(&source.join(folder), &mut files);
        for file in files {
            let relative = file.strip_prefix(&source).unwrap();
            let names = relative.components().count();
            let depth = if file.ends_with("mod.rs") { names - 1 } else { names };
            for (other, line) in used(&fs::read_to_string(&file).unwrap(), depth, &folders) {
                if other != folder {
                    let place = format!("{}:{line}", relative.display());
                    uses.entry(folder.clone()).or_default().entry(other.to_owned()).or_insert(place);
                }
            }
        }
    }
    uses
}

/// A way from a folder back to itself, each step with the place that makes it.
fn circle(uses: &Uses) -> Option<Vec<String>> {
    fn walk<'u>(uses: &'u Uses, at: &'u str, way: &mut Vec<(&'u str, &'u str)>, done: &mut BTreeSet<&'u str>) -> bool {
        if way.iter().any(|(folder, _)| *folder == at) {
            return true;
        }
        if done.contains(at) {
            return false;
        }
        for (other, place) in uses.get(at).into_iter().flatten() {
            way.push((at, place));
            if walk(uses, other, way, done) {
                return true;
            }
            way.pop();
        }
        done.insert(at);
        false
    }
    let mut done = BTreeSet::new();
    for folder in uses.keys() {
        let mut way = Vec::new();
        if walk(uses, folder, &mut way, &mut done) {
            return Some(way.iter().map(|(folder, place)| format!("{folder} ({place})")).collect());
        }
    }
    None
}

#[test]
fn no_folder_uses_another_in_a_circle() {
    let uses = uses();
    assert!(
        uses["cli"].len() > 3 && uses["report"].contains_key("record"),
        "the sources were not understood: {uses:?}"
    );
    assert_eq!(circle(&uses), None);
}

#[test]
fn a_circle_is_found_however_it_is_written() {
    let folders = BTreeSet::from(["data", "plan", "record"].map(String::from));
    assert_eq!(used("use crate::plan::X;\n", 2, &folders), [("plan", 1)]);
    assert_eq!(used("use std::a;\nuse crate::{data::{B, record}, plan};", 2, &folders), [("data", 2), ("plan", 2)]);
    assert_eq!(used("fn f(x: super::super::record::Y) {}", 2, &folders), [("record", 1)]);
    assert_eq!(used("// crate::plan\n/// [`crate::plan::X`]\nuse super::plan::Z; use mycrate::plan;", 2, &folders), []);
    let step = |to: &str| BTreeMap::from([(to.to_owned(), format!("to {to}"))]);
    let mut uses = Uses::from([("a".into(), step("b")), ("b".into(), step("c"))]);
    assert_eq!(circle(&uses), None);
    uses.insert("c".into(), step("b"));
    assert!(circle(&uses).unwrap().concat().ends_with("b (to c)c (to b)"));
}

#[test]
fn the_crates_below_know_nothing_above_them() {
    for (name, allowed) in CRATES {
        let manifest = fs::read_to_string(root().join(name).join("Cargo.toml")).unwrap();
        let dependencies = manifest.lines().filter(|line| !line.starts_with("name"));
        for line in dependencies.filter(|line| line.starts_with("harness") || line.contains("path =")) {
            let own = line.split(['.', ' ', '=']).next().unwrap();
            assert!(allowed.contains(&own), "{name} uses {own}");
        }
    }
}
