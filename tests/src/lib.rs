//! Whole-system tests; see `system/`.
