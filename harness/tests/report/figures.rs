//! What the figures show, read from their SVG.

use std::fs::{self, File};
use std::io::BufReader;
use std::path::Path;

use harness::contract::CellKind;

use super::fixture::Fate;
use super::{Report, ablation, fixture, mixed};

/// Okabe and Ito's blue and vermilion, the colours of the first two backends.
pub(crate) const FIRST: &str = "#0072B2";
const SECOND: &str = "#D55E00";

/// Every text of an SVG in the order in which it is drawn.
pub(crate) fn labels(svg: &str) -> Vec<&str> {
    svg.split("<text ")
        .skip(1)
        .map(|rest| rest.split_once('>').unwrap().1.split_once("</text>").unwrap().0.trim())
        .collect()
}

/// Lines of a colour that have at least so many points, solid or dashed.
pub(crate) fn curves(svg: &str, color: &str, points: usize, dashed: bool) -> usize {
    let own = |line: &&str| line.starts_with("<polyline") && line.contains(&format!("stroke=\"{color}\""));
    let lines = svg.lines().filter(own).filter(|line| line.contains("stroke-dasharray") == dashed);
    lines.filter(|line| line.matches(',').count() >= points).count()
}

#[test]
fn roc_panels_have_a_curve_or_say_why_not() {
    let svg = mixed().text("roc-panel.svg");
    insta::assert_snapshot!(labels(&svg).join("\n"));
    assert_eq!(curves(&svg, FIRST, 20, false), 3, "one curve for each completed run");
    assert_eq!(curves(&svg, SECOND, 3, true), 0);
}

#[test]
fn a_cell_shows_both_frameworks() {
    let report = Report::of(fixture::completed_plan(), 2_000);
    let svg = report.text("roc-lstm.svg");
    insta::assert_snapshot!(labels(&svg).join("\n"));
    assert_eq!(curves(&svg, FIRST, 20, false), 1);
    assert_eq!(curves(&svg, SECOND, 20, true), 1, "the second backend is dashed");
}

#[test]
fn learning_curves_show_every_epoch_and_where_a_run_stopped() {
    let svg = mixed().text("learning-curves.svg");
    insta::assert_snapshot!(labels(&svg).join("\n"));
    // Validation loss and accuracy of three completed runs of ten epochs, and of one that stopped after six.
    assert_eq!(curves(&svg, FIRST, 10, false), 6);
    assert_eq!(curves(&svg, SECOND, 6, false), 2);
    // And training loss, dashed.
    assert_eq!((curves(&svg, FIRST, 10, true), curves(&svg, SECOND, 6, true)), (3, 1));
}

#[test]
fn score_histograms_have_a_panel_for_every_run() {
    insta::assert_snapshot!(labels(&mixed().text("scores.svg")).join("\n"));
}

#[test]
fn gradient_norms_show_where_clipping_begins() {
    insta::assert_snapshot!(labels(&mixed().text("gradient-norms.svg")).join("\n"));
}

#[test]
fn seconds_have_a_bar_for_every_backend_and_cell() {
    insta::assert_snapshot!(labels(&mixed().text("seconds-per-epoch.svg")).join("\n"));
}

/// Paths of a report's files with this extension.
fn files<'r>(report: &'r Report, extension: &str) -> impl Iterator<Item = &'r Path> {
    report.files.iter().map(|file| file.as_path()).filter(move |file| file.extension().unwrap() == extension)
}

#[test]
fn every_svg_is_small_self_contained_and_of_printed_size() {
    for report in [mixed(), ablation()] {
        for file in files(report, "svg") {
            let svg = fs::read_to_string(file).unwrap();
            let name = file.display();
            assert!(svg.len() < 200_000, "{name} has {} bytes", svg.len());
            let width: f64 = svg.split('"').nth(1).unwrap().trim_end_matches("pt").parse().unwrap();
            assert!([252.0, 504.0].contains(&width), "{name} is {width} pt wide");
            assert!(svg.contains("Arial, Helvetica, sans-serif") && svg.contains("<title>"), "{name}");
            assert!(!svg.contains("href"), "{name} needs another file");
            // Ten units are a point, and all text has nine of them.
            let sizes: Vec<_> =
                svg.match_indices("font-size=\"").map(|(at, key)| &svg[at + key.len()..][..3]).collect();
            assert!(sizes.iter().all(|size| *size == "90\""), "{name}: {sizes:?}");
        }
    }
}

#[test]
fn every_png_has_300_dots_an_inch_and_is_the_size_of_its_svg() {
    for file in files(mixed(), "png") {
        let reader = png::Decoder::new(BufReader::new(File::open(file).unwrap())).read_info().unwrap();
        let info = reader.info();
        assert_eq!(info.pixel_dims.unwrap().xppu, 11_811, "{}", file.display());
        let svg = fs::read_to_string(file.with_extension("svg")).unwrap();
        let size: Vec<f64> =
            [1, 3].map(|place| svg.split('"').nth(place).unwrap().trim_end_matches("pt").parse().unwrap()).into();
        let pixels = [f64::from(info.width), f64::from(info.height)];
        for (points, pixels) in size.iter().zip(pixels) {
            assert!((points * 300.0 / 72.0 - pixels).abs() <= 1.0, "{}: {points} pt, {pixels} px", file.display());
        }
    }
}

/// A text of a figure and the box that it fills, in tenths of a point.
struct Placed<'s> {
    label: &'s str,
    left: f64,
    right: f64,
    top: f64,
    bottom: f64,
}

/// Every text with its place. Half an em is about the mean width of a character of Arial.
fn placed(svg: &str) -> Vec<Placed<'_>> {
    let place = |text: &'_ str| -> (f64, f64, f64, f64) {
        let value = |key: &str| text.split_once(&format!("{key}=\"")).unwrap().1.split_once('"').unwrap().0;
        let (x, y): (f64, f64) = (value("x").parse().unwrap(), value("y").parse().unwrap());
        let label = text.split_once('>').unwrap().1.split_once("</text>").unwrap().0.trim();
        let length = 0.5 * 90.0 * label.chars().count() as f64;
        let (from, to) = match value("text-anchor") {
            "start" => (0.0, length),
            "end" => (-length, 0.0),
            _ => (-length / 2.0, length / 2.0),
        };
        match text.split_once('>').unwrap().0.contains("rotate(270") {
            true => (x - 65.0, x, y - to, y - from),
            false => (x + from, x + to, y - 65.0, y),
        }
    };
    let texts = svg.split("<text ").skip(1).zip(labels(svg));
    let with_box = |(text, label)| {
        let (left, right, top, bottom) = place(text);
        Placed { label, left, right, top, bottom }
    };
    texts.map(with_box).collect()
}

/// A study whose variants are each for some cells alone, as many as make panels low.
fn sparse() -> Report {
    let mut plan = Vec::new();
    for (variant, cells) in [
        ("few-units", &[CellKind::Lstm][..]),
        ("base", &CellKind::ALL),
        ("as-base-but-for-a-gru", &[CellKind::Gru]),
        ("masked", &[CellKind::Rnn]),
        ("end-orthogonal-per-gate", &[CellKind::Lstm]),
        ("end-clip", &[CellKind::Lstm]),
        ("end-all", &[CellKind::Lstm, CellKind::Gru]),
    ] {
        for cell in cells {
            for backend in ["libtorch", "tensorflow"] {
                plan.extend((1..=2).map(|seed| (backend, *cell, variant, seed, Fate::Completes { auc: 0.8 })));
            }
        }
    }
    Report::of(plan, 200)
}

#[test]
fn no_label_leaves_the_figure() {
    for report in [mixed(), ablation(), &sparse()] {
        for file in files(report, "svg") {
            let svg = fs::read_to_string(file).unwrap();
            let [width, height] = [1, 3]
                .map(|place| 10.0 * svg.split('"').nth(place).unwrap().trim_end_matches("pt").parse::<f64>().unwrap());
            for Placed { label, left, right, top, bottom } in placed(&svg) {
                let within = left > -20.0 && right < width + 20.0 && top > -20.0 && bottom < height + 20.0;
                assert!(within, "{}: {label} from {left}, {top} to {right}, {bottom}", file.display());
            }
        }
    }
}

#[test]
fn no_label_lies_on_another() {
    for report in [mixed(), ablation(), &sparse()] {
        for file in files(report, "svg") {
            let svg = fs::read_to_string(file).unwrap();
            let all = placed(&svg);
            for (place, one) in all.iter().enumerate() {
                // Widths are estimated: a little is allowed.
                let meets = |other: &&Placed<'_>| {
                    one.left + 30.0 < other.right
                        && other.left + 30.0 < one.right
                        && one.top + 5.0 < other.bottom
                        && other.top + 5.0 < one.bottom
                };
                if let Some(other) = all[place + 1..].iter().find(meets) {
                    panic!("{}: {:?} lies on {:?}", file.display(), one.label, other.label);
                }
            }
        }
    }
}

#[test]
fn a_cell_that_the_first_variant_has_not_is_named_and_figures_of_one_variant_have_its_cells_alone() {
    let report = sparse();
    let panel = report.text("roc-panel.svg");
    for title in ["SimpleRNN", "LSTM", "GRU"] {
        assert!(labels(&panel).contains(&title), "{title} is missing: {:?}", labels(&panel));
    }
    let of_one = report.text("learning-curves-end-clip.svg");
    assert!(labels(&of_one).contains(&"LSTM") && !labels(&of_one).contains(&"GRU"), "{:?}", labels(&of_one));
    assert!(!labels(&of_one).contains(&"no finished epoch"));
}

#[test]
fn many_panels_are_split_into_pages() {
    let names: Vec<_> = files(ablation(), "svg").map(|file| file.file_name().unwrap().to_str().unwrap()).collect();
    for name in ["roc-panel.svg", "scores-1.svg", "learning-curves-front-padding.svg"] {
        assert!(names.contains(&name), "{names:?}");
    }
    for file in files(ablation(), "svg") {
        let svg = fs::read_to_string(file).unwrap();
        let height: f64 = svg.split('"').nth(3).unwrap().trim_end_matches("pt").parse().unwrap();
        assert!(height <= 660.0, "{} is {height} pt high, more than a page holds", file.display());
    }
}
