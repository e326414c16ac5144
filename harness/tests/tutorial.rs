//! Follows `TUTORIAL.md` as a reader would: writes its files, runs its commands with the real backends, and looks for what it shows.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use tempfile::TempDir;

/// A fenced block of the page.
#[derive(Debug)]
enum Block {
    /// A file with its name, put after what is there where the page says `+`.
    File { name: String, more: bool, text: String },
    /// Commands of a shell.
    Commands(String),
    /// Commands that need LaTeX.
    Latex(String),
    /// Lines of what the last commands print; `...` stands for others.
    Printed(String),
}

fn blocks(page: &str) -> Vec<Block> {
    let mut found = Vec::new();
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        let Some(info) = line.strip_prefix("```") else { continue };
        let text: String = lines.by_ref().take_while(|line| *line != "```").map(|line| format!("{line}\n")).collect();
        let words: Vec<_> = info.split(' ').collect();
        found.push(match words[..] {
            ["sh"] => Block::Commands(text),
            ["latex"] => Block::Latex(text),
            ["text"] => Block::Printed(text),
            [_, name] => Block::File { name: name.to_owned(), more: false, text },
            [_, name, "+"] => Block::File { name: name.to_owned(), more: true, text },
            _ => panic!("a block of {info:?} is neither a file nor commands nor what they print"),
        });
    }
    found
}

/// A line without what differs from machine to machine: digits, and the width of columns.
fn plain(line: &str) -> String {
    let mut text = String::new();
    for c in line.chars().map(|c| if c.is_ascii_digit() { '#' } else { c }) {
        if !(c == '#' || c == ' ') || !text.ends_with(c) {
            text.push(c);
        }
    }
    text.trim().to_owned()
}

/// What commands print, standard error after standard output.
fn run(commands: &str, folder: &Path, programs: &Path) -> String {
    let path = std::env::var("PATH").unwrap();
    let output = Command::new("bash")
        .args(["-euo", "pipefail", "-c", commands])
        .current_dir(folder)
        .env("PATH", format!("{}:{path}", programs.display()))
        .env("STUDY_DATA_DIR", folder.join("data"))
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    assert!(output.status.success(), "{commands}\n{text}");
    text
}

#[test]
fn the_tutorial_does_what_it_says() {
    let programs = Path::new(env!("CARGO_BIN_EXE_study")).parent().unwrap();
    for name in ["study-backend-libtorch", "study-backend-tensorflow"] {
        if !programs.join(name).is_file() {
            println!("skipped: {name} is not built; `cargo test --release --workspace` builds it");
            return;
        }
    }
    let latex = Command::new("pdflatex").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    let latex = latex.is_ok_and(|status| status.success());
    let folder = TempDir::new().unwrap();
    let mut printed = String::new();
    for block in blocks(include_str!("../TUTORIAL.md")) {
        match block {
            Block::File { name, more, text } => {
                let path = folder.path().join(name);
                let before = if more { fs::read_to_string(&path).unwrap() } else { String::new() };
                fs::write(path, format!("{before}{text}")).unwrap();
            }
            Block::Latex(_) if !latex => println!("not seen: the paper, for there is no pdflatex"),
            Block::Commands(commands) | Block::Latex(commands) => printed = run(&commands, folder.path(), programs),
            Block::Printed(shown) => {
                let lines: Vec<_> = printed.lines().map(plain).collect();
                for line in shown.lines().filter(|line| *line != "...") {
                    assert!(lines.iter().any(|own| own.contains(&plain(line))), "{line}\nis not in\n{printed}");
                }
            }
        }
    }
}
