//! Where the corpus is kept, wherever this program is called and wherever it lies.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::exit::CliError;

/// The variable that names the folder.
const VARIABLE: &str = "STUDY_DATA_DIR";

/// What a repository of this project has.
const MARKS: [&str; 2] = ["data/imdb.toml", "harness/Cargo.toml"];

/// What the answer depends on.
struct Around {
    variable: Option<OsString>,
    working_directory: Option<PathBuf>,
    program: Option<PathBuf>,
    xdg_data_home: Option<OsString>,
    home: Option<PathBuf>,
}

/// The folder of the corpus and its encoded splits: the one that is named, else that of `STUDY_DATA_DIR`, else `data` in the repository that the
/// working directory or this program lies in, else where the platform keeps a user's data.
///
/// # Errors
/// Where nobody is at home.
pub(super) fn data_directory(named: Option<&Path>) -> Result<PathBuf, CliError> {
    let around = Around {
        variable: env::var_os(VARIABLE),
        working_directory: env::current_dir().ok(),
        program: env::current_exe().ok(),
        xdg_data_home: env::var_os("XDG_DATA_HOME"),
        home: env::home_dir(),
    };
    let found = named.map(Path::to_path_buf).or_else(|| around.data_directory());
    let reason = || format!("there is no home folder; name one with --data-dir or {VARIABLE}");
    found.ok_or_else(|| CliError::new("find a folder for the corpus", reason()))
}

impl Around {
    fn data_directory(&self) -> Option<PathBuf> {
        // As the XDG base directory specification has it: a path that is not absolute counts for nothing.
        let of_user = || {
            let named = self.xdg_data_home.as_ref().map(PathBuf::from).filter(|path| path.is_absolute());
            let home = || self.home.as_ref().filter(|home| home.is_absolute()).map(|home| home.join(".local/share"));
            Some(named.or_else(home)?.join("study"))
        };
        let repository = || {
            let places = [&self.working_directory, &self.program].into_iter().flatten();
            places.flat_map(|place| place.ancestors()).find(|folder| is_repository(folder)).map(|own| own.join("data"))
        };
        let named = self.variable.as_ref().filter(|path| !path.is_empty()).map(PathBuf::from);
        named.or_else(repository).or_else(of_user)
    }
}

fn is_repository(folder: &Path) -> bool {
    MARKS.iter().all(|mark| folder.join(mark).is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_place_is_taken() {
        let repository = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let mut around = Around {
            variable: Some("named".into()),
            working_directory: Some(repository.join("harness/src")),
            program: Some("/usr/bin/study".into()),
            xdg_data_home: Some("/var/data".into()),
            home: Some("/home/someone".into()),
        };
        let mut next = |expected: &Path, forget: fn(&mut Around)| {
            assert_eq!(around.data_directory().as_deref(), Some(expected));
            forget(&mut around);
        };
        next(Path::new("named"), |around| around.variable = Some(OsString::new()));
        next(&repository.join("data"), |around| around.working_directory = Some("/".into()));
        next(Path::new("/var/data/study"), |around| around.xdg_data_home = Some("not/absolute".into()));
        next(Path::new("/home/someone/.local/share/study"), |around| around.home = None);
        assert_eq!(around.data_directory(), None);
        around.program = Some(repository.join("target/release/study"));
        assert_eq!(around.data_directory(), Some(repository.join("data")));
    }
}
