//! The figures of merit of a binary classifier, from logits and labels.
