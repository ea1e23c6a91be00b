//! The functions that the world talks to, from outside: floods of deliveries, and what must never be told.
#![cfg(test)]

mod canaries;
mod deliveries;
mod provider;
