//! The data from source to stored splits, on a corpus of 24 reviews in every form that a source can have.

#![expect(clippy::unwrap_used, reason = "a test that can't go on has failed")]

mod copies;
mod damage;
mod download;
mod encoding;
#[path = "../support/executable.rs"]
mod executable;
mod storing;
