//! What a report has for a paper, compiled by a real LaTeX.

use std::fs;
use std::process::{Command, Stdio};

use harness::record::Outcome;
use harness::report::{self, Sources, Style};
use tempfile::TempDir;

use super::{Report, fixture, mixed};

/// Compiles a document whose body this is beside the files of a report; what LaTeX wrote, or a word that it is not there.
fn compiled(report: &Report, class: &str, body: &str) -> Option<(TempDir, String)> {
    let there = Command::new("pdflatex").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    if !there.is_ok_and(|status| status.success()) {
        println!("skipped: there is no pdflatex to compile a paper with");
        return None;
    }
    let out = TempDir::new().unwrap();
    let text = format!(
        "\\documentclass[{class}]{{article}}\n\\usepackage{{booktabs,graphicx}}\n\\begin{{document}}\n{body}\n\\end{{document}}\n"
    );
    fs::write(out.path().join("paper.tex"), text).unwrap();
    let run = Command::new("pdflatex")
        .args(["-interaction=nonstopmode", "-halt-on-error", "paper.tex"])
        .env("TEXINPUTS", format!("{}:", report.directory.path().display()))
        .env("TEXMFVAR", out.path())
        .env("max_print_line", "2000")
        .current_dir(out.path())
        .output()
        .unwrap();
    let log = String::from_utf8_lossy(&run.stdout).into_owned();
    assert!(run.status.success(), "{log}");
    Some((out, log))
}

/// Every figure of a report as LaTeX includes it, each on a page.
fn included(report: &Report) -> String {
    let pdfs = report.files.iter().filter(|file| file.extension().is_some_and(|own| own == "pdf"));
    let names = pdfs.map(|file| file.file_name().unwrap().to_string_lossy().into_owned());
    names.map(|name| format!("\\begin{{figure*}}\\centering\\includegraphics{{{name}}}\\caption{{{name}}}\\end{{figure*}}\\clearpage\n")).collect()
}

#[test]
fn the_table_and_every_figure_compile_in_a_paper_of_two_columns() {
    let report = mixed();
    let body = format!("\\input{{results.tex}}\n{}", included(report));
    let Some((out, log)) = compiled(report, "twocolumn,letterpaper", &body) else { return };
    assert!(out.path().join("paper.pdf").metadata().unwrap().len() > 20_000);
    for complaint in ["PDF inclusion", "undefined", "Missing character"] {
        assert!(!log.contains(complaint), "{complaint}: {log}");
    }
}

#[test]
fn text_from_a_record_compiles_whatever_is_in_it() {
    let all: String = ('\u{a1}'..='\u{ff}')
        .chain("’‘“”…—–−±× 評価 😀 \u{202e} \\end{document} \\input{/etc/passwd} $x_^{ % # & ~ | \" `".chars())
        .collect();
    let records = TempDir::new().unwrap();
    let mut results = fixture::study(fixture::mixed_plan(), 400, records.path());
    results.study.title.clone_from(&all);
    for record in results.runs.iter_mut().filter_map(|run| run.record.as_mut()) {
        if let Outcome::Failed { reason, .. } = &mut record.outcome {
            reason.clone_from(&all);
        }
    }
    let report = Report::written(&results);
    compiled(&report, "twocolumn", "\\input{results.tex}");
}

#[test]
fn a_figure_has_the_width_of_its_style_and_embeds_its_fonts() {
    let records = TempDir::new().unwrap();
    let results = fixture::study(fixture::completed_plan(), 400, records.path());
    for (style, wide, narrow) in
        [(Style::OneColumn, 396.0, 252.0), (Style::TwoColumns, 504.0, 252.0), (Style::Slide, 960.0, 504.0)]
    {
        let out = TempDir::new().unwrap();
        report::write(&results, &Sources { style, ..Sources::default() }, out.path()).unwrap();
        for (name, width) in [("learning-curves", wide), ("roc-gru", narrow)] {
            let pdf = fs::read(out.path().join(name).with_extension("pdf")).unwrap();
            let text = String::from_utf8_lossy(&pdf);
            let place: Vec<f64> = text
                .split_once("/MediaBox [")
                .unwrap()
                .1
                .split_once(']')
                .unwrap()
                .0
                .split(' ')
                .map(|own| own.parse().unwrap())
                .collect();
            assert!(
                (place[2] - width).abs() < 1e-6 || (style == Style::Slide && place[3] <= 540.0),
                "{name} as {style:?}: {place:?}"
            );
            assert_eq!(text.matches("/Subtype /CIDFontType2").count(), text.matches("/FontFile2 ").count(), "{name}");
            let svg = fs::read_to_string(out.path().join(name).with_extension("svg")).unwrap();
            assert!(svg.starts_with(&format!("<svg width=\"{:.1}pt\"", place[2])), "{name}: {}", &svg[..60]);
        }
    }
}
