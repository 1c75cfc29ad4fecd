//! Declaring an elementwise function in a few lines: docs, type, emitter, value, micro-instruction, slopes, identities, switches, probe points.

/// A function of one number, with a micro-instruction of its own.
macro_rules! unary {
    ($($(#[$doc:meta])* $name:ident, $emit:ident, |$p:ident| $value:expr, $fun:ident,
        slope |$b:ident, $x:ident, $y:ident| $slope:expr,
        $(switch |$wb:ident, $wx:ident, $wy:ident| $switch:expr,)? at $points:expr;)*) => { $(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq)]
        pub struct $name;
        impl Elementwise for $name {
            fn name(&self) -> &'static str { stringify!($emit) }
            fn arity(&self) -> usize { 1 }
            fn apply<T: Real>(&self, x: &[T]) -> T { let $p = x[0]; $value }
            fn slope(&self, $b: &mut Builder, x: &[Value], $y: Value, _: usize) -> Slope { let $x = x[0]; let _ = (&$b, $x, $y); $slope }
            fn micro(&self, m: &mut MicroBuilder, x: &[Reg]) -> Reg { m.unary(UnaryFn::$fun, x[0]) }
            fn simplify(&self, b: &mut Builder, x: &[Value]) -> Option<Value> { b.fold_number(x[0], |p| self.apply(&[p])) }
            $(fn switching(&self, $wb: &mut Builder, x: &[Value], $wy: Value) -> Vec<$crate::operation::Switch> {
                let $wx = x[0];
                let _ = (&$wb, $wx, $wy);
                $switch.into_iter().collect()
            })?
        }
        impl Probed for $name {
            fn probes(kind: Kind) -> Vec<Probe> {
                let points: &[f64] = &$points;
                Probe::pointwise($name, kind, &points.iter().map(std::slice::from_ref).collect::<Vec<_>>())
            }
        }
        impl Builder {
            $(#[$doc])*
            pub fn $emit(&mut self, a: Value) -> Value { self.emit1(Op::new(Pointwise($name)), &[a]) }
        }
    )* };
}

/// A function of two numbers, with a micro-instruction of its own; `indices` says whether it takes them, `leaving` that results may be none.
macro_rules! binary {
    ($($(#[$doc:meta])* $name:ident, $emit:ident, |$p:ident, $q:ident| $value:expr, $fun:ident, indices: $indices:literal $(leaving $leaves:literal)?,
        slope |$b:ident, $x:ident, $y:ident, $i:ident| $slope:expr, simplify |$sb:ident, $sx:ident| $simplify:expr,
        $(switch |$wb:ident, $wx:ident, $wy:ident| $switch:expr,)? at $points:expr;)*) => { $(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq)]
        pub struct $name;
        impl Elementwise for $name {
            fn name(&self) -> &'static str { stringify!($emit) }
            fn arity(&self) -> usize { 2 }
            fn apply<T: Real>(&self, x: &[T]) -> T { let ($p, $q) = (x[0], x[1]); $value }
            fn slope(&self, $b: &mut Builder, $x: &[Value], $y: Value, $i: usize) -> Slope { let _ = (&$b, $x, $y, $i); $slope }
            fn micro(&self, m: &mut MicroBuilder, x: &[Reg]) -> Reg { m.binary(BinaryFn::$fun, x[0], x[1]) }
            fn simplify(&self, $sb: &mut Builder, $sx: &[Value]) -> Option<Value> { let _ = (&$sb, $sx); $simplify }
            fn kind(&self, inputs: &[Kind]) -> Result<Kind, $crate::error::ErrorKind> { same_kind(inputs, $indices) }
            $(fn may_leave_indices(&self) -> bool { $leaves })?
            $(fn switching(&self, $wb: &mut Builder, $wx: &[Value], $wy: Value) -> Vec<$crate::operation::Switch> {
                let _ = (&$wb, $wx, $wy);
                $switch.into_iter().collect()
            })?
        }
        impl Probed for $name {
            fn probes(kind: Kind) -> Vec<Probe> {
                let points: &[[f64; 2]] = &$points;
                let points: Vec<&[f64]> = points.iter().map(|p| &p[..]).collect();
                let mut probes = Probe::pointwise($name, kind, &points);
                if $indices {
                    probes.extend(Probe::pointwise($name, Kind::U32, &[&[7.0, 3.0], &[2.0, 2.0], &[4_000_000_000.0, 1.0]]));
                }
                probes
            }
        }
        impl Builder {
            $(#[$doc])*
            pub fn $emit(&mut self, a: Value, b: Value) -> Value { self.emit1(Op::new(Pointwise($name)), &[a, b]) }
        }
    )* };
}

pub(super) use {binary, unary};
