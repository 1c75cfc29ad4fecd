//! Tests of implicit derivatives, in one program: certificates, checks, comparisons, curvatures, active sets, SHINE, LiSSA, nested solutions, single precision.
mod certificate;
mod check;
mod check_hard;
mod compare;
mod curvature;
mod drawn;
mod lissa;
mod nested;
mod newton;
mod restricted;
mod shine;
mod single_precision;
mod unseen;
