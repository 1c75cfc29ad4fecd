//! One source per loop, compiled per instruction set and chosen once at run time.
use std::sync::OnceLock;

/// The instruction sets that loops are compiled for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Isa {
    /// What every processor of the target has.
    Portable,
    /// 256-bit vectors and fused multiply-add.
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// 512-bit vectors.
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

#[cfg(test)]
thread_local! {
    /// The instruction set that a test pretends to find; the processor must have it.
    static PRETENDED: std::cell::Cell<Option<Isa>> = const { std::cell::Cell::new(None) };
}

/// Runs a test once for every instruction set that this processor has.
#[cfg(test)]
pub(crate) fn on_each(test: impl Fn()) {
    let all = match isa() {
        Isa::Portable => vec![Isa::Portable],
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => vec![Isa::Portable, Isa::Avx2],
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 => vec![Isa::Portable, Isa::Avx2, Isa::Avx512],
    };
    for isa in all {
        PRETENDED.set(Some(isa));
        test();
    }
    PRETENDED.set(None);
}

/// The best instruction set of this processor.
#[inline]
pub(crate) fn isa() -> Isa {
    #[cfg(test)]
    if let Some(pretended) = PRETENDED.get() {
        return pretended;
    }
    static FOUND: OnceLock<Isa> = OnceLock::new();
    *FOUND.get_or_init(|| {
        #[cfg(target_arch = "x86_64")]
        {
            let fma = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
            if fma && is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512dq") && is_x86_feature_detected!("avx512vl") {
                return Isa::Avx512;
            }
            if fma {
                return Isa::Avx2;
            }
        }
        Isa::Portable
    })
}

/// Whether every processor of the target has a fused multiply-add.
pub(crate) const FUSED: bool = cfg!(target_arch = "aarch64");

/// a·b + c, fused where the instruction set can.
#[inline(always)]
pub(crate) fn fma<T: hypertape_ir::array::Real, const FMA: bool>(a: T, b: T, c: T) -> T {
    if FMA { a.mul_add(b, c) } else { a * b + c }
}

/// Defines `$name`, which runs `$body::<.., FMA>` compiled for the processor it finds. `$body` must be `#[inline(always)]`.
macro_rules! per_isa {
    ($(#[$doc:meta])* $vis:vis unsafe fn $($rest:tt)*) => {
        $crate::kernels::isa::per_isa! { @ [unsafe] $(#[$doc])* $vis fn $($rest)* }
    };
    ($(#[$doc:meta])* $vis:vis fn $($rest:tt)*) => {
        $crate::kernels::isa::per_isa! { @ [] $(#[$doc])* $vis fn $($rest)* }
    };
    (@ [$($unsafe:tt)?] $(#[$doc:meta])* $vis:vis fn $name:ident<$T:ident: $bound:path $(, const $C:ident: $ct:ty)*>($($a:ident: $t:ty),* $(,)?) $(-> $r:ty)? = $body:ident) => {
        $(#[$doc])*
        #[allow(unsafe_code, reason = "calls into code compiled for the processor that was found")]
        $vis $($unsafe)? fn $name<$T: $bound $(, const $C: $ct)*>($($a: $t),*) $(-> $r)? {
            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx512f,avx512dq,avx512vl,avx2,fma")]
                $($unsafe)? fn avx512<$T: $bound $(, const $C: $ct)*>($($a: $t),*) $(-> $r)? {
                    // SAFETY: the caller's promise, if the function is unsafe.
                    $($unsafe)? { $body::<$T, $($C,)* true>($($a),*) }
                }
                #[target_feature(enable = "avx2,fma")]
                $($unsafe)? fn avx2<$T: $bound $(, const $C: $ct)*>($($a: $t),*) $(-> $r)? {
                    // SAFETY: as above.
                    $($unsafe)? { $body::<$T, $($C,)* true>($($a),*) }
                }
                match $crate::kernels::isa::isa() {
                    // SAFETY: `isa` found the features on this processor.
                    $crate::kernels::isa::Isa::Avx512 => return unsafe { avx512::<$T $(, $C)*>($($a),*) },
                    // SAFETY: as above.
                    $crate::kernels::isa::Isa::Avx2 => return unsafe { avx2::<$T $(, $C)*>($($a),*) },
                    $crate::kernels::isa::Isa::Portable => {}
                }
            }
            // SAFETY: the caller's promise, if the function is unsafe.
            $($unsafe)? { $body::<$T, $($C,)* { $crate::kernels::isa::FUSED }>($($a),*) }
        }
    };
}
pub(crate) use per_isa;
