//! Runs the points of a study at once or in turn, and goes on where it stopped.
