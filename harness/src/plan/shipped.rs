//! The studies that come with the program, which are known by their names wherever it is.

use std::path::Path;

use super::study_file::{PlanError, Study};

/// Name and text of each study in `harness/studies`. A study is added by its file and a line here.
const SHIPPED: [(&str, &str); 8] = [
    ("attribution", include_str!("../../studies/attribution.toml")),
    ("demo", include_str!("../../studies/demo.toml")),
    ("escape", include_str!("../../studies/escape.toml")),
    ("grid", include_str!("../../studies/grid.toml")),
    ("headline", include_str!("../../studies/headline.toml")),
    ("real", include_str!("../../studies/real.toml")),
    ("times", include_str!("../../studies/times.toml")),
    ("trajectories", include_str!("../../studies/trajectories.toml")),
];

impl Study {
    /// The study of this file, or, where there is no such file, the one of this name that comes with the program.
    ///
    /// # Errors
    /// As [`Self::read`]; if there is neither, that is said with the names there are.
    pub fn find(place: &Path) -> Result<Self, PlanError> {
        if place.exists() {
            return Self::read(place);
        }
        let named = SHIPPED.iter().find(|(name, _)| place.as_os_str() == *name);
        match named {
            Some((name, text)) => Self::parse(text, Path::new(&format!("{name}.toml of this program"))),
            None if place.components().count() == 1 => {
                let names = SHIPPED.map(|(name, _)| name).join(", ");
                let message = format!(
                    "no such file, and no study of this name comes with the program; those that do are {names}"
                );
                Err(PlanError::Value { place: place.display().to_string(), message })
            }
            None => Self::read(place),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fs;

    use super::*;

    #[test]
    fn every_study_of_the_folder_is_shipped_under_its_name() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("studies");
        let files = fs::read_dir(folder).unwrap().flatten().map(|entry| entry.path());
        let of_folder: BTreeMap<String, String> = files
            .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
            .map(|path| (path.file_stem().unwrap().to_string_lossy().into_owned(), fs::read_to_string(path).unwrap()))
            .collect();
        let shipped = SHIPPED.map(|(name, text)| (name.to_owned(), text.to_owned()));
        assert_eq!(BTreeMap::from(shipped), of_folder);
        for (name, _) in SHIPPED {
            assert_eq!(Study::find(Path::new(name)).unwrap().file.name, name);
        }
    }
}
