//! The mistakes that can be planted.

/// What can be wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mistake {
    /// Nothing: the same parts put together rightly.
    Nothing,
    /// The first two gates are taken for each other, consistently in both directions.
    GatesSwapped,
    /// `sqrt(v + eps)` instead of `sqrt(v) + eps`.
    EpsilonInsideTheRoot,
    /// Adam's other formula.
    EpsilonPlacementIgnored,
    /// `(sum g)^2` where the spec says `sum g^2`, and the other way round.
    RepeatedWordsIgnored,
    /// Bias corrections are exact whatever the spec says.
    BiasCorrectionIgnored,
    /// The norm that clips is the gradient's whatever the spec says.
    ClipFormIgnored,
    /// Clipping takes the norm over occurrences, and leaves them as they are.
    ClippingKeepsOccurrences,
    /// Predictions use the masks of the step to come.
    DropoutInPrediction,
    /// Kept elements are not scaled.
    DropoutUnscaled,
    /// Every step of a row has the same mask.
    DropoutSharedOverTime,
    /// The seed goes through a float64.
    SeedRounded,
    /// A device is listed that no model can be built on.
    DeviceMissing,
    /// A cell is listed of which no model can be built.
    CellMissing,
    /// Every training step has the same masks.
    DropoutMasksRepeat,
    /// Gradients go through masks of their own.
    DropoutOtherMasksBackward,
    /// Padded steps change the state.
    MaskIgnored,
    /// The answer is read one step early.
    LastStepOffByOne,
    /// The LSTM's forget gate has no bias.
    ForgetBiasMissing,
    /// The gradient of the recurrent kernel's last gate in the last layer is 1 % too small.
    GateGradientScaled,
    /// Nothing flows back further than 30 steps from the end.
    TimeTruncated,
    /// With one bias vector the other is 0 at first but trained.
    HiddenBiasTrained,
    /// Words that aren't in the batch keep still.
    AbsentWordsStay,
    /// Padding, where it isn't masked, gets no gradient.
    PaddingGetsNoGradient,
    /// Every tensor is clipped to the norm on its own, whatever the spec says.
    ClippedPerTensor,
    /// Two bias vectors of a layer are two variables.
    BiasVectorsClippedApart,
    /// A gradient whose norm is infinite goes through as it is.
    InfiniteNormIgnored,
    /// The stabiliser is left out.
    ClipStabiliserIgnored,
    /// The reported norm is the one after clipping.
    NormAfterClipping,
    /// The loss is the sum over the rows.
    LossSummed,
    /// Decoupled weight decay leaves the head out.
    HeadNotDecayed,
    /// Every prediction uses up a step's dropout masks.
    PredictionDisturbsTheStream,
    /// Every prediction moves a weight.
    PredictionMovesAWeight,
    /// A model that goes on has its weights rounded to float32.
    StateRoundsWeights,
    /// A model that goes on begins with first moments of 0.
    StateForgetsFirstMoments,
    /// A model that goes on begins with second moments of 0.
    StateForgetsSecondMoments,
    /// A model that goes on counts Adam's steps from 0.
    StateForgetsSteps,
    /// A model that goes on draws its first masks again.
    StateForgetsStream,
    /// The norm of an update is that of the gradient.
    UpdateNormOfTheGradient,
    /// Measuring an update takes the masks of another step.
    MeasuringDraws,
    /// The loss takes labels as they are.
    LabelSmoothingIgnored,
    /// Id 0 at either end of a row's words is masked like padding.
    IdZeroMasked,
}
