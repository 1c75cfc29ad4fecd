//! Memory that is not there is a named error with the planned bytes.
