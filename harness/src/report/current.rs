//! Whether a report still says what its records say.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::files::figures_of;
use super::{PAGES_AND_TABLES, REPORT};

/// The files of a study's report in `directory`, if it is whole and newer than the study's plan, each of its records, the folder that they lie in, and this
/// program. `None` if it has to be written anew, or if that can't be known.
#[must_use]
pub fn current(study: &Path, directory: &Path) -> Option<Vec<PathBuf>> {
    let figures = figures_of(&directory.join(REPORT)).ok().filter(|figures| !figures.is_empty())?;
    let mut files: Vec<PathBuf> = Vec::new();
    for name in PAGES_AND_TABLES.iter().map(|name| (*name).to_owned()).chain(figures) {
        // A figure may be shown more than once.
        let file = directory.join(name);
        if !files.contains(&file) {
            files.push(file);
        }
    }
    let oldest = files.iter().map(|file| written(file)).collect::<io::Result<Vec<_>>>().ok()?.into_iter().min()?;
    let newest = sources(study).ok()?.into_iter().max()?;
    (oldest > newest).then_some(files)
}

/// When everything was written that a report is made from.
fn sources(study: &Path) -> io::Result<Vec<SystemTime>> {
    let runs = study.join("runs");
    let mut times = vec![written(&std::env::current_exe()?)?, written(&study.join("study.json"))?, written(&runs)?];
    for run in fs::read_dir(&runs)? {
        let run = run?.path();
        times.push(written(&run)?);
        match written(&run.join("record.json")) {
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {}
            time => times.push(time?),
        }
    }
    Ok(times)
}

fn written(path: &Path) -> io::Result<SystemTime> {
    fs::metadata(path)?.modified()
}
