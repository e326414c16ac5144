//! Studies and arguments that nobody would write: each is refused or done, in time, and nothing ends the program otherwise.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use harness::plan::knobs::all;

use crate::support::{Bench, small_study};

/// How many there are, in how many threads, each with a folder of its own.
const CASES: u64 = 1000;
const THREADS: u64 = 2;

/// The longest that any of them may take. The slowest takes a second on an idle machine.
const LIMIT: Duration = Duration::from_secs(60);

/// The exit codes that the README lists.
const CODES: [i32; 5] = [0, 1, 2, 3, 130];

/// What stands where a value is expected.
const VALUES: [&str; 44] = [
    "0",
    "1",
    "-1",
    "2",
    "3",
    "7",
    "60",
    "1e-7",
    "0.5",
    "1.5",
    "-0.0",
    "nan",
    "inf",
    "-inf",
    "1e400",
    "true",
    "false",
    "4294967295",
    "4294967296",
    "9223372036854775807",
    "-9223372036854775808",
    "18446744073709551615",
    "99999999999999999999999",
    "\"\"",
    "\"lstm\"",
    "\"fake\"",
    "\"end\"",
    "\"../../esc\"",
    "\"a\\nb\"",
    "\"\\u0000\"",
    "\"\\u202e<script>|\"",
    "\"cuda:0\"",
    "\"cuda:99999999999999999999\"",
    "[]",
    "[1]",
    "[\"rnn\", \"rnn\"]",
    "[\"gru\", \"lstm\"]",
    "{}",
    "{ kind = \"plateau\" }",
    "{ normal = { mean = nan, std = -1.0 } }",
    "[[[[]]]]",
    "1979-05-27",
    "'''\n'''",
    "",
];

/// Things that lie in the folder, or don't.
const PATHS: [&[u8]; 20] = [
    b"runs/small",
    b"runs/small",
    b"small.tar.zst",
    b"study.toml",
    b"other.toml",
    b"reviews.json",
    b"sources.toml",
    b"runs",
    b"runs/small",
    b"runs/small/study.json",
    b"runs/small/fake-rnn-base-s1",
    b"small.tar.zst",
    b"nowhere",
    b"nowhere/at/all",
    b"study.toml/x",
    b"",
    b".",
    b"/dev/null",
    b"o\xff",
    b"a name\nwith a line",
];

const VERBS: [&str; 30] = [
    "run",
    "run",
    "run",
    "run",
    "run",
    "run",
    "run",
    "run",
    "data",
    "data",
    "lockstep",
    "lockstep",
    "list",
    "show",
    "diff",
    "report",
    "pack",
    "unpack",
    "check",
    "clean",
    "claims",
    "audit",
    "diagnose",
    "knobs",
    "backends",
    "run-one",
    "completions",
    "manual",
    "help",
    "no-such-verb",
];

/// Options of the verb, some more often than others.
fn options_of(verb: &str) -> &'static [&'static str] {
    match verb {
        "run" => &[
            "--set",
            "--set",
            "--set",
            "--only",
            "--jobs",
            "--deadline",
            "--out",
            "--backend",
            "--archive",
            "--json",
            "--tensorboard",
            "--data-dir",
        ],
        "data" => &["--set", "--set", "--max-length", "--json", "--data-dir"],
        "lockstep" => &[
            "--set",
            "--set-a",
            "--set-b",
            "--cell",
            "--seed",
            "--division",
            "--matched-to",
            "--variant",
            "--weights-every",
            "--floor",
            "--json",
            "--out",
            "--force",
            "--deadline",
        ],
        "report" => &["--out", "--claims", "--beside", "--audit", "--tensorboard"],
        "claims" => &["--claims", "--json"],
        "clean" => &["--yes", "--json"],
        "run-one" => &["--cores"],
        "knobs" => &["--page", "--json"],
        "list" | "show" | "diff" | "check" | "audit" | "diagnose" | "backends" => &["--json"],
        _ => &[],
    }
}

/// Options without a value.
const SWITCHES: [&str; 6] = ["--json", "--tensorboard", "--floor", "--force", "--yes", "--page"];

/// splitmix64.
struct Draw(u64);

impl Draw {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, most: usize) -> usize {
        usize::try_from(self.next() % most as u64).unwrap()
    }

    fn one<'a, T: ?Sized>(&mut self, of: &[&'a T]) -> &'a T {
        of[self.below(of.len())]
    }

    /// A name that a setting has, or nearly.
    fn key(&mut self) -> String {
        const OTHERS: [&str; 12] = [
            "name",
            "title",
            "division",
            "backends",
            "cells",
            "seeds",
            "data.train",
            "data.seed",
            "data.vocabulary_size",
            "matched_to",
            "epochs.",
            "x.y.z",
        ];
        let knobs: Vec<&str> = all().map(|knob| knob.name).collect();
        let key = if self.below(3) == 0 { self.one(&OTHERS) } else { self.one(&knobs) };
        key.to_owned()
    }

    /// The small study with up to four things that are other.
    fn study(&mut self) -> Vec<u8> {
        let mut lines: Vec<String> = small_study(&["fake"], &["rnn"]).lines().map(str::to_owned).collect();
        for _ in 0..self.below(5) {
            let at = self.below(lines.len());
            match self.below(8) {
                0 => drop(lines.remove(at)),
                1 => lines.insert(at, lines[at].clone()),
                2 => lines.insert(at, format!("{} = {}", self.key(), self.one(&VALUES))),
                3 => lines.push(format!("{} = {}", self.key(), self.one(&VALUES))),
                4 => lines.push(format!(
                    "[[variant]]\nname = {}\n{} = {}",
                    self.one(&VALUES),
                    self.key(),
                    self.one(&VALUES)
                )),
                5 => lines.push(format!(
                    "[backend.{}]\n{} = {}",
                    self.one(&["fake", "x", "\"\""]),
                    self.key(),
                    self.one(&VALUES)
                )),
                _ => {
                    let key = lines[at].split('=').next().unwrap_or_default().to_owned();
                    lines[at] = format!("{key}= {}", self.one(&VALUES));
                }
            }
        }
        let mut bytes = lines.join("\n").into_bytes();
        match self.below(20) {
            0 => bytes.truncate(self.below(bytes.len())),
            1 => {
                let at = self.below(bytes.len());
                bytes[at] = u8::try_from(self.below(256)).unwrap();
            }
            2 => bytes.extend(std::iter::repeat_n(b'[', 10_000)),
            _ => {}
        }
        bytes
    }

    fn path(&mut self) -> OsString {
        let paths: Vec<&[u8]> = PATHS.to_vec();
        OsStr::from_bytes(self.one(&paths)).to_owned()
    }

    /// A value for an option: what belongs there, or anything.
    fn value(&mut self, option: &str) -> OsString {
        let what = if self.below(10) == 0 { "" } else { option };
        match what {
            "--set" | "--set-a" | "--set-b" => OsString::from(format!("{}={}", self.key(), self.one(&VALUES))),
            "--backend" => {
                OsString::from(format!("fake={}", self.one(&["./study-backend-fake", "nowhere", "", "/dev/null"])))
            }
            "--out" | "--archive" | "--claims" | "--beside" | "--audit" | "--data-dir" => self.path(),
            "--only" | "--variant" | "--matched-to" => {
                OsString::from(self.one(&["fake", "rnn", "base", "s1", "x", ""]))
            }
            "--cell" => OsString::from(self.one(&["rnn", "lstm", "gru"])),
            "--division" => OsString::from(self.one(&["native", "matched"])),
            _ => OsString::from(self.one(&VALUES).trim_matches('"')),
        }
    }

    fn arguments(&mut self) -> Vec<OsString> {
        let verb = self.one(&VERBS);
        let mut arguments = vec![OsString::from(verb)];
        match verb {
            // What is trained is the small study alone: any other may take as long as it asks for.
            "run" => arguments.extend(["other.toml", "--dry-run", "--from", "reviews.json"].map(Into::into)),
            "lockstep" => {
                let study = self.one(&["study.toml", "other.toml"]);
                arguments.extend(
                    ["fake", "fake", "--steps", "2", "--from", "reviews.json", "--study", study].map(Into::into),
                );
            }
            "data" => arguments.extend(["--study", "other.toml", "--from", "reviews.json"].map(Into::into)),
            // Not the bundled ones, some of which load a framework.
            "backends" | "knobs" => arguments.push("fake".into()),
            "completions" | "manual" | "help" => {}
            "diff" | "pack" | "unpack" => arguments.extend([self.path(), self.path()]),
            _ => arguments.push(self.path()),
        }
        for _ in 0..self.below(4) {
            let Some(option) = options_of(verb).get(self.below(options_of(verb).len().max(1))) else { break };
            if arguments.iter().any(|own| own == option) && !option.starts_with("--set") {
                continue;
            }
            arguments.push(option.into());
            // Now and then one too many, or too few.
            if SWITCHES.contains(option) == (self.below(20) == 0) {
                arguments.push(self.value(option));
            }
        }
        arguments
    }
}

/// A folder with a finished study and its archive, from which no corpus can be fetched.
fn folder() -> Bench {
    let bench = Bench::new(&small_study(&["fake"], &["rnn"]));
    let sources = fs::read_to_string(bench.path("sources.toml")).unwrap();
    let offline = sources
        .replace("\"npm\", package", "\"no-such-client\", package")
        .replace("https://ai.stanford.edu", "http://127.0.0.1:1");
    assert!(!offline.contains("stanford.edu") && offline.contains("no-such-client"));
    fs::write(bench.path("sources.toml"), offline).unwrap();
    assert!(bench.run(&["fake"], &[]).output().unwrap().status.success());
    assert!(bench.study(&[]).args(["pack", "runs/small", "small.tar.zst"]).output().unwrap().status.success());
    bench
}

/// How this command ended, and what is wrong with that, if anything is.
fn complaint(command: &mut Command, bench: &Bench) -> (Option<i32>, Option<String>) {
    let (out, err) = (bench.path("said.out"), bench.path("said.err"));
    let file = |path| fs::File::create(path).unwrap();
    let mut child = command.stdin(Stdio::null()).stdout(file(&out)).stderr(file(&err)).spawn().unwrap();
    let start = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if start.elapsed() > LIMIT {
            child.kill().unwrap();
            child.wait().unwrap();
            return (None, Some("it did not end".into()));
        }
        thread::sleep(Duration::from_millis(2));
    };
    let said = String::from_utf8_lossy(&fs::read(&err).unwrap()).into_owned();
    let sizes = [&out, &err].map(|path| fs::metadata(path).unwrap().len());
    let complaint = match status.code() {
        None => Some(format!("signal {:?}: {said}", status.signal())),
        Some(code) if !CODES.contains(&code) => Some(format!("exit code {code}: {said}")),
        // A refusal is told.
        Some(1) if said.is_empty() => Some("exit code 1 without a word".into()),
        _ if said.contains("panicked") => Some(said),
        _ if sizes.iter().any(|bytes| *bytes > 4 << 20) => Some(format!("{sizes:?} bytes were said")),
        _ => None,
    };
    (status.code(), complaint)
}

#[test]
fn a_thousand_random_studies_and_argument_lists_are_done_or_refused() {
    let of = |first: u64| -> (Vec<String>, Vec<Option<i32>>) {
        let bench = folder();
        let (mut wrong, mut codes) = (Vec::new(), Vec::new());
        for case in (first..CASES).step_by(usize::try_from(THREADS).unwrap()) {
            let mut draw = Draw(case << 32);
            let study = draw.study();
            fs::write(bench.path("other.toml"), &study).unwrap();
            let arguments = draw.arguments();
            let (code, found) = complaint(bench.study(&["fake"]).args(&arguments), &bench);
            let text = || String::from_utf8_lossy(&study).into_owned();
            wrong.extend(found.map(|found| format!("case {case}: study {arguments:?}: {found}\n{}", text())));
            codes.push(code);
        }
        (wrong, codes)
    };
    let (wrong, codes): (Vec<_>, Vec<_>) = thread::scope(|scope| {
        let own: Vec<_> = (0..THREADS).map(|first| scope.spawn(move || of(first))).collect();
        own.into_iter().map(|own| own.join().unwrap()).unzip()
    });
    let (wrong, codes) = (wrong.concat(), codes.concat());
    assert!(wrong.is_empty(), "{} of {CASES}:\n{}", wrong.len(), wrong.join("\n"));
    // Enough of them get past the parser of arguments, and enough are done.
    let ended = |code: i32| codes.iter().filter(|own| **own == Some(code)).count();
    assert!(
        ended(0) > 150 && ended(1) > 300 && ended(2) > 20,
        "{} done, {} refused, {} wrong",
        ended(0),
        ended(1),
        ended(2)
    );
}
