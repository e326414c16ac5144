//! The embedding's gradient and update: a word occurs many times in a batch, and most words not at all.

use harness_contract::{ModelSpec, RepeatedWords, WeightDecayForm};

use crate::adam::{Optimiser, Slots};
use crate::graph::{Builder, Value};

/// The distinct words of a batch.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Words {
    /// Ids of the words, in the order in which they first occur.
    pub(crate) ids: Vec<i32>,
    /// For each token the place of its word in `ids`.
    pub(crate) places: Vec<i32>,
}

impl Words {
    /// Finds the distinct words of a batch; ids lie in `0..vocabulary_size`.
    pub(crate) fn of(tokens: &[i32], vocabulary_size: usize) -> Self {
        let mut ids = Vec::new();
        let mut known = vec![-1; vocabulary_size];
        let mut place = |token: i32| {
            let place = known.get_mut(usize::try_from(token).ok()?)?;
            if *place < 0 {
                *place = i32::try_from(ids.len()).ok()?;
                ids.push(token);
            }
            Some(*place)
        };
        let places = tokens.iter().filter_map(|&token| place(token)).collect();
        Self { ids, places }
    }
}

/// The gradient of the embedding's rows.
pub(crate) struct RowGradients<'b> {
    /// Ids of the words of the batch, `[words]`, none twice.
    pub(crate) ids: Value<'b>,
    /// For each occurrence the place of its word in `ids`, `[time * batch]`.
    pub(crate) places: Value<'b>,
    /// The gradient of each occurrence, `[time * batch, embedding]`.
    pub(crate) occurrences: Value<'b>,
    /// The gradient of each word, `[words, embedding]`.
    pub(crate) sums: Value<'b>,
}

impl<'b> RowGradients<'b> {
    /// Sums the occurrences of each word.
    pub(crate) fn new(ids: Value<'b>, places: Value<'b>, occurrences: Value<'b>) -> Self {
        let sums = occurrences.segment_sum(places, count(ids));
        Self { ids, places, occurrences, sums }
    }

    /// One update of the embedding; `coefficient` is that of clipping.
    ///
    /// Adam moves every row, also those of words that are not in the batch: their gradient is 0, their moments decay.
    pub(crate) fn apply(
        &self,
        optimiser: &Optimiser<'_, 'b>,
        spec: &ModelSpec,
        slots: Slots<'b>,
        coefficient: Option<Value<'b>>,
        zeros: Value<'b>,
    ) -> Value<'b> {
        let clipped = |gradient: Value<'b>| coefficient.map_or(gradient, |coefficient| gradient * coefficient);
        let sums = clipped(self.sums);
        let coupled = spec.weight_decay.form == WeightDecayForm::Coupled && spec.weight_decay.rate > 0.0;
        let forgetful = spec.adam.beta1 == 0.0 || spec.adam.beta2 == 0.0;
        match spec.adam.repeated_words {
            RepeatedWords::SumThenSquare => optimiser.apply(slots, self.dense(spec, sums)),
            RepeatedWords::SquareThenSum => {
                let squares = clipped(self.occurrences).square().segment_sum(self.places, count(self.ids));
                if coupled || forgetful {
                    self.apply_dense_squares(optimiser, spec, slots, sums, squares)
                } else {
                    self.apply_to_rows(optimiser, slots, sums, squares, zeros)
                }
            }
        }
    }

    /// Gives the rows of the words their news first, and lets the kernel, which is told that the gradient is 0, decay all
    /// moments and move all rows: `(m + g c1 / (1 - c1)) (1 - c1) = m (1 - c1) + g c1`.
    fn apply_to_rows(
        &self,
        optimiser: &Optimiser<'_, 'b>,
        slots: Slots<'b>,
        sums: Value<'b>,
        squares: Value<'b>,
        zeros: Value<'b>,
    ) -> Value<'b> {
        let averages = optimiser.averages();
        let before_decay = |gain: f64| gain / (1.0 - gain);
        let first = slots.first.add_rows(self.ids, sums * before_decay(averages.first_gain));
        let second = slots.second.add_rows(self.ids, squares * before_decay(averages.second_gain));
        optimiser.apply_after(slots, zeros, &[first, second])
    }

    /// Writes the update out, for where the kernel's news can't be given in advance: a beta of 0 leaves nothing for them to
    /// survive in, and coupled decay gives every row news. Decay counts as one more occurrence, whose square is added.
    fn apply_dense_squares(
        &self,
        optimiser: &Optimiser<'_, 'b>,
        spec: &ModelSpec,
        slots: Slots<'b>,
        sums: Value<'b>,
        squares: Value<'b>,
    ) -> Value<'b> {
        let averages = optimiser.averages();
        let hyperparameters = optimiser.hyperparameters();
        let mut gradient = self.dense(spec, sums);
        let mut square = self.dense(spec, squares);
        if let Some(decay) = optimiser.coupled_decay(slots.weight) {
            gradient = gradient + decay;
            square = square + decay.square();
        }
        let average = |handle: Value<'b>, news: Value<'b>, gain: f64| {
            let before = handle.read();
            let after = before * (1.0 - gain) + news * gain;
            (after, handle.assign(after, &[]))
        };
        let (first, keep_first) = average(slots.first, gradient, averages.first_gain);
        let (second, keep_second) = average(slots.second, square, averages.second_gain);
        let step = (first * hyperparameters.rate).divided_by(second.sqrt() + hyperparameters.epsilon);
        let weight = slots.weight.read_after(&[step]);
        let shrunk = optimiser.decoupled_factor().map_or(weight, |factor| weight * factor);
        slots.weight.assign(shrunk - step, &[keep_first, keep_second])
    }

    /// Rows of the words of the batch among zeros, `[vocabulary, embedding]`.
    fn dense(&self, spec: &ModelSpec, rows: Value<'b>) -> Value<'b> {
        let b: &Builder = rows.builder();
        let axis = |size: usize| i32::try_from(size).unwrap_or(i32::MAX);
        let shape = b.ints(&[axis(spec.vocabulary_size), axis(spec.embedding_size)]);
        rows.scatter_nd(self.ids.reshape_to(&[-1, 1]), shape)
    }
}

/// How many words there are, as an int32 scalar.
fn count(ids: Value<'_>) -> Value<'_> {
    ids.builder().op("Size").input(ids).value()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_token_finds_its_word_among_the_distinct_ones() {
        let words = Words::of(&[7, 0, 7, 3, 0, 0], 8);
        assert_eq!(words, Words { ids: vec![7, 0, 3], places: vec![0, 1, 0, 2, 1, 1] });
    }
}
