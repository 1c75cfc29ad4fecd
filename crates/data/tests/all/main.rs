//! Loaders, splits and measures: round trips, cut and hostile files, real data.
#[cfg(feature = "csv")]
mod csv;
mod gzip;
mod idx;
mod libsvm;
mod metrics;
#[cfg(feature = "npy")]
mod npy;
#[cfg(feature = "png")]
mod png;
#[cfg(all(feature = "csv", feature = "npy", feature = "png"))]
mod real;
mod scaling;
mod sparse;
mod splits;
