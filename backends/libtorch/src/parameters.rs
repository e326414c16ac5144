//! The weights as libtorch holds them: the embedding as one tensor, everything else as views of one flat tensor.
//!
//! One flat tensor lets the optimiser and the gradient norm treat the dozen small tensors of the recurrent layers and
//! the head in one go. The embedding stands apart because a batch touches few of its rows.

use std::ops::Range;

use harness_contract::{BiasVectors, ModelSpec, ModelState, Parameter, StatePart, WeightMap};
use tch::{Device, Kind, TchError, Tensor};

/// Where the canonical parameters of a model lie: the embedding, and the others in canonical order in a flat tensor.
pub(crate) struct Layout {
    embedding: Parameter,
    core: Vec<(Parameter, Range<usize>)>,
}

/// Weights, or anything else with one value per weight, split as [`Layout`] says.
pub(crate) struct Parameters {
    /// `[vocabulary_size, embedding_size]`.
    pub(crate) embedding: Tensor,
    /// Every other parameter, one after the other, `[Layout::core_len]`.
    pub(crate) core: Tensor,
}

/// Views of the parameters that are not the embedding, by their place in the model.
pub(crate) struct CoreViews {
    /// One for each recurrent layer.
    pub(crate) layers: Vec<LayerViews>,
    /// `[1, hidden_size]`.
    pub(crate) head_weight: Tensor,
    /// `[1]`.
    pub(crate) head_bias: Tensor,
}

/// Views of one recurrent layer's parameters.
pub(crate) struct LayerViews {
    /// `[gates * hidden_size, input_size]`.
    pub(crate) weight_ih: Tensor,
    /// `[gates * hidden_size, hidden_size]`.
    pub(crate) weight_hh: Tensor,
    /// `[gates * hidden_size]`.
    pub(crate) bias_ih: Tensor,
    /// `[gates * hidden_size]`; `None` with one bias vector.
    pub(crate) bias_hh: Option<Tensor>,
}

impl Layout {
    /// The layout of a model's parameters.
    pub(crate) fn new(spec: &ModelSpec) -> Self {
        let mut parameters = spec.parameters();
        let embedding = parameters.remove(0);
        let mut end = 0;
        let core = parameters
            .into_iter()
            .map(|parameter| {
                let start = end;
                end += parameter.len();
                (parameter, start..end)
            })
            .collect();
        Self { embedding, core }
    }

    /// How many numbers the parameters besides the embedding have together.
    pub(crate) fn core_len(&self) -> usize {
        self.core.last().map_or(0, |(_, range)| range.end)
    }

    /// Zeros for every parameter.
    pub(crate) fn zeros(&self, options: (Kind, Device)) -> Result<Parameters, TchError> {
        Ok(Parameters {
            embedding: Tensor::f_zeros(lengths(&self.embedding.shape), options)?,
            core: Tensor::f_zeros([length(self.core_len())], options)?,
        })
    }

    /// The weights of a map that has been checked against the model's spec.
    ///
    /// # Errors
    /// A tensor that is missing after all, or libtorch's.
    pub(crate) fn load(&self, weights: &WeightMap, options: (Kind, Device)) -> Result<Parameters, TchError> {
        let data = |name: &str| weights.get(name).map(|tensor| tensor.data.as_slice());
        self.filled(|name| data(name).map_err(|error| TchError::Kind(error.to_string())), options)
    }

    /// One part of a state that has been checked against the model's spec.
    ///
    /// # Errors
    /// As [`Self::load`].
    pub(crate) fn load_part(
        &self,
        state: &ModelState,
        part: StatePart,
        options: (Kind, Device),
    ) -> Result<Parameters, TchError> {
        let data = |name: &str| state.float32(part, name).map_err(|error| TchError::Kind(error.to_string()));
        self.filled(data, options)
    }

    /// Values by the parameters' names.
    fn filled<'a>(
        &self,
        data: impl Fn(&str) -> Result<&'a [f32], TchError>,
        options: (Kind, Device),
    ) -> Result<Parameters, TchError> {
        let embedding = Tensor::f_from_slice(data(&self.embedding.name)?)?
            .f_view(lengths(&self.embedding.shape).as_slice())?
            .f_to_device(options.1)?
            .f_to_kind(options.0)?;
        let mut core = Vec::with_capacity(self.core_len());
        for (parameter, _) in &self.core {
            core.extend_from_slice(data(&parameter.name)?);
        }
        let core = Tensor::f_from_slice(&core)?.f_to_device(options.1)?.f_to_kind(options.0)?;
        Ok(Parameters { embedding, core })
    }

    /// The values as a map of host tensors.
    pub(crate) fn save(&self, parameters: &Parameters) -> Result<WeightMap, TchError> {
        let mut map = WeightMap::new();
        let parameters = std::iter::once(&self.embedding)
            .chain(self.core.iter().map(|(parameter, _)| parameter))
            .zip(self.to_host(parameters)?);
        for (parameter, data) in parameters {
            map.insert(parameter.name.clone(), harness_contract::Tensor { shape: parameter.shape.clone(), data })
                .map_err(|error| TchError::Kind(error.to_string()))?;
        }
        Ok(map)
    }

    /// The values of each parameter, in canonical order.
    pub(crate) fn to_host(&self, parameters: &Parameters) -> Result<Vec<Vec<f32>>, TchError> {
        let core = to_host(&parameters.core)?;
        let others = self.core.iter().map(|(_, range)| core[range.clone()].to_vec());
        Ok(std::iter::once(to_host(&parameters.embedding)?).chain(others).collect())
    }

    /// Each parameter of a flat tensor as a view with the parameter's shape, in canonical order.
    pub(crate) fn views(&self, core: &Tensor) -> Result<Vec<Tensor>, TchError> {
        self.core
            .iter()
            .map(|(parameter, range)| {
                core.f_narrow(0, length(range.start), length(range.len()))?.f_view(lengths(&parameter.shape).as_slice())
            })
            .collect()
    }
}

impl CoreViews {
    /// Sorts tensors in canonical order, as [`Layout::views`] gives them, into their places.
    pub(crate) fn new(spec: &ModelSpec, views: &[Tensor]) -> Result<Self, TchError> {
        let mut views = views.iter();
        let mut next = || {
            views
                .next()
                .map(Tensor::shallow_clone)
                .ok_or_else(|| TchError::Shape("fewer parameters than the model has".into()))
        };
        let layers = (0..spec.layers)
            .map(|_| {
                Ok(LayerViews {
                    weight_ih: next()?,
                    weight_hh: next()?,
                    bias_ih: next()?,
                    bias_hh: match spec.bias_vectors {
                        BiasVectors::One => None,
                        BiasVectors::Two => Some(next()?),
                    },
                })
            })
            .collect::<Result<_, TchError>>()?;
        Ok(Self { layers, head_weight: next()?, head_bias: next()? })
    }
}

/// A tensor's elements as float32 on the host.
pub(crate) fn to_host(tensor: &Tensor) -> Result<Vec<f32>, TchError> {
    let tensor = tensor.f_to_device(Device::Cpu)?.f_to_kind(Kind::Float)?.f_contiguous()?;
    let mut data = vec![0.0; tensor.numel()];
    let len = data.len();
    tensor.f_copy_data(&mut data, len)?;
    Ok(data)
}

/// A length as libtorch wants it.
#[expect(clippy::cast_possible_wrap, reason = "no tensor in memory has 2^63 elements")]
pub(crate) const fn length(value: usize) -> i64 {
    value as i64
}

/// A shape as libtorch wants it.
pub(crate) fn lengths(shape: &[usize]) -> Vec<i64> {
    shape.iter().copied().map(length).collect()
}
