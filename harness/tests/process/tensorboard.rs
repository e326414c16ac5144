//! Event files: what stands in them, by a reader of our own and by the real TensorBoard.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use harness::record::{PredictionSplit, Scores, read_predictions, read_steps};

use crate::support::{Bench, small_study};

/// A field of a protobuf message.
#[derive(Debug, Clone, PartialEq)]
enum Field {
    Number(u64),
    Double(f64),
    Float(f32),
    Bytes(Vec<u8>),
}

impl Field {
    fn bytes(&self) -> &[u8] {
        let Self::Bytes(bytes) = self else { panic!("{self:?} is no message") };
        bytes
    }

    fn text(&self) -> String {
        String::from_utf8(self.bytes().to_vec()).unwrap()
    }
}

fn taken<'a>(bytes: &mut &'a [u8], length: usize) -> &'a [u8] {
    let (own, rest) = bytes.split_at(length);
    *bytes = rest;
    own
}

fn varint(bytes: &mut &[u8]) -> u64 {
    let mut number = 0;
    for shift in (0..).step_by(7) {
        let byte = taken(bytes, 1)[0];
        number |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            break;
        }
    }
    number
}

/// The fields of a message by their numbers, in the order in which they stand.
fn fields(mut bytes: &[u8]) -> Vec<(u64, Field)> {
    let mut found = Vec::new();
    while !bytes.is_empty() {
        let key = varint(&mut bytes);
        let field = match key & 7 {
            0 => Field::Number(varint(&mut bytes)),
            1 => Field::Double(f64::from_le_bytes(taken(&mut bytes, 8).try_into().unwrap())),
            2 => {
                let length = usize::try_from(varint(&mut bytes)).unwrap();
                Field::Bytes(taken(&mut bytes, length).to_vec())
            }
            5 => Field::Float(f32::from_le_bytes(taken(&mut bytes, 4).try_into().unwrap())),
            other => panic!("wire type {other}"),
        };
        found.push((key >> 3, field));
    }
    found
}

fn one(fields: &[(u64, Field)], number: u64) -> Option<Field> {
    fields.iter().find(|(own, _)| *own == number).map(|(_, field)| field.clone())
}

/// Bit by bit, as the definition has it.
fn masked_crc32c(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ 0x82f6_3b78 } else { crc >> 1 };
        }
    }
    let crc = !crc;
    crc.rotate_right(15).wrapping_add(0xa282_ead8)
}

/// The events of a file, whose checksums have to hold.
fn events(path: &Path) -> Vec<Vec<(u64, Field)>> {
    let whole = fs::read(path).unwrap();
    let mut bytes = whole.as_slice();
    let mut found = Vec::new();
    let checked = |bytes: &mut &[u8], length: usize| -> Vec<u8> {
        let own = taken(bytes, length).to_vec();
        assert_eq!(taken(bytes, 4), masked_crc32c(&own).to_le_bytes());
        own
    };
    while !bytes.is_empty() {
        let length = u64::from_le_bytes(checked(&mut bytes, 8).try_into().unwrap());
        found.push(fields(&checked(&mut bytes, usize::try_from(length).unwrap())));
    }
    found
}

/// Step and value of everything of this tag.
fn scalars(events: &[Vec<(u64, Field)>], tag: &str) -> Vec<(u64, f32)> {
    let mut found = Vec::new();
    for event in events {
        let Some(summary) = one(event, 5) else { continue };
        let Some(Field::Number(step)) = one(event, 2) else { panic!("no step") };
        for (_, value) in fields(summary.bytes()) {
            let value = fields(value.bytes());
            if let (true, Some(Field::Float(number))) = (one(&value, 1).unwrap().text() == tag, one(&value, 2)) {
                found.push((step, number));
            }
        }
    }
    found
}

/// A finished study of two cells with its event files.
fn finished() -> Bench {
    let bench = Bench::new(&small_study(&["fake"], &["rnn", "lstm"]));
    let output = bench.run(&["fake"], &["--tensorboard"]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(String::from_utf8_lossy(&output.stdout).ends_with("runs/small/tensorboard\n"));
    bench
}

/// The event file of a run; there is one.
fn event_file(folder: &Path) -> PathBuf {
    let files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    let [file] = files.as_slice() else { panic!("{files:?}") };
    assert!(file.file_name().unwrap().to_string_lossy().starts_with("events.out.tfevents."));
    file.clone()
}

#[test]
fn every_run_has_an_event_file_of_what_its_record_holds() {
    let bench = finished();
    for run in ["fake-rnn-base-s1", "fake-lstm-base-s1"] {
        let found = events(&event_file(&bench.path("runs/small/tensorboard").join(run)));
        assert_eq!(one(&found[0], 3).unwrap().text(), "brain.Event:2");
        let record = bench.record(run);
        let directory =
            bench.results().runs.into_iter().find(|own| own.planned.key.to_string() == run).unwrap().directory;
        let steps = read_steps(&directory.join("steps.parquet")).unwrap();
        let numbered = |values: Vec<f32>| -> Vec<(u64, f32)> { (1..).zip(values).collect() };
        assert_eq!(steps.len(), 16);
        assert_eq!(scalars(&found, "step/loss"), numbered(steps.iter().map(|step| step.loss).collect()));
        assert_eq!(
            scalars(&found, "step/gradient_norm"),
            numbered(steps.iter().map(|step| step.gradient_norm).collect())
        );
        let rate = record.epochs[0].learning_rate as f32;
        assert_eq!(scalars(&found, "step/learning_rate"), numbered(vec![rate; 16]));
        let of_epochs = |tag: &str| scalars(&found, tag);
        assert_eq!(
            of_epochs("epoch/train_loss"),
            [(8, record.epochs[0].train_loss as f32), (16, record.epochs[1].train_loss as f32)]
        );
        let accuracy = record.test.as_ref().unwrap().confusion.accuracy();
        assert_eq!(of_epochs("test/accuracy"), [(16, accuracy as f32)]);
        assert_eq!(of_epochs("validation/auc").len(), 2);
        // The histogram of a class has as many scores as there are.
        let scores =
            Scores::of(&read_predictions(&directory.join("predictions.parquet")).unwrap(), PredictionSplit::Test);
        let positive = scores.labels.iter().filter(|label| **label == 1).count() as f64;
        let values = found.iter().filter_map(|event| one(event, 5)).flat_map(|summary| fields(summary.bytes()));
        let values: Vec<_> = values.map(|(_, value)| fields(value.bytes())).collect();
        let of_tag = |tag: &str| values.iter().find(|value| one(value, 1).unwrap().text() == tag).unwrap();
        let histogram = fields(one(of_tag("scores/test/positive"), 5).unwrap().bytes());
        assert_eq!(one(&histogram, 3), Some(Field::Double(positive)));
        assert!(one(of_tag("_hparams_/session_start_info"), 9).is_some());
    }
}

#[test]
fn event_files_are_written_from_records_and_the_same_each_time() {
    let bench = finished();
    let before = bench.bytes_below("runs/small/tensorboard");
    for arguments in [
        ["run", "study.toml", "--from", "reviews.json", "--tensorboard"].as_slice(),
        &["report", "runs/small", "--tensorboard"],
    ] {
        let output = bench.study(&["fake"]).args(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
        assert!(bench.bytes_below("runs/small/tensorboard") == before, "{arguments:?}");
    }
}

/// A Python that has the real TensorBoard: the one of this variable, or that of the oracles.
fn python() -> Option<PathBuf> {
    let oracles = Path::new(env!("CARGO_MANIFEST_DIR")).join("../backends/python/.venv/bin/python");
    let python = std::env::var_os("TENSORBOARD_PYTHON").map_or(oracles, PathBuf::from);
    let has = Command::new(&python).args(["-c", "import tensorboard"]).output();
    has.is_ok_and(|output| output.status.success()).then_some(python)
}

#[test]
fn the_real_tensorboard_reads_scalars_histograms_and_hyperparameters() {
    let Some(python) = python() else {
        eprintln!("skipped: no TensorBoard; name a Python that has it in TENSORBOARD_PYTHON");
        return;
    };
    let bench = finished();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/process/read_events.py");
    let output =
        Command::new(python).arg(script).arg(bench.path("runs/small/tensorboard/fake-lstm-base-s1")).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let read: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let record = bench.record("fake-lstm-base-s1");
    assert_eq!(read["scalars"]["step/loss"].as_array().unwrap().len(), 16);
    let accuracy = record.test.unwrap().confusion.accuracy() as f32;
    assert_eq!(read["scalars"]["test/accuracy"], serde_json::json!([[16, f64::from(accuracy)]]));
    assert_eq!(read["histograms"]["scores/test/positive"], serde_json::json!([16, 20.0]));
    assert_eq!(read["hyperparameters"]["cell"], "lstm");
    assert_eq!(read["hyperparameters"]["adam.epsilon"], 1e-7);
    assert_eq!(read["hyperparameters"]["seed"], 1.0);
    assert_eq!(read["hyperparameters"]["masking"], record.protocol.masking);
    assert_eq!(read["group"], "fake-lstm-base");
    assert_eq!(read["status"], "STATUS_SUCCESS");
}
