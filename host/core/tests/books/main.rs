//! Lots and postings of the core against a second implementation.

mod model;
