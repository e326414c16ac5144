//! The reference's own tests: its equations, its gradients, and what it promises as a backend.
#![cfg(test)]

mod behaviour;
mod equations;
mod gradients;
mod models;
