//! A linear system whose conditioning hides the error says so.
