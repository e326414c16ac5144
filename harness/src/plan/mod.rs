//! From a study file to a plan: every setting resolved, with where it came from.

mod differences;
mod fingerprint;
mod key;
pub mod knobs;
mod layers;
mod name;
mod protocol;
mod resolve;
mod settings;
mod show;
mod study_file;

pub use differences::{SettingDifference, differences, flat, same_steps, value_text, with_settings_of};
pub use fingerprint::{HARNESS_NUMERICS, fingerprint};
pub use key::RunKey;
pub use name::{BackendName, BackendNameError};
pub use protocol::{Checkpoint, DropoutSettings, Protocol, Scheduler, SchedulerKind, Stop, StopKind};
pub use resolve::{Asked, Overrides, ResolvedRun, ResolvedSettings, override_data, resolve, resolve_data};
pub use settings::Settings;
pub use show::plan_text;
pub use study_file::{Division, PlanError, Study, StudyFile, Variant};
