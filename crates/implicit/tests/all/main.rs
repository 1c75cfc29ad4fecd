//! Tests of implicit derivatives, in one program: certificates, checks, comparisons, active sets, SHINE, nested solutions, single precision.
mod certificate;
mod check;
mod check_hard;
mod compare;
mod nested;
mod newton;
mod restricted;
mod shine;
mod single_precision;
