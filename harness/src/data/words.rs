//! From a review's text to its words.
//!
//! A line break tag becomes a space, letters become lowercase, and the text is cut at white space and
//! at the punctuation that Keras' `Tokenizer` filters by default; apostrophes stay in their words.
//! The rule is written down twice: as the normalizer and pre-tokenizer of a `tokenizers`
//! library pipeline, which goes into `tokenizer.json` for whoever wants to read text with a trained
//! model, and as a plain loop, which is several times faster because it keeps no offsets into the
//! original text. A test holds the two against each other.

use tokenizers::normalizers::{Lowercase, Replace, Sequence};
use tokenizers::pre_tokenizers::split::{Split, SplitPattern};
use tokenizers::tokenizer::{Result, SplitDelimiterBehavior};

/// The tag that separates paragraphs in the corpus.
const LINE_BREAK: &str = "<br />";

/// The punctuation that Keras' `Tokenizer` filters by default. Its tab and line feed are white space.
const FILTERED: &str = "!\"#$%&()*+,-./:;<=>?@[\\]^_`{|}~";

/// [`FILTERED`] and white space as a regular expression.
const SEPARATORS: &str = r##"[\s!"#$%&()*+,\-./:;<=>?@\[\\\]^_`{|}~]+"##;

/// Calls `visit` with every word of `text`, in order. `buffer` only saves allocations.
pub(super) fn for_each_word(text: &str, buffer: &mut String, mut visit: impl FnMut(&str)) {
    buffer.clear();
    for (index, part) in text.split(LINE_BREAK).enumerate() {
        if index > 0 {
            buffer.push(' ');
        }
        // Letter by letter, as the library does; `str::to_lowercase` looks at neighbours for the
        // Greek final sigma.
        buffer.extend(part.chars().flat_map(char::to_lowercase));
    }
    let separates = |c: char| c.is_whitespace() || (c.is_ascii() && FILTERED.contains(c));
    buffer.split(separates).filter(|word| !word.is_empty()).for_each(&mut visit);
}

/// The first half of [`for_each_word`] as the library writes it down.
pub(super) fn normalizer() -> Result<Sequence> {
    Ok(Sequence::new(vec![Replace::new(LINE_BREAK, " ")?.into(), Lowercase.into()]))
}

/// The second half of [`for_each_word`] as the library writes it down.
pub(super) fn pre_tokenizer() -> Result<Split> {
    let pattern = SplitPattern::Regex(SEPARATORS.to_owned());
    Split::new(pattern, SplitDelimiterBehavior::Removed, false)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tokenizers::tokenizer::{
        NormalizedString, Normalizer, OffsetReferential, OffsetType, PreTokenizedString, PreTokenizer,
    };

    use super::{for_each_word, normalizer, pre_tokenizer};

    fn words(text: &str) -> Vec<String> {
        let mut found = Vec::new();
        for_each_word(text, &mut String::new(), |word| found.push(word.to_owned()));
        found
    }

    #[test]
    fn line_breaks_punctuation_and_white_space_separate_and_apostrophes_do_not() {
        let text = "It's GREAT,<br /><br />isn't it?\tYes--very_much.\u{a0}\u{85}Caf\u{c9} 10/10 'quoted'";
        let expected = "it's great isn't it yes very much caf\u{e9} 10 10 'quoted'";
        assert_eq!(words(text), expected.split(' ').collect::<Vec<_>>());
    }

    #[test]
    fn a_text_of_separators_has_no_words() {
        assert!(words(" <br /> ... \n").is_empty());
    }

    fn words_of_the_library(text: &str) -> Vec<String> {
        let mut normalized = NormalizedString::from(text);
        normalizer().unwrap().normalize(&mut normalized).unwrap();
        let mut parts = PreTokenizedString::from(normalized);
        pre_tokenizer().unwrap().pre_tokenize(&mut parts).unwrap();
        let splits = parts.get_splits(OffsetReferential::Normalized, OffsetType::Byte);
        splits.into_iter().map(|(word, ..)| word.to_owned()).collect()
    }

    proptest! {
        #[test]
        fn the_loop_and_the_library_agree_on_any_text(text in any::<String>()) {
            prop_assert_eq!(words(&text), words_of_the_library(&text));
        }

        #[test]
        fn the_loop_and_the_library_agree_on_texts_made_of_the_awkward_parts(
            parts in prop::collection::vec(
                prop::sample::select(vec![
                    "<br />", "<br", "/>", "It's", "'", "\u{3a3}\u{3a3} ", "\u{130}", "\u{1c5}", "\u{85}", "\u{a0}",
                    "\u{200b}", "\u{2028}", "\t", "\r\n", " ", "\\", "]", "^", "-", "[PAD]", "[UNK]", "\u{df}", "10/10",
                    "e\u{301}", "\u{1f600}",
                ]),
                0..20,
            )
        ) {
            let text = parts.concat();
            prop_assert_eq!(words(&text), words_of_the_library(&text));
        }
    }

    #[test]
    fn every_ascii_character_separates_in_both_or_in_neither() {
        for character in 0_u8..128 {
            let text = format!("a{}b", char::from(character));
            assert_eq!(words(&text), words_of_the_library(&text), "{text:?}");
        }
    }
}
