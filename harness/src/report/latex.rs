//! The results table as LaTeX.

use polars::prelude::DataFrame;

use super::overview::Overview;
use super::sections::results::{name_headers, number_columns, result_rows};

/// The results table as a float with rules of `booktabs`; a run that did not complete says why across its row.
pub(super) fn results(overview: &Overview<'_>, frame: &DataFrame) -> String {
    let study = &overview.results.study;
    let names = name_headers(overview);
    let numbers = number_columns();
    let caption = if study.demonstration {
        format!("{} Demonstration size: these figures stand for nothing.", sentence(&escape(&study.title)))
    } else {
        sentence(&escape(&study.title))
    };
    let mut text = String::from("% Needs \\usepackage{booktabs}.\n\\begin{table*}\n  \\centering\n");
    text.push_str(&format!("  \\caption{{{caption}}}\n  \\label{{tab:{}}}\n", label(&study.name)));
    text.push_str("  \\small\n  \\setlength{\\tabcolsep}{4.5pt}\n");
    text.push_str(&format!("  \\begin{{tabular}}{{{}{}}}\n", "l".repeat(names.len()), "r".repeat(numbers.len())));
    text.push_str("    \\toprule\n");
    let headers: Vec<_> = names
        .iter()
        .map(|name| capitalised(name))
        .chain(numbers.iter().map(|column| column.latex.to_owned()))
        .collect();
    text.push_str(&format!("    {} \\\\\n    \\midrule\n", headers.join(" & ")));
    for row in result_rows(overview, frame) {
        let mut cells: Vec<_> = row.names.iter().map(|name| escape(name)).collect();
        if row.outcome == "completed" {
            cells.extend(row.numbers.iter().map(|number| escape(number)));
        } else {
            let why = row.reason.map_or_else(String::new, |reason| format!(": {}", escape(&reason)));
            let span = numbers.len();
            cells.push(format!("\\multicolumn{{{span}}}{{p{{0.6\\linewidth}}}}{{\\emph{{{}}}{why}}}", row.outcome));
        }
        text.push_str(&format!("    {} \\\\\n", cells.join(" & ")));
    }
    text.push_str("    \\bottomrule\n  \\end{tabular}\n\\end{table*}\n");
    text
}

/// Text in which LaTeX sees no command, on one line.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.split_whitespace().collect::<Vec<_>>().join(" ").chars() {
        match character {
            '\\' => escaped.push_str("\\textbackslash{}"),
            '~' => escaped.push_str("\\textasciitilde{}"),
            '^' => escaped.push_str("\\textasciicircum{}"),
            '<' => escaped.push_str("\\textless{}"),
            '>' => escaped.push_str("\\textgreater{}"),
            '|' => escaped.push_str("\\textbar{}"),
            '"' => escaped.push_str("''"),
            '`' => escaped.push_str("\\textasciigrave{}"),
            '–' => escaped.push_str("--"),
            '−' => escaped.push_str("$-$"),
            '±' => escaped.push_str("$\\pm$"),
            '×' => escaped.push_str("$\\times$"),
            '&' | '%' | '$' | '#' | '_' | '{' | '}' => escaped.extend(['\\', character]),
            // What LaTeX's own fonts lack would stop it.
            other if (other.is_ascii() && !other.is_control()) || known(other) => escaped.push(other),
            other => escaped.push_str(&format!("U+{:04X}", u32::from(other))),
        }
    }
    escaped
}

/// Whether LaTeX sets a character without a package: letters of Latin-1 with their accents, and usual signs.
fn known(c: char) -> bool {
    match c {
        '\u{d0}' | '\u{de}' | '\u{f0}' | '\u{fe}' | '\u{ab}' | '\u{bb}' | '\u{ad}' => false,
        '\u{a1}'..='\u{ff}' | '’' | '‘' | '“' | '”' | '…' | '—' => true,
        _ => false,
    }
}

fn capitalised(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

fn sentence(text: &str) -> String {
    if text.ends_with(['.', '?', '!']) { text.to_owned() } else { format!("{text}.") }
}

/// A name that `\label` takes.
fn label(name: &str) -> String {
    name.chars().map(|character| if character.is_ascii_alphanumeric() { character } else { '-' }).collect()
}

#[cfg(test)]
mod tests {
    use super::escape;

    #[test]
    fn every_special_character_is_escaped() {
        assert_eq!(
            escape("50 % of a_b & {c} #1 $x^2$ ~\\end"),
            "50 \\% of a\\_b \\& \\{c\\} \\#1 \\$x\\textasciicircum{}2\\$ \\textasciitilde{}\\textbackslash{}end"
        );
        assert_eq!(escape("a\nb"), "a b");
        assert_eq!(escape("größer µ 評\u{7}"), "größer µ U+8A55U+0007");
        assert_eq!(escape("1 < 2 > 0 – −1 ± 2"), "1 \\textless{} 2 \\textgreater{} 0 -- $-$1 $\\pm$ 2");
    }
}
