//! Where a run stands after an epoch, so that it can go on from there: `state.json` in the run's directory, and the tensors and steps it names.
//!
//! The files of an epoch are written first, then `state.json` is put in the place of the one before, then the files of earlier epochs are
//! removed. So whenever a process ends, the directory holds one whole state, or none.

mod tensors;

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

use harness_contract::{Element, ModelSpec, ModelState, WeightMap};
use serde::{Deserialize, Serialize};

use self::tensors::{Tensors, read_tensors, write_tensors};
use super::observation::Observation;
use super::run::{FileRecord, file_record};
use super::schema::EpochRecord;
use super::steps::{StepRecord, read_steps, write_steps};
use super::store::{RecordError, RecordFile, read_record, write_record};
use super::version::{FORMAT, FormatVersion};

/// The file that makes the others a state.
const STATE: &str = "state.json";

/// How the names of a state's other files begin.
const PARTS: &str = "state-";

/// What training goes on from after an epoch.
#[derive(Debug, Clone, PartialEq)]
pub struct TrainingState {
    /// The epoch that is finished, counted from 1.
    pub epoch: u32,
    /// The learning rate of the next one.
    pub learning_rate: f64,
    /// Where the schedule stands, if there is one.
    pub plateau: Option<PlateauState>,
    /// The first epoch in which the run escaped, if it did.
    pub escaped: Option<u32>,
    /// The model and its optimiser, as the backend has them.
    pub model: ModelState,
    /// The epoch that would be tested if there were no more, if the protocol looks at it before the last.
    pub tested: Option<TestedEpoch>,
}

/// The counters of a plateau scheduler.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct PlateauState {
    /// The best loss so far; `None` before there is one.
    pub best: Option<f64>,
    /// Epochs without an improvement.
    pub bad_epochs: u32,
    /// Epochs of the cooldown that are left.
    pub cooldown_left: u32,
}

/// An epoch whose weights are kept for the test.
#[derive(Debug, Clone, PartialEq)]
pub struct TestedEpoch {
    /// The epoch, counted from 1.
    pub epoch: u32,
    /// Its validation loss.
    pub loss: f64,
    /// Its weights.
    pub weights: WeightMap,
    /// Its logits on the validation split, in the split's order.
    pub validation: Vec<f32>,
}

/// What a run has behind it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Behind {
    /// What was looked at before the first epoch.
    pub start: Observation,
    /// Finished epochs.
    pub epochs: Vec<EpochRecord>,
    /// Every step of these; a table of its own beside the rest.
    #[serde(skip)]
    pub steps: Vec<StepRecord>,
    /// Where it went on.
    pub resumed: Vec<Resumption>,
    /// What it could not go on from.
    #[serde(default)]
    pub lost: Vec<LostState>,
    /// The threads that the framework computed with lately.
    #[serde(default)]
    pub threads: Option<usize>,
    /// The processor that it was made on lately.
    #[serde(default)]
    pub cpu: Option<String>,
    /// Wall-clock seconds it has taken.
    pub wall_seconds: f64,
    /// Seconds to the end of its first training step.
    pub first_step_seconds: Option<f64>,
    /// The most memory a worker held, in bytes.
    pub peak_memory_bytes: Option<u64>,
}

/// A place where a run went on from a state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resumption {
    /// The epoch that was finished then.
    pub epoch: u32,
    /// The fingerprint of the finished run that it went on from, which is the same but for fewer epochs; absent where it was interrupted itself.
    #[serde(default)]
    pub extends: Option<String>,
    /// The threads that the framework computed with until then.
    #[serde(default)]
    pub threads: Option<usize>,
    /// The processor that it was made on until then; not noted before format 2.3.
    #[serde(default)]
    pub cpu: Option<String>,
}

/// A state that was there and that a run did not go on from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LostState {
    /// The epoch that was finished then, where the backend refused the state; absent where it could not be read.
    pub epoch: Option<u32>,
    /// Why.
    pub reason: String,
}

/// A state as it was kept.
#[derive(Debug, Clone, PartialEq)]
pub struct KeptState {
    /// What training goes on from.
    pub training: TrainingState,
    /// What lies behind.
    pub behind: Behind,
}

/// `state.json`.
#[derive(Serialize, Deserialize)]
struct StateRecord {
    version: FormatVersion,
    fingerprint: String,
    epoch: u32,
    learning_rate: f64,
    plateau: Option<PlateauState>,
    escaped: Option<u32>,
    tested: Option<TestedRecord>,
    model: ModelRecord,
    #[serde(flatten)]
    behind: Behind,
    files: BTreeMap<String, FileRecord>,
}

#[derive(Serialize, Deserialize)]
struct TestedRecord {
    epoch: u32,
    loss: f64,
}

#[derive(Serialize, Deserialize)]
struct ModelRecord {
    steps: u64,
    streams: BTreeMap<String, Vec<u64>>,
}

/// Whether a file of a run's directory belongs to its state. Such files may be missing, as in an archive.
pub(super) fn is_of_state(name: &str) -> bool {
    name == STATE || name.starts_with(PARTS)
}

/// Keeps a state in a run's directory, in the place of an earlier one.
///
/// # Errors
/// If the disk refuses. The earlier state is whole then.
pub fn write_state(
    directory: &Path,
    fingerprint: &str,
    training: &TrainingState,
    behind: &Behind,
) -> Result<(), RecordError> {
    let tensors = format!("{PARTS}{}.safetensors", training.epoch);
    let steps = format!("{PARTS}{}.parquet", training.epoch);
    write_tensors(&directory.join(&tensors), training)?;
    write_steps(&directory.join(&steps), &behind.steps)?;
    let mut files = BTreeMap::new();
    for name in [&tensors, &steps] {
        files.insert(name.clone(), file_record(&directory.join(name))?);
    }
    let tested = training.tested.as_ref().map(|tested| TestedRecord { epoch: tested.epoch, loss: tested.loss });
    let record = StateRecord {
        version: FORMAT,
        fingerprint: fingerprint.into(),
        epoch: training.epoch,
        learning_rate: training.learning_rate,
        plateau: training.plateau,
        escaped: training.escaped,
        tested,
        model: ModelRecord { steps: training.model.steps, streams: training.model.streams.clone() },
        behind: behind.clone(),
        files,
    };
    write_record(&directory.join(STATE), &record)?;
    remove(directory, |name| name.starts_with(PARTS) && name != tensors && name != steps)
}

/// Removes a state from a run's directory, if there is one.
///
/// # Errors
/// If the disk refuses.
pub fn remove_state(directory: &Path) -> Result<(), RecordError> {
    // What makes the others a state goes first.
    remove(directory, |name| name == STATE)?;
    remove(directory, is_of_state)
}

/// Removes the files of a directory that `what` names.
pub(super) fn remove(directory: &Path, what: impl Fn(&str) -> bool) -> Result<(), RecordError> {
    let io = |source| RecordError::Io { path: directory.into(), source };
    for entry in fs::read_dir(directory).map_err(io)? {
        let entry = entry.map_err(io)?;
        if entry.file_name().to_str().is_some_and(&what) {
            fs::remove_file(entry.path()).map_err(io)?;
        }
    }
    Ok(())
}

/// Reads the state of a run, if there is one and it is whole: of this run, with its files as they were written, and fitting the model. Else says
/// why it can't be believed.
///
/// # Errors
/// If the disk refuses.
pub fn read_state(
    directory: &Path,
    fingerprint: &str,
    spec: &ModelSpec,
    element: Element,
) -> Result<Result<Option<KeptState>, String>, RecordError> {
    let record: StateRecord = match read_record(&directory.join(STATE))? {
        RecordFile::Absent => return Ok(Ok(None)),
        RecordFile::Damaged(reason) => return Ok(Err(reason)),
        RecordFile::Read(record) => record,
    };
    if record.fingerprint != fingerprint {
        return Ok(Err("it is the state of another run".into()));
    }
    let tensors = format!("{PARTS}{}.safetensors", record.epoch);
    let steps = format!("{PARTS}{}.parquet", record.epoch);
    for name in [&tensors, &steps] {
        let Some(written) = record.files.get(name) else { return Ok(Err(format!("it has no {name}"))) };
        let path = directory.join(name);
        match fs::symlink_metadata(&path) {
            Ok(about) if about.is_file() && about.len() == written.bytes => {}
            Ok(_) => return Ok(Err(format!("{name} is not as it was written"))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Err(format!("{name} is missing"))),
            Err(source) => return Err(RecordError::Io { path, source }),
        }
        if file_record(&path)? != *written {
            return Ok(Err(format!("{name} is not as it was written")));
        }
    }
    let path = directory.join(&tensors);
    let bytes = fs::read(&path).map_err(|source| RecordError::Io { path, source })?;
    let steps = read_steps(&directory.join(&steps))?;
    Ok(put_together(record, &bytes, steps, spec, element).map(Some))
}

fn put_together(
    record: StateRecord,
    bytes: &[u8],
    steps: Vec<StepRecord>,
    spec: &ModelSpec,
    element: Element,
) -> Result<KeptState, String> {
    let behind = Behind { steps, ..record.behind };
    if usize::try_from(record.epoch) != Ok(behind.epochs.len()) || record.epoch == 0 {
        return Err(format!("it has {} epochs behind it and stands after epoch {}", behind.epochs.len(), record.epoch));
    }
    let Tensors { model, tested: weights, validation } = read_tensors(bytes, record.model.steps, record.model.streams)?;
    model.check(spec, element).map_err(|error| error.to_string())?;
    let tested = match record.tested {
        Some(TestedRecord { epoch, loss }) => {
            weights.check(spec).map_err(|error| error.to_string())?;
            Some(TestedEpoch { epoch, loss, weights, validation })
        }
        None => None,
    };
    let training = TrainingState {
        epoch: record.epoch,
        learning_rate: record.learning_rate,
        plateau: record.plateau,
        escaped: record.escaped,
        model,
        tested,
    };
    Ok(KeptState { training, behind })
}

#[cfg(test)]
mod tests {
    use harness_contract::{CellKind, Elements, StatePart, Tensor};

    use super::*;

    fn spec() -> ModelSpec {
        ModelSpec::plain(CellKind::Gru)
    }

    fn weights(value: f32) -> WeightMap {
        let mut weights = WeightMap::new();
        for parameter in spec().parameters() {
            let data = vec![value; parameter.len()];
            weights.insert(parameter.name, Tensor { shape: parameter.shape, data }).unwrap();
        }
        weights
    }

    fn training(epoch: u32) -> TrainingState {
        let streams = BTreeMap::from([("dropout".to_owned(), vec![7, u64::MAX])]);
        let model = ModelState::of(&spec(), (40, streams), |part, place, parameter| {
            let value = if part == StatePart::Weights { f64::NAN } else { place as f64 + 0.1 };
            Ok::<_, std::convert::Infallible>(Elements::Float64(vec![value; parameter.len()]))
        });
        let tested = TestedEpoch { epoch: 1, loss: 0.1 + 0.2, weights: weights(0.25), validation: vec![0.5, -1e-40] };
        let plateau = PlateauState { best: None, bad_epochs: 2, cooldown_left: 1 };
        TrainingState {
            epoch,
            learning_rate: 1e-4 / 3.0,
            plateau: Some(plateau),
            escaped: None,
            model: model.unwrap(),
            tested: Some(tested),
        }
    }

    fn behind() -> Behind {
        let step = StepRecord { epoch: 1, loss: 0.5, gradient_norm: 2.0, clipped: true, update_norm: Some(0.1) };
        Behind {
            steps: vec![step],
            resumed: vec![Resumption { epoch: 1, extends: None, threads: Some(2), cpu: Some("a processor".into()) }],
            cpu: Some("another".into()),
            lost: vec![LostState { epoch: None, reason: "no such file".into() }],
            ..Behind::default()
        }
    }

    /// The same with as many epochs behind it as it is said to have.
    fn of_epochs(folder: &Path, epochs: u32) -> (TrainingState, Behind) {
        let record: EpochRecord = serde_json::from_value(serde_json::json!({
            "epoch": 1, "learning_rate": 0.1, "steps": 1, "train_loss": 0.7, "gradient_norm_mean": 1.0, "gradient_norm_max": 1.0,
            "clipped_share": 0.0, "padded_length_mean": 3.0, "padding_share": 0.1,
            "validation": { "confusion": { "tp": 1, "fp": 0, "tn": 1, "fn": 0 },
                            "auc": 1.0, "log_loss": 0.1 },
            "timing": { "train_seconds": 1.0, "evaluation_seconds": 1.0, "train_compute_seconds": 1.0,
                        "evaluation_compute_seconds": 1.0, "tokens_per_second": 1.0 },
        }))
        .unwrap();
        let behind = Behind { epochs: vec![record; epochs as usize], ..behind() };
        let training = training(epochs);
        write_state(folder, "f", &training, &behind).unwrap();
        (training, behind)
    }

    fn read(folder: &Path) -> Result<Option<KeptState>, String> {
        read_state(folder, "f", &spec(), Element::Float64).unwrap()
    }

    #[test]
    fn a_state_is_read_as_it_was_written_and_takes_the_place_of_the_one_before() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(read(folder.path()), Ok(None));
        of_epochs(folder.path(), 2);
        let (training, behind) = of_epochs(folder.path(), 3);
        let found = read(folder.path()).unwrap().unwrap();
        // Weights that are not numbers are a state like any other, and compare by their bytes.
        assert_eq!(format!("{:?}", found.training), format!("{training:?}"));
        assert_eq!(found.behind, behind);
        let mut names: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        assert_eq!(names, ["state-3.parquet", "state-3.safetensors", "state.json"]);
        remove_state(folder.path()).unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_state_that_can_not_be_believed_says_why() {
        let folder = tempfile::tempdir().unwrap();
        of_epochs(folder.path(), 2);
        let other = read_state(folder.path(), "g", &spec(), Element::Float64).unwrap();
        assert_eq!(other, Err("it is the state of another run".into()));
        let other = read_state(folder.path(), "f", &spec(), Element::Float32).unwrap();
        assert!(other.unwrap_err().contains("elements of the kind Float64"));
        let larger = ModelSpec { hidden_size: 6, ..spec() };
        let other = read_state(folder.path(), "f", &larger, Element::Float64).unwrap();
        assert!(other.unwrap_err().contains("has shape"));
        let tensors = folder.path().join("state-2.safetensors");
        let mut bytes = fs::read(&tensors).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        fs::write(&tensors, bytes).unwrap();
        assert_eq!(read(folder.path()), Err("state-2.safetensors is not as it was written".into()));
        fs::remove_file(tensors).unwrap();
        assert_eq!(read(folder.path()), Err("state-2.safetensors is missing".into()));
    }
}
