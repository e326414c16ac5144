//! The audit of the published table, of a stranger's, and of files that can't be audited.

use harness_statistics::audit::Chance;

use super::{Findings, PrintedTable, StatementVerdict, audit};

const PUBLISHED: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../reports/published.toml"));

/// Fifty negatives and thirty positives, printed in percent. 24 of 30 are found, 5 of 50 mistaken: accuracy 69/80 = 86.25 %, precision 24/29 = 82.76 %,
/// recall 80 %, F1 48/59 = 81.36 %.
const STRANGERS: &str = r#"
version = 1
title = "Another table"
percent = true

[data]
test = 80
test_positives = 30

[[results]]
name = "ours"
figures = { accuracy = "86.3", precision = "82.8", recall = "80.0", f1 = "81.4", auc = "91" }

[[results]]
name = "cut off"
figures = { accuracy = "86.2", precision = "82.7", recall = "80.0" }

[[results]]
name = "theirs"
figures = { recall = "81.0" }

[[statements]]
id = "found"
row = "ours"
says = "finds 24 of 30"
quantity = "true_positives"
least = "24"
most = "24"

[[statements]]
id = "rarely-wrong"
row = "ours"
says = "is wrong in fewer than one of ten positive predictions"
quantity = "precision"
least = "90"
most = "100"
"#;

fn findings(text: &str) -> Findings {
    audit(&PrintedTable::parse(text).unwrap()).unwrap()
}

#[test]
fn the_page_of_the_published_table_reads_well() {
    insta::assert_snapshot!(findings(PUBLISHED).page());
}

#[test]
fn the_page_of_a_strangers_table_reads_well() {
    insta::assert_snapshot!(findings(STRANGERS).page());
}

#[test]
fn what_is_said_of_the_published_table_was_checked_by_hand() {
    let found = findings(PUBLISHED);
    let row = |name: &str| found.rows.iter().find(|row| row.name == name).unwrap();
    let impossible: Vec<_> =
        found.rows.iter().filter(|row| row.matrices.nearest.is_none()).map(|row| row.name.as_str()).collect();
    // Recall .271 and precision .519 leave an accuracy of .5098 to .5102, which prints as .510.
    assert_eq!(impossible, ["keras-lstm"]);
    // 12,488 to 12,500 of 12,500 negatives right is an accuracy of .500; one positive found would need 200 mistakes for a precision of .00.
    assert_eq!(row("keras-rnn").matrices.nearest.as_ref().unwrap().predicted_positives, (0, 12));
    // 11,732 to 11,743 found, over .5005 to .5015.
    assert_eq!(row("pytorch-rnn").matrices.nearest.as_ref().unwrap().predicted_positives, (23_406, 23_448));
    assert_eq!(row("pytorch-lstm").matrices.nearest.as_ref().unwrap().predicted_positives, (1_897, 1_912));
    let said = |id: &str| found.statements.iter().find(|statement| statement.id == id).unwrap().verdict;
    assert_eq!(said("keras-rnn-positives"), StatementVerdict::Possible);
    assert_eq!(said("pytorch-rnn-positives"), StatementVerdict::Contradicted);
    assert_eq!(said("pytorch-rnn-almost-all"), StatementVerdict::Holds);
    assert_eq!(said("pytorch-lstm-positives"), StatementVerdict::Holds);
    assert_eq!(said("pytorch-lstm-half-right"), StatementVerdict::Contradicted);
    // .513 and .519 are 3.6 and 5.2 standard errors from one half, .503 is .8, .506 is 1.6, .507 is 1.9.
    let chance: Vec<_> = found.rows.iter().map(|row| row.auc.as_ref().unwrap().chance.verdict).collect();
    let (alike, unclear, differs) = (Chance::Alike, Chance::Unclear, Chance::Differs);
    assert_eq!(chance, [alike, differs, alike, unclear, differs, differs]);
    assert!(found.rows.iter().all(|row| row.auc.as_ref().unwrap().possible != Some(false)));
}

#[test]
fn the_same_table_gives_the_same_bytes() {
    let json = |found: &Findings| serde_json::to_string(found).unwrap();
    assert_eq!(findings(PUBLISHED).page(), findings(PUBLISHED).page());
    assert_eq!(json(&findings(PUBLISHED)), json(&findings(PUBLISHED)));
}

#[test]
fn sections_of_other_subjects_are_named_and_not_read() {
    let table = PrintedTable::parse(PUBLISHED).unwrap();
    assert_eq!(table.unread, ["claims", "frameworks", "parameters", "protocol", "seconds_per_epoch"]);
    assert_eq!(PrintedTable::parse(STRANGERS).unwrap().unread, Vec::<String>::new());
}

#[test]
fn what_can_not_be_audited_is_refused_with_its_place() {
    for (from, to, complaint) in [
        ("version = 1", "version = 7", "version 7 is not 1"),
        ("version = 1", "", "missing field `version`"),
        ("\"86.3\"", "86.3", "ours, accuracy: write `\"86.3\"` and not `86.3`, so that trailing zeros count"),
        ("\"86.3\"", "\"863\"", "ours, accuracy: `863` is more than the whole"),
        ("\"86.3\"", "\"86,3\"", "ours, accuracy: `86,3` is not a decimal number"),
        ("auc = \"91\"", "mcc = \"0.7\"", "ours, mcc: accuracy, precision, recall, f1 and auc are audited"),
        ("name = \"ours\"", "name = \"theirs\"", "result `theirs` is there twice"),
        ("name = \"ours\"", "", "neither `name` nor `framework` and `cell`"),
        ("id = \"found\"", "id = \"rarely-wrong\"", "statement `rarely-wrong` is there twice"),
        ("row = \"ours\"", "row = \"nobody\"", "statement `found` is about `nobody`, which is no result"),
        ("quantity = \"precision\"", "quantity = \"luck\"", "unknown variant `luck`"),
        ("least = \"24\"", "least = \"25\"", "statement found: `25` is more than `24`"),
        ("least = \"24\"", "least = \"24.5\"", "statement found: `24.5` is not a whole number"),
        ("test_positives = 30", "test_positives = 80", "data.test is 80"),
        ("test = 80", "test = 80000000000", "data.test is 80000000000"),
        ("says =", "syas =", "unknown field `syas`"),
    ] {
        assert!(STRANGERS.contains(from), "{from}");
        let error = PrintedTable::parse(&STRANGERS.replacen(from, to, 1)).unwrap_err().to_string();
        assert!(error.contains(complaint), "{error}");
    }
}

#[test]
fn claims_get_a_sentence_for_each_statement_and_the_least_favourable_p_of_each_auc() {
    let found = findings(PUBLISHED);
    let statements = found.possible_statements();
    let expected =
        "the figures of pytorch-rnn allow 23,406 to 23,448 positive predictions, not \"24,500 positive predictions\"";
    assert_eq!(statements["pytorch-rnn-positives"], (false, expected.to_owned()));
    let expected = "the figures of pytorch-lstm allow precision of 0.5705 to 0.5714, not \"half of those are right\"";
    assert_eq!(statements["pytorch-lstm-half-right"], (false, expected.to_owned()));
    assert!(statements["pytorch-lstm-positives"].0);
    let aucs = found.printed_aucs();
    assert_eq!(aucs["keras-lstm"].0, "0.513");
    assert!(aucs["keras-lstm"].1 < 0.001 && aucs["keras-gru"].1 > 0.1);
}

#[test]
fn the_statements_that_the_claims_rest_on_are_there() {
    let rules = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../reports/claims.toml"));
    let statements = findings(PUBLISHED).possible_statements();
    let asked: Vec<_> =
        rules.split("statement = { id = \"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    assert!(asked.len() >= 3);
    for id in asked {
        assert!(statements.contains_key(id), "{id}");
    }
}
