//! The problem zoo: data, solutions and derivatives in closed form or by plain reference code, one family a file.

pub mod gradient_descent;
pub mod ridge;
pub mod roots;
