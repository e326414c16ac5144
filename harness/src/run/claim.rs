//! One process at a time on a study's directory, or on a run: whoever works on it has left a file there that says who it is.
//!
//! A claim holds on every machine that sees the folder, where a lock of the system may hold on one alone. It is written whole under a name of its own,
//! which is made with `O_CREAT|O_EXCL`, and linked to the name of the claim, which fails if that is there: so whoever reads a claim reads all of it, and
//! no process can die between making and signing one.
//!
//! A claim outlives a process that dies. It is broken when its owner is known to be gone. To break one is to hold a claim on that, whose name
//! has the broken one's number in it: so one process alone takes it away, and only the very claim that it has looked at.

use std::fs::{self, File, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::Duration;

use harness_text::plain;

use super::owner::{Owner, Standing};

/// The longest claim that is read, in bytes.
const LONGEST: u64 = 1 << 16;

/// How often a claim is tried for while others come and go.
const ATTEMPTS: usize = 500;

/// How long it is waited for another process that breaks the same claim.
const BREAKING: Duration = Duration::from_millis(10);

/// Held while a process works on something.
#[derive(Debug)]
pub struct Claim {
    path: PathBuf,
    number: String,
}

/// A claim that can't be had.
#[derive(Debug, thiserror::Error)]
pub enum ClaimError {
    /// Another process holds it.
    #[error("{} is being worked on by {holder}; wait for it, or end it", place.display())]
    Held {
        /// What is claimed.
        place: PathBuf,
        /// Who holds it.
        holder: String,
    },
    /// Another process holds it, or held it when it was ended.
    #[error(
        "{} is claimed by {holder}, and whether that is still at work can't be known from here: {reason}. If it is not, remove {}",
        place.display(), file.display()
    )]
    Unknown {
        /// What is claimed.
        place: PathBuf,
        /// By whom.
        holder: String,
        /// Why its owner can't be asked after.
        reason: String,
        /// The claim.
        file: PathBuf,
    },
    /// The claim can't be made.
    #[error("could not claim {}: {source}", place.display())]
    Io {
        /// What was to be claimed.
        place: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl Claim {
    /// Claims a study's directory, which must be there.
    ///
    /// # Errors
    /// If another process holds it, which is named, or the claim can't be written.
    pub fn study(directory: &Path) -> Result<Self, ClaimError> {
        Self::take(&directory.join("study.claim"), directory)
    }

    /// Claims a run by its directory, which need not be there. The claim lies beside it.
    ///
    /// # Errors
    /// If another process holds it, which is named, or the claim can't be written.
    pub fn run(directory: &Path) -> Result<Self, ClaimError> {
        let path = place_of_run(directory);
        let made = path.parent().map_or(Ok(()), fs::create_dir_all);
        made.map_err(|source| ClaimError::Io { place: directory.into(), source })?;
        Self::take(&path, directory)
    }

    fn take(path: &Path, place: &Path) -> Result<Self, ClaimError> {
        let io = |source| ClaimError::Io { place: place.into(), source };
        let own = Owner::this();
        let claim = || Self { path: path.into(), number: own.number.clone() };
        for _ in 0..ATTEMPTS {
            if put(&own, path).map_err(io)? {
                return Ok(claim());
            }
            let found = match read(path).map_err(io)? {
                Found::Nothing => continue,
                Found::Other(reason) => {
                    let (holder, file) = ("something".into(), path.into());
                    return Err(ClaimError::Unknown { place: place.into(), holder, reason, file });
                }
                Found::Owner(owner) => owner,
            };
            if found.number == own.number {
                // The answer that the link was made had been lost on its way from the file system's server.
                return Ok(claim());
            }
            match own.knows_of(&found) {
                Standing::AtWork => return Err(ClaimError::Held { place: place.into(), holder: found.to_string() }),
                Standing::Unknown(reason) => {
                    let (holder, file) = (found.to_string(), path.into());
                    return Err(ClaimError::Unknown { place: place.into(), holder, reason, file });
                }
                Standing::Gone => break_claim(path, place, &found)?,
            }
        }
        Err(io(io::Error::other("others claim it and give it up again and again")))
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        // What can't be removed is broken by the next process, for this one will be gone.
        if matches!(read(&self.path), Ok(Found::Owner(owner)) if owner.number == self.number) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Who has claimed a run, by its directory, unless that is known to be gone.
#[must_use]
pub fn holder_of_run(directory: &Path) -> Option<String> {
    match read(&place_of_run(directory)) {
        Ok(Found::Owner(owner)) if Owner::this().knows_of(&owner) != Standing::Gone => Some(owner.to_string()),
        _ => None,
    }
}

fn place_of_run(directory: &Path) -> PathBuf {
    let name = directory.file_name().unwrap_or_default().to_string_lossy();
    directory.with_file_name(format!(".claim-{name}"))
}

/// Takes away the claim of an owner that is gone, unless another process has done so.
fn break_claim(path: &Path, place: &Path, gone: &Owner) -> Result<(), ClaimError> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}", gone.number));
    let _alone = match Claim::take(&path.with_file_name(name), place) {
        Ok(claim) => claim,
        Err(ClaimError::Held { .. }) => {
            sleep(BREAKING);
            return Ok(());
        }
        Err(error) => return Err(error),
    };
    let io = |source| ClaimError::Io { place: place.into(), source };
    match read(path).map_err(io)? {
        Found::Owner(owner) if owner.number == gone.number => fs::remove_file(path).map_err(io),
        // Meanwhile it is another's, or nobody's.
        _ => Ok(()),
    }
}

/// Puts a claim in its place, unless one is there. Whether it did.
fn put(own: &Owner, path: &Path) -> io::Result<bool> {
    let folder = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut builder = tempfile::Builder::new();
    // With the mode that the umask gives: others who share the folder have to read it.
    let mut file =
        builder.prefix(".claim-").suffix(".new").permissions(Permissions::from_mode(0o666)).tempfile_in(folder)?;
    file.write_all(&serde_json::to_vec(own)?)?;
    // After a loss of power an empty claim would have no owner to ask after.
    file.as_file().sync_all()?;
    match fs::hard_link(file.path(), path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(error),
    }
}

/// What lies in a claim's place.
enum Found {
    Nothing,
    Owner(Owner),
    /// Something else, and why it is no claim.
    Other(String),
}

fn read(path: &Path) -> io::Result<Found> {
    let about = match fs::symlink_metadata(path) {
        Err(error) if is_absence(&error) => return Ok(Found::Nothing),
        about => about?,
    };
    if !about.is_file() {
        return Ok(Found::Other("it is no plain file".into()));
    }
    let mut bytes = Vec::new();
    match File::open(path).and_then(|file| file.take(LONGEST).read_to_end(&mut bytes)) {
        Err(error) if is_absence(&error) => return Ok(Found::Nothing),
        read => read?,
    };
    // It may quote what anyone has written there.
    let other = |error: serde_json::Error| Found::Other(plain(&error.to_string()).into_owned());
    Ok(serde_json::from_slice(&bytes).map_or_else(other, Found::Owner))
}

/// Whether a file is not there, or was taken away on the file system's server while this looked at it.
fn is_absence(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::StaleNetworkFileHandle)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::thread;

    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<_> =
            fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// The claim of a process of this machine that has ended.
    fn dead() -> Owner {
        let mut child = std::process::Command::new("true").spawn().unwrap();
        child.wait().unwrap();
        Owner { pid: i32::try_from(child.id()).unwrap(), started: 1, ..Owner::this() }
    }

    #[test]
    fn a_claim_is_one_process_s_until_it_is_dropped_and_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let run = folder.path().join("runs/a");
        let claim = Claim::run(&run).unwrap();
        let refused = Claim::run(&run).unwrap_err();
        assert!(refused.to_string().contains(&format!("worked on by process {}", std::process::id())), "{refused}");
        assert!(holder_of_run(&run).unwrap().starts_with("process "));
        assert!(Claim::run(&folder.path().join("runs/b")).is_ok(), "another run is another claim");
        assert_eq!(names(&folder.path().join("runs")), [".claim-a"]);
        drop(claim);
        assert_eq!((names(&folder.path().join("runs")), holder_of_run(&run)), (Vec::new(), None));
        assert!(Claim::run(&run).is_ok());
    }

    #[test]
    fn the_claim_of_a_dead_process_is_broken_and_another_s_never_removed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("study.claim");
        let gone = dead();
        assert!(put(&gone, &path).unwrap());
        assert!(put(&gone, &place_of_run(&folder.path().join("a"))).unwrap());
        assert_eq!(holder_of_run(&folder.path().join("a")), None);
        fs::remove_file(place_of_run(&folder.path().join("a"))).unwrap();
        let claim = Claim::study(folder.path()).unwrap();
        // Whoever looked at the dead one's claim before breaks nothing now.
        break_claim(&path, folder.path(), &gone).unwrap();
        assert!(matches!(Claim::study(folder.path()), Err(ClaimError::Held { .. })));
        // Nor does one that lost its claim take away the next.
        fs::remove_file(&path).unwrap();
        assert!(put(&Owner::this(), &path).unwrap());
        drop(claim);
        assert_eq!(names(folder.path()), ["study.claim"]);
    }

    #[test]
    fn a_claim_whose_breaker_died_too_is_broken() {
        let folder = tempfile::tempdir().unwrap();
        let gone = dead();
        assert!(put(&gone, &folder.path().join("study.claim")).unwrap());
        assert!(put(&dead(), &folder.path().join(format!("study.claim.{}", gone.number))).unwrap());
        let claim = Claim::study(folder.path()).unwrap();
        assert_eq!(names(folder.path()), ["study.claim"]);
        drop(claim);
    }

    #[test]
    fn what_is_no_claim_stays_and_is_told_with_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("study.claim");
        for text in ["", "{\"host\": 1}", "{\"\\u001b[2J\": 1}"] {
            fs::write(&path, text).unwrap();
            let refused = Claim::study(folder.path()).unwrap_err().to_string();
            assert!(refused.contains("can't be known") && refused.ends_with("study.claim"), "{refused}");
            assert!(!refused.contains('\u{1b}'), "{refused:?}");
        }
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        assert!(Claim::study(folder.path()).unwrap_err().to_string().contains("no plain file"));
        assert!(path.is_dir());
    }

    #[test]
    fn of_many_that_break_a_dead_one_s_claim_one_at_a_time_is_at_work() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("study.claim");
        let (at_work, had) = (AtomicUsize::new(0), AtomicUsize::new(0));
        for _ in 0..20 {
            assert!(put(&dead(), &path).unwrap());
            thread::scope(|scope| {
                for _ in 0..8 {
                    scope.spawn(|| {
                        if let Ok(_claim) = Claim::study(folder.path()) {
                            assert_eq!(at_work.fetch_add(1, Ordering::SeqCst), 0);
                            thread::yield_now();
                            assert_eq!(at_work.fetch_sub(1, Ordering::SeqCst), 1);
                            had.fetch_add(1, Ordering::SeqCst);
                        }
                    });
                }
            });
            assert_eq!(names(folder.path()), [""; 0]);
        }
        assert!(had.load(Ordering::SeqCst) >= 20);
    }
}
