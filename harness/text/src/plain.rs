//! Text from elsewhere, made fit to be read: what a terminal would act on is shown, not done.

use std::borrow::Cow;

/// One line: control characters (line ends among them), direction marks and characters without width are written as Rust writes
/// them in a literal, e.g. `\u{1b}`.
#[must_use]
pub fn plain(text: &str) -> Cow<'_, str> {
    escaped(text, |_| false)
}

/// As [`plain`], but lines end where they ended.
#[must_use]
pub fn plain_lines(text: &str) -> Cow<'_, str> {
    escaped(text, |c| c == '\n')
}

/// The beginning of a text, of at most so many bytes, with ` ...` where something is left out.
#[must_use]
pub fn beginning(text: &str, most: usize) -> Cow<'_, str> {
    if text.len() <= most {
        return Cow::Borrowed(text);
    }
    let end = (0..=most).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0);
    Cow::Owned(format!("{} ...", &text[..end]))
}

/// One line for a Markdown document, in which Markdown and HTML see no sign of theirs but code spans and emphasis: no link, no image, no element.
#[must_use]
pub fn inline(text: &str) -> String {
    text.split_whitespace().map(no_address).collect::<Vec<_>>().join(" ").replace('<', "&lt;").replace("](", "]\\(")
}

/// A word that is no link: GitHub makes links of addresses without any sign. An `@` on its own is none.
fn no_address(word: &str) -> Cow<'_, str> {
    if word == "@" {
        return Cow::Borrowed(word);
    }
    let signs = [("://", ":&#47;&#47;"), ("www.", "www&#46;"), ("WWW.", "WWW&#46;"), ("@", "&#64;")];
    signs.into_iter().fold(Cow::Borrowed(word), |word, (sign, written)| match word.contains(sign) {
        true => Cow::Owned(word.replace(sign, written)),
        false => word,
    })
}

fn escaped(text: &str, stays: impl Fn(char) -> bool) -> Cow<'_, str> {
    let acts = |c: char| (c.is_control() || is_mark(c)) && !stays(c);
    if !text.contains(acts) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '\n' | '\r' | '\t' | '\0' if acts(c) => shown.extend(c.escape_debug()),
            _ if acts(c) => shown.extend(c.escape_unicode()),
            _ => shown.push(c),
        }
    }
    Cow::Owned(shown)
}

/// Characters that can't be seen and change how others are: separators of lines, marks of direction, joiners, tags.
const fn is_mark(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_acts_on_is_shown() {
        assert_eq!(plain("\x1b[2J\x07\0\u{202e}txt.exe\u{9b}1m"), "\\u{1b}[2J\\u{7}\\0\\u{202e}txt.exe\\u{9b}1m");
        assert_eq!(plain("a\r\nb\tc"), "a\\r\\nb\\tc");
        assert_eq!(plain_lines("a\r\nb"), "a\\r\nb");
    }

    #[test]
    fn what_people_write_stays_as_it_is() {
        for text in ["", "libtorch 2.13.0+cpu", "größer als 5 µs – „so“", "評価 😀 \\u{1b}"] {
            assert!(matches!(plain(text), Cow::Borrowed(same) if same == text), "{text}");
        }
    }

    #[test]
    fn nothing_in_a_line_of_markdown_leads_anywhere() {
        assert_eq!(inline("[a](b) ![c](d)\n<e> [f]\\(g)"), "[a]\\(b) ![c]\\(d) &lt;e> [f]\\(g)");
        assert_eq!(inline("http://x www.y z@w.org"), "http:&#47;&#47;x www&#46;y z&#64;w.org");
        for text in ["`[batch, time]` in (0, 1] *and* 50 %", "libtorch 2.13.0+cpu, a_b", "CPU @ 2.50GHz"] {
            assert_eq!(inline(text), text);
        }
    }

    #[test]
    fn a_beginning_ends_between_characters() {
        assert_eq!(beginning("short", 5), "short");
        assert_eq!(beginning("äöü", 3), "ä ...");
    }
}
