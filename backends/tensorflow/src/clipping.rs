//! Clipping by norm: what gradients are multiplied by.

use harness_contract::{ClipForm, ClipSpec, ModelSpec};

use crate::graph::Value;

/// The gradient's global norm, and what clipping makes of it.
pub(crate) struct Clipping<'b> {
    /// The norm as it came, a scalar.
    pub(crate) norm: Value<'b>,
    /// Every factor there is, at most 1: none without clipping, one, or one for each variable.
    pub(crate) factors: Vec<Value<'b>>,
    /// For each parameter in canonical order the place of its factor.
    places: Vec<usize>,
}

impl<'b> Clipping<'b> {
    /// What clipping makes of the gradients of words, `[rows, embedding]`, whose squared occurrences are `[time * batch, embedding]`, and those of all
    /// other parameters in canonical order.
    pub(crate) fn new(
        spec: &ModelSpec,
        words: Value<'b>,
        squared_occurrences: Value<'b>,
        others: &[Value<'b>],
    ) -> Self {
        let of_others: Vec<_> = others.iter().map(|gradient| sum_of(gradient.square())).collect();
        let norm_with = |of_words| Value::total(&[of_others.as_slice(), &[of_words]].concat()).sqrt();
        let norm = norm_with(sum_of(words.square()));
        let one_for_all = |factor| (vec![factor], vec![0; others.len() + 1]);
        let (factors, places) = match spec.clip {
            None => (Vec::new(), Vec::new()),
            Some(clip @ ClipSpec { form: ClipForm::Gradient, .. }) => one_for_all(factor(clip, norm)),
            Some(clip @ ClipSpec { form: ClipForm::Occurrences, .. }) => {
                let norm = norm_with(sum_of(squared_occurrences));
                // As Keras has it: nothing is added to a factor of a finite norm, and any other norm makes it NaN.
                #[expect(clippy::eq_op, reason = "0 of a finite norm, NaN of any other")]
                let finite = norm - norm;
                one_for_all(factor(clip, norm) + finite)
            }
            Some(clip @ ClipSpec { form: ClipForm::EachVariable, .. }) => {
                let variables = spec.variables();
                let squares = |at: usize| if at == 0 { sum_of(squared_occurrences) } else { of_others[at - 1] };
                let norm_of = |parameters| Value::total(&Iterator::map(parameters, squares).collect::<Vec<_>>()).sqrt();
                let factors = variables.iter().map(|variable| factor(clip, norm_of(variable.clone()))).collect();
                (factors, variables.into_iter().enumerate().flat_map(|(at, own)| own.map(move |_| at)).collect())
            }
        };
        Self { norm, factors, places }
    }

    /// What the gradient of a parameter, by its place in canonical order, is multiplied by; none without clipping.
    pub(crate) fn factor(&self, parameter: usize) -> Option<Value<'b>> {
        self.places.get(parameter).map(|&place| self.factors[place])
    }
}

/// `min(1, clip.norm / (norm + stabiliser))`, and NaN of what is NaN, which `Minimum` need not give.
fn factor(clip: ClipSpec, norm: Value<'_>) -> Value<'_> {
    let b = norm.builder();
    let one = b.scalar(1.0);
    let quotient = b.scalar(clip.norm).divided_by(norm + b.scalar(clip.stabiliser));
    one.less(quotient).choose(one, quotient)
}

/// The sum of all elements.
fn sum_of(value: Value<'_>) -> Value<'_> {
    value.reshape_to(&[-1]).sum(&[0])
}
