//! What every check works with: the two backends, what the examined one can do, and the report in the making.

use crate::backend::{Backend, BackendInfo, Model};
use crate::capabilities::{Capabilities, Unsupported};
use crate::checked::build_checked;
use crate::error::BackendError;
use crate::spec::{CellKind, Device, Kernel, ModelSpec};
use crate::weights::WeightMap;

use super::Options;
use super::inputs::Stack;
use super::measure::Measure;
use super::report::{Check, Report};

/// A suite at work.
///
/// A backend that is served over a pipe holds one model, and building another ends the one before. So a check never uses a model after it has built the next one.
pub(super) struct Suite<'a> {
    backend: &'a mut dyn Backend,
    reference: &'a mut dyn Backend,
    info: BackendInfo,
    reference_capabilities: Capabilities,
    options: &'a Options,
    progress: &'a mut dyn FnMut(&Check),
    report: Report,
    kernel: Kernel,
}

impl<'a> Suite<'a> {
    pub(super) fn new(
        backend: &'a mut dyn Backend,
        reference: &'a mut dyn Backend,
        options: &'a Options,
        progress: &'a mut dyn FnMut(&Check),
    ) -> Self {
        let info = backend.describe();
        let reference_info = reference.describe();
        let report = Report {
            version: Report::VERSION,
            backend: info.name.clone(),
            libraries: info.libraries.clone(),
            reference: reference_info.name,
            checks: Vec::new(),
        };
        let kernel = info.capabilities.kernels.first().copied().unwrap_or(Kernel::Stock);
        let reference_capabilities = reference_info.capabilities;
        Self { backend, reference, info, reference_capabilities, options, progress, report, kernel }
    }

    pub(super) fn finish(self) -> Report {
        self.report
    }

    /// What the examined backend said of itself when the suite began, and what it says now.
    pub(super) fn descriptions(&self) -> (BackendInfo, BackendInfo) {
        (self.info.clone(), self.backend.describe())
    }

    pub(super) fn capabilities(&self) -> &Capabilities {
        &self.info.capabilities
    }

    /// The kernels to examine.
    pub(super) fn kernels(&self) -> Vec<Kernel> {
        let chosen = |kernel: &Kernel| self.options.kernels.is_empty() || self.options.kernels.contains(kernel);
        self.capabilities().kernels.iter().copied().filter(chosen).collect()
    }

    /// The cells that the examined backend lists and of which no model of the suite is within its capabilities: nothing would be seen of them.
    pub(super) fn cells_without_a_case(&self) -> Vec<CellKind> {
        let can = self.capabilities();
        let has_case = |cell: CellKind| {
            let stacks = Stack::all().into_iter().filter(move |stack| stack.cell == cell);
            let mut specs = stacks.flat_map(|stack| can.kernels.iter().map(move |kernel| stack.spec(can, *kernel)));
            specs.any(|spec| can.check(&spec).is_ok())
        };
        can.cells.iter().copied().filter(|cell| !has_case(*cell)).collect()
    }

    /// The kernel that models are built with from now on.
    pub(super) fn use_kernel(&mut self, kernel: Kernel) {
        self.kernel = kernel;
    }

    /// Whether the slow comparison at the study's full size was asked for.
    pub(super) fn study_size(&self) -> bool {
        self.options.study_size
    }

    /// A stack's small model, on the kernel in use.
    pub(super) fn spec(&self, stack: Stack) -> ModelSpec {
        stack.spec(self.capabilities(), self.kernel)
    }

    /// The subject's name in the report; the kernel is part of it where the backend has several.
    pub(super) fn subject(&self, words: &str) -> String {
        if self.capabilities().kernels.len() > 1 { format!("{words} ({})", self.kernel) } else { words.to_owned() }
    }

    /// Runs one check, unless the options leave it out, and reports it.
    pub(super) fn check(
        &mut self,
        name: &str,
        subject: &str,
        tolerance: f64,
        body: impl FnOnce(&mut Self, &mut Measure) -> Result<(), BackendError>,
    ) {
        self.check_together([(name, tolerance)], subject, |suite, [measure]| body(suite, measure));
    }

    /// Runs several checks that share their models, unless the options leave all of them out, and reports those that were asked for.
    pub(super) fn check_together<const N: usize>(
        &mut self,
        checks: [(&str, f64); N],
        subject: &str,
        body: impl FnOnce(&mut Self, &mut [Measure; N]) -> Result<(), BackendError>,
    ) {
        let only = &self.options.only;
        let wanted = checks.map(|(name, _)| only.is_empty() || only.iter().any(|only| only == name));
        if !wanted.contains(&true) {
            return;
        }
        let subject = self.subject(subject);
        let mut measures = std::array::from_fn(|_| Measure::default());
        let result = body(self, &mut measures);
        for (((name, tolerance), measure), wanted) in checks.into_iter().zip(measures).zip(wanted) {
            if wanted {
                let check = measure.conclude(name, &subject, tolerance, result.clone());
                (self.progress)(&check);
                self.report.checks.push(check);
            }
        }
    }

    /// Whether the examined backend can build this; if not, the measures note what it lacks.
    pub(super) fn can(&self, spec: &ModelSpec, measures: &mut [Measure]) -> bool {
        note(self.capabilities().check(spec), measures)
    }

    /// Whether both backends can build this; if not, the measures note what is lacking.
    pub(super) fn can_compare(&self, spec: &ModelSpec, measures: &mut [Measure]) -> bool {
        let reference = self.reference_capabilities.check(&self.for_reference(spec));
        let reference = reference.map_err(|lack| Unsupported {
            setting: format!("{} (by the reference)", lack.setting),
            supported: lack.supported,
        });
        self.can(spec, measures) && note(reference, measures)
    }

    /// The examined backend itself.
    pub(super) fn backend(&mut self) -> &mut dyn Backend {
        self.backend
    }

    /// A model of the examined backend.
    pub(super) fn build(&mut self, spec: &ModelSpec, weights: &WeightMap) -> Result<Box<dyn Model>, BackendError> {
        build_checked(self.backend, spec, weights)
    }

    /// The same model of the reference.
    pub(super) fn build_reference(
        &mut self,
        spec: &ModelSpec,
        weights: &WeightMap,
    ) -> Result<Box<dyn Model>, BackendError> {
        let spec = self.for_reference(spec);
        build_checked(self.reference, &spec, weights).map_err(|error| {
            BackendError::new(error.kind, format!("{error} (this was the reference, not the backend that is examined)"))
        })
    }

    /// The same model on the reference's own kernel and device.
    fn for_reference(&self, spec: &ModelSpec) -> ModelSpec {
        let kernel = self.reference_capabilities.kernels.first().copied().unwrap_or(Kernel::Stock);
        let device = self.reference_capabilities.devices.first().copied().unwrap_or(Device::Cpu);
        ModelSpec { kernel, device, ..spec.clone() }
    }
}

fn note(result: Result<(), Unsupported>, measures: &mut [Measure]) -> bool {
    match result {
        Ok(()) => true,
        Err(lack) => {
            for measure in measures {
                measure.lacks(&lack);
            }
            false
        }
    }
}
