//! Statuses and advice say what happened.
