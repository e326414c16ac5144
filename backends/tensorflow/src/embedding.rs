//! The embedding's gradient and update: a word occurs many times in a batch, and most words not at all.

use harness_contract::{ClipForm, ModelSpec, RepeatedWords, WeightDecayForm};
use tensorflow::DataType;

use crate::adam::{Optimiser, Slots};
use crate::graph::{Builder, Value};

/// The distinct words of a batch and where they occur.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Words {
    /// Ids of the words, ascending.
    pub(crate) ids: Vec<i32>,
    /// Places of the tokens in the batch, word by word, those of each word ascending.
    pub(crate) occurrences: Vec<i32>,
    /// For each of these the place of its word in `ids`.
    pub(crate) segments: Vec<i32>,
    /// For each word of the vocabulary its place in `ids`, and the number of `ids` for those that are not in the batch.
    pub(crate) places: Vec<i32>,
}

impl Words {
    /// Sorts the tokens of a batch by word, by counting; ids must lie in `0..vocabulary_size`.
    pub(crate) fn of(tokens: &[i32], vocabulary_size: usize) -> Self {
        let index = |token: i32| usize::try_from(token).unwrap_or(usize::MAX);
        let number = |place: usize| i32::try_from(place).unwrap_or(i32::MAX);
        let mut counts = vec![0; vocabulary_size];
        for &token in tokens {
            counts[index(token)] += 1;
        }
        let mut ids = Vec::new();
        let mut segments = Vec::with_capacity(tokens.len());
        let mut places = vec![-1; vocabulary_size];
        let mut next = counts;
        for (id, next) in next.iter_mut().enumerate().filter(|(_, count)| **count > 0) {
            places[id] = number(ids.len());
            let first = segments.len();
            segments.resize(first + *next, number(ids.len()));
            ids.push(number(id));
            *next = first;
        }
        let mut occurrences = vec![0; tokens.len()];
        for (place, &token) in tokens.iter().enumerate() {
            let next = &mut next[index(token)];
            occurrences[*next] = number(place);
            *next += 1;
        }
        let absent = number(ids.len());
        places.iter_mut().filter(|place| **place < 0).for_each(|place| *place = absent);
        Self { ids, occurrences, segments, places }
    }
}

/// The placeholders of [`Words`].
#[derive(Clone, Copy)]
pub(crate) struct WordFeeds<'b> {
    /// `[words]`, or `[vocabulary]` where the update is compiled: [`Words::ids`] or [`Words::places`].
    pub(crate) words: Value<'b>,
    /// `[time * batch]`.
    pub(crate) occurrences: Value<'b>,
    /// `[time * batch]`.
    pub(crate) segments: Value<'b>,
    /// Rows of the gradient, a scalar: as many as words, or more, which are zeros.
    pub(crate) rows: Value<'b>,
}

/// The gradient of the embedding's rows.
pub(crate) struct RowGradients<'b> {
    feeds: WordFeeds<'b>,
    /// The gradient of each occurrence, `[time * batch, embedding]`.
    occurrences: Value<'b>,
    /// The squared gradient of each occurrence, `[time * batch, embedding]`.
    squared_occurrences: Value<'b>,
    /// The gradient of each word, `[rows, embedding]`.
    pub(crate) sums: Value<'b>,
}

impl<'b> WordFeeds<'b> {
    /// Adds the placeholders.
    pub(crate) fn new(b: &'b Builder) -> Self {
        let placeholder = || b.placeholder(DataType::Int32);
        Self { words: placeholder(), occurrences: placeholder(), segments: placeholder(), rows: placeholder() }
    }

    fn sum(self, occurrences: Value<'b>) -> Value<'b> {
        occurrences.segment_sum(self.occurrences, self.segments, self.rows)
    }
}

impl<'b> RowGradients<'b> {
    /// Sums the occurrences of each word, of which the gradients and their squares are given, `[time * batch, embedding]`.
    pub(crate) fn new(feeds: WordFeeds<'b>, occurrences: Value<'b>, squared_occurrences: Value<'b>) -> Self {
        Self { feeds, occurrences, squared_occurrences, sums: feeds.sum(occurrences) }
    }

    /// The sum of the squares of each word's occurrences, `[rows, embedding]`.
    fn squares(&self) -> Value<'b> {
        self.feeds.sum(self.squared_occurrences)
    }

    /// One update of the embedding; `coefficient` is that of clipping.
    ///
    /// Adam moves every row, also those of words that are not in the batch: their gradient is 0, their moments decay.
    pub(crate) fn apply(
        &self,
        optimiser: &Optimiser<'_, 'b>,
        slots: Slots<'b>,
        coefficient: Option<Value<'b>>,
    ) -> Value<'b> {
        let spec = optimiser.spec();
        let (sums, squares, left) = self.clipped(optimiser, coefficient);
        let Some(squares) = squares else { return optimiser.apply(slots, dense(spec, self.feeds.words, sums, left)) };
        let coupled = spec.weight_decay.form == WeightDecayForm::Coupled && spec.weight_decay.rate > 0.0;
        if coupled || spec.adam.beta1 == 0.0 || spec.adam.beta2 == 0.0 {
            let (sums, squares) =
                (dense(spec, self.feeds.words, sums, left), dense(spec, self.feeds.words, squares, None));
            return update(optimiser, slots, sums, Some(squares));
        }
        let b = sums.builder();
        let left = left.unwrap_or_else(|| b.scalar(1.0));
        let mut arguments = vec![slots.weight, slots.first, slots.second];
        arguments.extend(optimiser.hyperparameters().all());
        arguments.extend([self.feeds.words, sums, squares, left]);
        b.function(WORDS_FIRST, &arguments, |f, arguments| {
            let (optimiser, slots, [words, sums, squares, left]) = inside(optimiser, arguments);
            let updated = words_first(&optimiser, slots, words, sums * left, squares);
            vec![f.op("Identity").input(left).after(&[updated]).value()]
        });
        b.function(ALL_ROWS, &arguments, |f, arguments| {
            let (optimiser, slots, [words, sums, squares, left]) = inside(optimiser, arguments);
            let (sums, squares) = (dense(spec, words, sums, Some(left)), dense(spec, words, squares, None));
            let updated = update(&optimiser, slots, sums, Some(squares));
            vec![f.op("Identity").input(left).after(&[updated]).value()]
        });
        // Neither a square beyond float32 nor a factor that is not a number bears to be given in advance: infinity less infinity is nothing.
        let total = squares.reshape_to(&[-1]).sum(&[0]) + left;
        b.either(total.less(b.scalar(f64::from(f32::MAX))), [WORDS_FIRST, ALL_ROWS], &arguments)
    }

    /// The sums of occurrences, their squares where these are to be summed, clipped, and what the sums are still to be multiplied by: where all gradients have one
    /// coefficient they are clipped as the dense gradient that they are part of, else as the occurrences that there are.
    fn clipped(
        &self,
        optimiser: &Optimiser<'_, 'b>,
        coefficient: Option<Value<'b>>,
    ) -> (Value<'b>, Option<Value<'b>>, Option<Value<'b>>) {
        let spec = optimiser.spec();
        let squares = (spec.repeated_words() == RepeatedWords::SquareThenSum).then(|| {
            let squares = self.squares();
            coefficient.map_or(squares, |coefficient| clipped_squares(squares, coefficient))
        });
        match (spec.clip.map(|clip| clip.form), coefficient) {
            (Some(ClipForm::EachVariable), Some(coefficient)) => {
                (self.feeds.sum(self.occurrences * coefficient), squares, None)
            }
            (_, coefficient) => (self.sums, squares, coefficient),
        }
    }

    /// The same update as one function that XLA compiles into a single pass over the embedding and its moments.
    pub(crate) fn apply_compiled(
        &self,
        optimiser: &Optimiser<'_, 'b>,
        slots: Slots<'b>,
        coefficient: Option<Value<'b>>,
    ) -> Value<'b> {
        const NAME: &str = "fused_embedding_update";
        let b = self.sums.builder();
        let (sums, squares, left) = self.clipped(optimiser, coefficient);
        let mut arguments = vec![slots.weight, slots.first, slots.second];
        arguments.extend(optimiser.hyperparameters().all());
        arguments.extend([left.unwrap_or_else(|| b.scalar(1.0)), self.feeds.words, sums]);
        arguments.extend(squares);
        let results = b.compiled(NAME, &arguments, |f, arguments| {
            let slots = Slots { weight: arguments[0], first: arguments[1], second: arguments[2] };
            let optimiser = optimiser.inside([arguments[3], arguments[4], arguments[5]]);
            let coefficient = arguments[6];
            let places = arguments[7];
            let sums = arguments[8].take(places) * coefficient;
            let squares = arguments.get(9).map(|squares| squares.take(places));
            let updated = update(&optimiser, slots, sums, squares);
            vec![f.op("Identity").input(coefficient).after(&[updated]).value()]
        });
        // There is none where the graph has failed; then every value is void.
        results.first().copied().unwrap_or(self.sums)
    }
}

/// The two functions by which the embedding may be updated.
const WORDS_FIRST: &str = "embedding_update_words_first";
const ALL_ROWS: &str = "embedding_update_all_rows";

/// The arguments of either: slots, hyperparameters, and words, sums, squares and what the sums are still to be multiplied by.
fn inside<'a, 's>(
    optimiser: &Optimiser<'a, '_>,
    arguments: &[Value<'s>],
) -> (Optimiser<'a, 's>, Slots<'s>, [Value<'s>; 4]) {
    let slots = Slots { weight: arguments[0], first: arguments[1], second: arguments[2] };
    let optimiser = optimiser.inside([arguments[3], arguments[4], arguments[5]]);
    (optimiser, slots, [arguments[6], arguments[7], arguments[8], arguments[9]])
}

/// Gives the rows of the words their news first, and lets the kernel, which is told that the gradient is 0, decay all moments and move all
/// rows: `(m + g c1 / (1 - c1)) (1 - c1) = m (1 - c1) + g c1`.
fn words_first<'b>(
    optimiser: &Optimiser<'_, 'b>,
    slots: Slots<'b>,
    words: Value<'b>,
    sums: Value<'b>,
    squares: Value<'b>,
) -> Value<'b> {
    let (spec, averages) = (optimiser.spec(), optimiser.averages());
    let before_decay = |gain: f64| gain / (1.0 - gain);
    let first = slots.first.add_rows(words, sums * before_decay(averages.first_gain));
    let second = slots.second.add_rows(words, squares * before_decay(averages.second_gain));
    let b = sums.builder();
    optimiser.apply_after(slots, b.zeros(shape(spec, b)), &[first, second])
}

/// Rows of the words of the batch among zeros, `[vocabulary, embedding]`, times a factor. One that is NaN makes NaN of all rows, also of those that are 0.
fn dense<'b>(spec: &ModelSpec, words: Value<'b>, rows: Value<'b>, factor: Option<Value<'b>>) -> Value<'b> {
    let all = rows.scatter_nd(words.reshape_to(&[-1, 1]), shape(spec, rows.builder()));
    factor.map_or(all, |factor| all * factor)
}

/// The shape of the embedding.
fn shape<'b>(spec: &ModelSpec, b: &'b Builder) -> Value<'b> {
    let axis = |size: usize| i32::try_from(size).unwrap_or(i32::MAX);
    b.ints(&[axis(spec.vocabulary_size), axis(spec.embedding_size)])
}

/// The squares of occurrences that are multiplied by a coefficient before they are squared. One of 0 makes 0 of a square that is beyond float32, too.
fn clipped_squares<'b>(squares: Value<'b>, coefficient: Value<'b>) -> Value<'b> {
    let zero = squares.builder().scalar(0.0);
    zero.less(coefficient).choose(squares * coefficient.square(), zero)
}

/// Adam written out, for where the kernel does not serve: it squares what it averages itself, and XLA does better if it sees all of the update.
///
/// `squares` stands for the squares of `gradient`. Coupled decay counts as one more occurrence, whose square is added.
fn update<'b>(
    optimiser: &Optimiser<'_, 'b>,
    slots: Slots<'b>,
    gradient: Value<'b>,
    squares: Option<Value<'b>>,
) -> Value<'b> {
    let averages = optimiser.averages();
    let hyperparameters = optimiser.hyperparameters();
    let (gradient, squares) = match (optimiser.coupled_decay(slots.weight), squares) {
        (Some(decay), Some(squares)) => (gradient + decay, squares + decay.square()),
        (Some(decay), None) => (gradient + decay, (gradient + decay).square()),
        (None, Some(squares)) => (gradient, squares),
        (None, None) => (gradient, gradient.square()),
    };
    let average = |handle: Value<'b>, news: Value<'b>, gain: f64| {
        let before = handle.read();
        let after = before + (news - before) * gain;
        (after, handle.assign(after, &[]))
    };
    let (first, keep_first) = average(slots.first, gradient, averages.first_gain);
    let (second, keep_second) = average(slots.second, squares, averages.second_gain);
    let step = (first * hyperparameters.rate).divided_by(second.sqrt() + hyperparameters.epsilon);
    let weight = slots.weight.read_after(&[step]);
    let shrunk = optimiser.decoupled_factor().map_or(weight, |factor| weight * factor);
    slots.weight.assign(shrunk - step, &[keep_first, keep_second])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn tokens_are_sorted_by_word() {
        let words = Words::of(&[7, 0, 7, 3, 0, 0], 8);
        assert_eq!(
            words,
            Words {
                ids: vec![0, 3, 7],
                occurrences: vec![1, 4, 5, 3, 0, 2],
                segments: vec![0, 0, 0, 1, 2, 2],
                places: vec![0, 3, 3, 1, 3, 3, 3, 2],
            }
        );
    }

    proptest! {
        #[test]
        fn every_token_is_an_occurrence_of_its_own_word(tokens in prop::collection::vec(0..20_i32, 1..60)) {
            let words = Words::of(&tokens, 20);
            let mut seen = vec![false; tokens.len()];
            for (&occurrence, &segment) in words.occurrences.iter().zip(&words.segments) {
                let token = tokens[occurrence as usize];
                prop_assert_eq!(words.ids[segment as usize], token);
                prop_assert_eq!(words.places[token as usize], segment);
                prop_assert!(!std::mem::replace(&mut seen[occurrence as usize], true));
            }
            prop_assert!(seen.into_iter().all(|seen| seen));
            prop_assert!(words.segments.is_sorted());
        }
    }
}
