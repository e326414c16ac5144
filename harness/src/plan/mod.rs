//! From a study file to a plan: every setting resolved, with where it came from.
