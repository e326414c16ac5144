//! All that a backend of the comparison harness needs: the two traits it implements
//! ([`Backend`] and [`Model`]), the specification it is built from ([`ModelSpec`]), batches and
//! weights as plain host slices, the wire format, and [`serve()`], the one function that turns a
//! `Backend` into an executable.
//!
//! No tensor type of any framework crosses this boundary, and this crate depends on no
//! framework and on nothing that draws, tabulates or parses a command line.

pub mod align;
pub mod backend;
pub mod batch;
pub mod bounds;
pub mod capabilities;
pub mod checked;
pub mod conformance;
pub mod defaults;
pub mod error;
pub mod exclusion;
pub mod initializer;
pub mod parameters;
pub mod portable;
pub mod serve;
pub mod spec;
pub mod state;
pub mod subnormal;
pub mod weights;
pub mod wire;

pub use backend::{Backend, BackendInfo, GradientNorms, LibraryVersion, Model, StepReport};
pub use batch::{BatchError, LabelledBatch, Side, TokenBatch};
pub use capabilities::{Capabilities, Unsupported};
pub use checked::{Checks, build_checked, resume_checked};
pub use defaults::{
    Batching, DefaultRow, DropoutPlace, NativeDefaults, PatienceRule, PlateauDefaults, Sourced, ThresholdMode,
};
pub use error::{BackendError, ErrorKind};
pub use exclusion::{DeviceKind, Exclusion};
pub use initializer::Initializer;
pub use parameters::{Parameter, TensorGroup};
pub use portable::portable_here;
pub use serve::{serve, serve_on};
pub use spec::{
    AdamSpec, BiasCorrection, BiasVectors, CellKind, ClipForm, ClipSpec, Device, DropoutSpec, EpsilonPlacement,
    GruForm, Kernel, ModelSpec, Pooling, RepeatedWords, SpecError, WeightDecayForm, WeightDecaySpec, float32_norm,
};
pub use state::{Element, Elements, ModelState, StateError, StatePart, StateTensor};
pub use weights::{Tensor, WeightError, WeightMap};
