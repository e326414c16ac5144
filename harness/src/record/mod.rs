//! What a run leaves behind, and how it is written so that nothing is half there.
