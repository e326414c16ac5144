//! Everything that can go wrong, at random and a lot of it. A little of each part is tried with the other tests; `just torture` tries much more, and prints
//! the table.

mod archives;
mod faults;
mod manners;
mod mutation;
mod records;
mod signals;
mod studies;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use harness::record::{Outcome, load_study};
use harness_text::{Align, Table};
use rustix::process::{Pid, Signal, kill_process};

use crate::support::Bench;

/// The most memory that a process of the harness may hold, in KiB.
const MOST_MEMORY: u64 = 256 << 10;

/// The most bytes that a run's folder may have.
const MOST_BYTES: u64 = 64 << 20;

/// How much is tried.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Scale {
    /// With the other tests: half a minute a part.
    Short,
    /// By `just torture`.
    Long,
}

impl Scale {
    fn of(self, short: usize, long: usize) -> usize {
        let share = || from_environment("STUDY_TORTURE_PERCENT").unwrap_or(100);
        if self == Self::Short { short } else { (long * share() / 100).max(short) }
    }
}

/// What became of one part.
#[derive(Default)]
struct Tally {
    part: &'static str,
    tried: usize,
    survived: usize,
    /// Finished runs that were lost or changed.
    lost: usize,
    /// Panics and aborts of the harness.
    panics: usize,
    /// Processes that outlived the harness.
    orphans: usize,
    /// Directories with which the same command can't go on.
    wedged: usize,
    /// The most memory of a process of the harness, in KiB.
    memory: u64,
    /// The most bytes of a run's folder.
    folder: u64,
    /// What was not as it should be.
    complaints: Vec<String>,
}

impl Tally {
    fn of(part: &'static str) -> Self {
        Self { part, ..Self::default() }
    }

    /// Notes an attempt; it was survived if there is nothing to complain of.
    fn note(&mut self, what: &str, before: usize) {
        self.tried += 1;
        if self.complaints.len() == before {
            self.survived += 1;
        } else {
            self.complaints[before..].iter_mut().for_each(|complaint| *complaint = format!("{what}: {complaint}"));
        }
    }

    /// Takes down how a command of the program ended.
    fn take(&mut self, ended: &Ended) {
        self.memory = self.memory.max(ended.memory);
        if ended.status.is_none() {
            self.wedged += 1;
            self.complaints.push(format!("it did not end: {}", ended.words));
        }
        // The last words of a worker that panics stand there too.
        let own = |line: &str| line.contains("panicked at") && !line.contains("examples/fake_worker");
        let panicked = ended.words.lines().any(own);
        if panicked || ended.status.is_some_and(|status| status.code() == Some(101)) {
            self.panics += 1;
            self.complaints.push(format!("a panic: {}", ended.words));
        }
    }

    fn orphans(&mut self, bench: &Bench) {
        let left = left_behind(bench, Duration::from_millis(2500));
        if !left.is_empty() {
            self.orphans += left.len();
            self.complaints.push(format!("left behind: {left:?}"));
            for pid in left.iter().filter_map(|(pid, _)| Pid::from_raw(*pid)) {
                let _ = kill_process(pid, Signal::KILL);
            }
        }
    }

    /// The sizes of a study's runs, and whether one of them ended with a process of the harness.
    fn runs(&mut self, study: &Path) {
        for run in fs::read_dir(study.join("runs")).into_iter().flatten().flatten() {
            self.folder = self.folder.max(size_of(&run.path()));
        }
        for run in load_study(study).into_iter().flat_map(|results| results.runs) {
            let reason = run.record.and_then(|record| record.outcome.reason()).unwrap_or_default();
            if reason.contains("the run's process exited with code 101")
                || reason.contains("run's process was ended by signal 6")
            {
                self.panics += 1;
                self.complaints.push(format!("{}: {reason}", run.planned.key));
            }
        }
    }

    fn row(&self) -> Vec<String> {
        let counts = [self.tried, self.survived, self.lost, self.panics, self.orphans, self.wedged];
        let sizes = [format!("{} MB", self.memory * 1024 / 1_000_000), format!("{:.1} MB", self.folder as f64 / 1e6)];
        [self.part.to_owned()].into_iter().chain(counts.map(|count| count.to_string())).chain(sizes).collect()
    }

    /// That nothing was lost, nothing fell over, and nothing was left.
    fn check(&self) {
        let shown: Vec<_> = self.complaints.iter().take(5).collect();
        assert!(self.complaints.is_empty(), "{}: {} complaints, e.g. {shown:#?}", self.part, self.complaints.len());
        assert!(self.tried > 0 && self.tried == self.survived);
        assert_eq!((self.lost, self.panics, self.orphans, self.wedged), (0, 0, 0, 0));
        assert!(self.memory < MOST_MEMORY, "{}: the harness held {} KiB", self.part, self.memory);
        assert!(self.folder < MOST_BYTES, "{}: a run's folder has {} bytes", self.part, self.folder);
    }
}

/// How a command of the program ended.
struct Ended {
    /// `None` if it had to be ended.
    status: Option<ExitStatus>,
    /// What it wrote to stderr.
    words: String,
    /// The most memory that it or a run's process held, in KiB.
    memory: u64,
}

impl Ended {
    fn code(&self) -> Option<i32> {
        self.status.and_then(|status| status.code())
    }
}

/// Runs a command of the program to its end, which `disturb` may look for as well, and looks at its memory.
fn watched(bench: &Bench, mut command: Command, mut disturb: impl FnMut(u32)) -> Ended {
    let path = bench.path("words");
    let words = fs::File::create(&path).unwrap();
    let mut child = command.stdout(Stdio::null()).stderr(words).spawn().unwrap();
    let start = Instant::now();
    let mut memory = 0;
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break Some(status);
        }
        memory = memory
            .max(memory_of(child.id()))
            .max(children_of(child.id()).into_iter().map(memory_of).max().unwrap_or(0));
        disturb(child.id());
        if start.elapsed() > Duration::from_secs(600) {
            child.kill().unwrap();
            child.wait().unwrap();
            break None;
        }
        sleep(Duration::from_millis(10));
    };
    let words = String::from_utf8_lossy(&fs::read(&path).unwrap()).into_owned();
    Ended { status, words, memory }
}

/// The most memory that a process of the harness has held, in KiB; 0 for another one.
fn memory_of(process: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let own =
        fs::read_link(format!("/proc/{process}/exe")).is_ok_and(|exe| exe == Path::new(env!("CARGO_BIN_EXE_study")));
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).filter(|_| own);
    line.and_then(|line| line.trim().strip_suffix(" kB")?.parse().ok()).unwrap_or(0)
}

/// The processes that a process has started, whichever of its threads did.
pub(crate) fn children_of(process: u32) -> Vec<u32> {
    let threads = fs::read_dir(format!("/proc/{process}/task")).into_iter().flatten().flatten();
    let lists = threads.map(|thread| fs::read_to_string(thread.path().join("children")).unwrap_or_default());
    lists.flat_map(|list| list.split_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<_>>()).collect()
}

/// Processes that work in a bench's folder once this has passed at most, with what they are.
fn left_behind(bench: &Bench, within: Duration) -> Vec<(i32, String)> {
    let folder = fs::canonicalize(bench.path("")).unwrap();
    let start = Instant::now();
    loop {
        let processes = fs::read_dir("/proc").unwrap().flatten();
        let left: Vec<_> = processes
            .filter_map(|entry| {
                let pid = entry.file_name().to_str()?.parse().ok()?;
                fs::read_link(entry.path().join("cwd")).ok().filter(|cwd| cwd.starts_with(&folder))?;
                let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
                Some((pid, String::from_utf8_lossy(&line).replace('\0', " ")))
            })
            .collect();
        if left.is_empty() || start.elapsed() > within {
            return left;
        }
        sleep(Duration::from_millis(20));
    }
}

fn size_of(path: &Path) -> u64 {
    let below = fs::read_dir(path).into_iter().flatten().flatten().map(|entry| size_of(&entry.path())).sum::<u64>();
    below + fs::symlink_metadata(path).map_or(0, |about| if about.is_file() { about.len() } else { 0 })
}

/// A study of two runs, of which the first has been made: in `template`, for attempts to begin with.
struct HalfDone {
    bench: Bench,
    /// The first run's files, by name.
    first: Vec<(PathBuf, Vec<u8>)>,
    /// What the second run gives.
    second: Vec<Vec<u8>>,
}

impl HalfDone {
    fn of(manner: &'static str, study: &str) -> Self {
        let bench = Bench::new(study);
        let run = |arguments: &[&str]| {
            let output = bench.run(&[manner], arguments).output().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        };
        run(&["--out", "template", "--only", "rnn"]);
        let copied = Command::new("cp").arg("-a").args(["template", "whole"]).current_dir(bench.path("")).status();
        assert!(copied.unwrap().success());
        run(&["--out", "whole"]);
        let mut half = Self { bench, first: Vec::new(), second: Vec::new() };
        half.first = half.files_of("template", "rnn");
        half.second = half.numbers_of("whole", "lstm");
        assert!(half.first.len() > 5 && half.second.len() == 3);
        half
    }

    /// Puts a copy of the half-done study in a folder of this name.
    fn begin(&self, folder: &str) {
        drop(fs::remove_dir_all(self.bench.path(folder)));
        let copied =
            Command::new("cp").arg("-a").arg(self.bench.path("template")).arg(self.bench.path(folder)).status();
        assert!(copied.unwrap().success());
    }

    /// The run of this cell, if it was published.
    fn place(&self, folder: &str, cell: &str) -> Option<PathBuf> {
        let runs = fs::read_dir(self.bench.path(folder).join("runs")).into_iter().flatten().flatten();
        let own = |entry: &fs::DirEntry| {
            let name = entry.file_name().to_string_lossy().into_owned();
            !name.starts_with(['.', 's']) && name.contains(&format!("-{cell}-")) && entry.path().is_dir()
        };
        runs.into_iter().find(own).map(|entry| entry.path())
    }

    fn files_of(&self, folder: &str, cell: &str) -> Vec<(PathBuf, Vec<u8>)> {
        let entries =
            self.place(folder, cell).into_iter().filter_map(|place| fs::read_dir(place).ok()).flatten().flatten();
        let mut files: Vec<_> =
            entries.map(|entry| (entry.file_name().into(), fs::read(entry.path()).unwrap_or_default())).collect();
        files.sort();
        files
    }

    fn numbers_of(&self, folder: &str, cell: &str) -> Vec<Vec<u8>> {
        let names = ["predictions.parquet", "steps.parquet", "weights.safetensors"];
        let own = self.files_of(folder, cell).into_iter();
        own.filter(|(name, _)| names.iter().any(|own| name == Path::new(own))).map(|(_, bytes)| bytes).collect()
    }

    /// The second run, if it has ended well.
    fn done(&self, folder: &str) -> Option<Vec<(PathBuf, Vec<u8>)>> {
        let results = load_study(&self.bench.path(folder)).ok()?;
        let run = results.runs.iter().find(|run| run.planned.key.to_string().contains("-lstm-"))?;
        (run.record.as_ref()?.outcome == Outcome::Completed).then(|| self.files_of(folder, "lstm"))
    }

    /// Whether the runs that had ended are as they were; `second` is what there was of the second one.
    fn kept(&self, folder: &str, second: Option<&Vec<(PathBuf, Vec<u8>)>>, tally: &mut Tally) {
        if self.files_of(folder, "rnn") != self.first {
            tally.lost += 1;
            tally.complaints.push("the finished run is another one".into());
        }
        if second.is_some_and(|second| *second != self.files_of(folder, "lstm")) {
            tally.lost += 1;
            tally.complaints.push("the run that was finished on the way is another one".into());
        }
    }

    /// Does the rest undisturbed, and holds it against a study that nobody disturbed.
    fn finish(&self, manner: &'static str, folder: &str, tally: &mut Tally) {
        let second = self.done(folder);
        let ended = watched(&self.bench, self.bench.run(&[manner], &["--out", folder]), |_| {});
        tally.take(&ended);
        if ended.code() != Some(0) || self.numbers_of(folder, "lstm") != self.second {
            tally.wedged += 1;
            tally.complaints.push(format!("the same command does not do the rest: {:?} {}", ended.status, ended.words));
        }
        self.kept(folder, second.as_ref(), tally);
        tally.runs(&self.bench.path(folder));
    }
}

/// SplitMix64: chance that is the same every time.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let x = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb) >> 32
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next()).unwrap() % bound
    }

    fn one_of<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len())]
    }
}

/// The seed of everything here: that of the recipe, or a fixed one.
fn seed() -> u64 {
    from_environment("STUDY_TORTURE_SEED").unwrap_or(7)
}

fn from_environment<T: std::str::FromStr>(name: &str) -> Option<T> {
    std::env::var(name).ok().and_then(|text| text.parse().ok())
}

/// For `just torture`: every part for long, and the table.
#[test]
#[ignore = "takes long; `just torture`"]
fn table() {
    let parts: [fn(Scale) -> Tally; 8] = [
        signals::signals,
        faults::faults,
        mutation::replies,
        mutation::requests,
        manners::manners,
        records::records,
        archives::archives,
        studies::studies,
    ];
    let words = ["tried", "survived", "finished runs lost or changed", "panics", "orphans", "wedged folders"];
    let sizes = ["most memory of the harness", "largest folder of a run"];
    let columns = [("part", Align::Left)].into_iter();
    let mut table = Table::new(columns.chain(words.into_iter().chain(sizes).map(|name| (name, Align::Right))));
    let tallies: Vec<_> = parts.iter().map(|part| part(Scale::Long)).collect();
    tallies.iter().for_each(|tally| table.push(tally.row()));
    println!("seed {}\n\n{}", seed(), table.to_markdown());
    tallies.iter().for_each(Tally::check);
}
