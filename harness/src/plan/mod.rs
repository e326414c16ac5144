//! From a study file to a plan: every setting resolved, with where it came from.

mod differences;
mod fingerprint;
mod key;
pub mod knobs;
mod layers;
mod memory;
mod name;
pub(crate) mod protocol;
mod resolve;
mod settings;
mod shipped;
mod show;
mod study_file;

pub(crate) use differences::{SettingDifference, same_steps, value_text, with_settings_of};
pub use differences::{differences, flat};
pub(crate) use fingerprint::HARNESS_NUMERICS;
pub use fingerprint::fingerprint;
pub use key::RunKey;
pub(crate) use memory::{REVIEW, least_memory};
pub(crate) use name::{BackendName, BackendNameError};
pub use protocol::Protocol;
pub(crate) use resolve::{Asked, ResolvedRun, ResolvedSettings, override_data, resolve_data};
pub use resolve::{Overrides, resolve};
pub use settings::Settings;
pub(crate) use show::{plan_json, plan_text};
pub(crate) use study_file::PlanError;
pub use study_file::{Division, Study, Variant};
