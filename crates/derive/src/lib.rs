//! The derive macro for structured inputs.
