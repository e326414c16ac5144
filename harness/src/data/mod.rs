//! The corpus: fetching, checking, splitting, encoding and caching it.
