//! From a directory to one file.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, Seek, Write};
use std::path::{Path, PathBuf};

use zstd::stream::write::Encoder;

use super::ArchiveError;
use super::contents::{INDEX, Index, VERSION, WINDOW_LOG, is_run, walk, walk_file};
use crate::record::run::{KEPT, RunState, load_run};
use crate::record::store::{RecordError, STUDY, study_in, write_atomically};

/// How hard the encoder tries: a study is packed once and kept for long.
const LEVEL: i32 = 19;

/// What became of a study that was packed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Packed {
    /// Runs in the archive.
    pub runs: usize,
    /// Planned runs that have not ended.
    pub missing: usize,
    /// Runs that were left out because they can't be believed: name and reason.
    pub damaged: Vec<(String, String)>,
    /// Bytes of the archive.
    pub bytes: u64,
}

/// Writes a study's directory as one file, whole or not at all. A file that is there already is replaced only by one that has all of its runs.
///
/// # Errors
/// If `directory` holds no study, `file` holds something else or more, or the disk refuses.
pub fn pack(directory: &Path, file: &Path) -> Result<Packed, ArchiveError> {
    let study = study_in(directory)?;
    let mut packed = Packed::default();
    let mut files = BTreeMap::new();
    let mut runs = BTreeSet::new();
    let earlier = study.earlier.iter().map(|planned| (planned, false));
    for (planned, wanted) in study.runs.iter().map(|planned| (planned, true)).chain(earlier) {
        if planned.fingerprint.is_empty() {
            packed.missing += usize::from(wanted);
            continue;
        }
        match load_run(directory, planned)? {
            RunState::Absent => packed.missing += usize::from(wanted),
            RunState::Damaged(reason) => packed.damaged.push((planned.key.to_string(), reason)),
            RunState::Whole(_) if !is_run(&planned.directory) => {
                let reason = format!("its directory `{}` has no place in an archive", planned.directory.escape_debug());
                packed.damaged.push((planned.key.to_string(), reason));
            }
            RunState::Whole(_) => {
                runs.insert(planned.directory.clone());
                for name in KEPT {
                    let path = directory.join(&planned.directory).join(name);
                    if path.try_exists().map_err(ArchiveError::io(&path))? {
                        files.insert(format!("{}/{name}", planned.directory), path);
                    }
                }
            }
        }
    }
    files.insert(STUDY.to_owned(), directory.join(STUDY));
    let index = Index { version: VERSION, study: study.name, files: files.len() };
    check_replaceable(directory, file, &index, &runs)?;
    packed.runs = runs.len();
    write_atomically(file, |out| {
        let io = |source| RecordError::Io { path: file.into(), source };
        write_files(out, &index, &files)?;
        out.rewind().map_err(io)?;
        let again = out.try_clone().map_err(io)?;
        packed.bytes = again.metadata().map_err(io)?.len();
        let read = walk_file(file, again, &mut |_, _, entry| {
            io::copy(entry, &mut io::sink()).map(|_| ()).map_err(ArchiveError::io(file))
        });
        read.map(|_| ()).map_err(|error| io(io::Error::other(format!("read back otherwise than written: {error}"))))
    })?;
    Ok(packed)
}

/// Whether the file may be replaced: it is not there, or an archive of this study without a run that the new one lacks.
fn check_replaceable(
    directory: &Path,
    file: &Path,
    index: &Index,
    runs: &BTreeSet<String>,
) -> Result<(), ArchiveError> {
    if !file.try_exists().map_err(ArchiveError::io(file))? {
        return Ok(());
    }
    let mut more = BTreeSet::new();
    let holds = walk(file, |_, run, _| {
        more.extend(run.filter(|run| !runs.contains(*run)).map(str::to_owned));
        Ok(())
    })?;
    if holds.study != index.study {
        return Err(ArchiveError::OtherStudy { path: file.into(), holds: holds.study, asked: index.study.clone() });
    }
    if more.is_empty() {
        return Ok(());
    }
    Err(ArchiveError::WouldLose { path: file.into(), directory: directory.into(), runs: more.into_iter().collect() })
}

fn write_files(out: &mut File, index: &Index, files: &BTreeMap<String, PathBuf>) -> Result<(), RecordError> {
    let text =
        serde_json::to_vec(index).map_err(|source| RecordError::Json { path: Path::new(INDEX).into(), source })?;
    let io = |path: &Path, source| RecordError::Io { path: path.into(), source };
    let here = Path::new(INDEX);
    let mut encoder = Encoder::new(out, LEVEL).map_err(|error| io(here, error))?;
    encoder.include_checksum(true).map_err(|error| io(here, error))?;
    encoder.window_log(WINDOW_LOG).map_err(|error| io(here, error))?;
    let mut archive = tar::Builder::new(encoder);
    append(&mut archive, INDEX, text.len() as u64, text.as_slice()).map_err(|error| io(here, error))?;
    for (name, path) in files {
        let written = File::open(path).and_then(|file| {
            let length = file.metadata()?.len();
            append(&mut archive, name, length, file)
        });
        written.map_err(|error| io(path, error))?;
    }
    let written = archive.into_inner().and_then(Encoder::finish).and_then(Write::flush);
    written.map_err(|error| io(here, error))
}

/// Adds a file with nothing that could differ from one time to the next.
fn append(archive: &mut tar::Builder<impl Write>, name: &str, length: u64, content: impl io::Read) -> io::Result<()> {
    let mut header = tar::Header::new_ustar();
    header.set_path(name)?;
    header.set_size(length);
    header.set_mode(0o644);
    header.set_mtime(0);
    header.set_uid(0);
    header.set_gid(0);
    header.set_cksum();
    // One that grew or shrank since would leave a file of another length than its header says.
    let mut counted = Counted { content: content.take(length), read: 0 };
    archive.append(&header, &mut counted)?;
    if counted.read == length { Ok(()) } else { Err(io::Error::other("it changed while it was packed")) }
}

struct Counted<R> {
    content: R,
    read: u64,
}

impl<R: io::Read> io::Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.content.read(buffer)?;
        self.read += read as u64;
        Ok(read)
    }
}
