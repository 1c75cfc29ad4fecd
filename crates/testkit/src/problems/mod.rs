//! The problem zoo: data, solutions and derivatives in closed form or by plain reference code, one family a file.

pub mod constrained;
pub mod denoising;
pub mod digits;
pub mod gradient_descent;
pub mod lasso;
pub mod min_min;
pub mod proximal;
pub mod ridge;
pub mod roots;
