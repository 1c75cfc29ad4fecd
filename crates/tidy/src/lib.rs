//! The house rules that a test can hold. Every rule is a test, one rule a file; a failure says what to do.
//!
//! Files are parsed (`syn`, `proc-macro2`), never searched as text: what stands in a comment or a string breaks no rule.

#[cfg(test)]
mod cycles;
#[cfg(test)]
mod first_line;
#[cfg(test)]
mod layers;
#[cfg(test)]
mod leftovers;
#[cfg(test)]
mod length;
#[cfg(test)]
mod modules;
#[cfg(test)]
mod panics;
#[cfg(test)]
mod registry;
#[cfg(test)]
mod resolve;
#[cfg(test)]
mod sources;
#[cfg(test)]
mod tokens;
#[cfg(test)]
mod unsafety;
#[cfg(test)]
mod walls;
