//! Backends as processes: starting, talking to and ending them.
