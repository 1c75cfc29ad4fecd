//! The vector instructions of x86 that machine code is made of: for 512 and 256 bits, and for double and single precision.
use super::super::isa::{Isa, isa};
use iced_x86::{Code, Register};

/// Vectors of an instruction set and a precision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Target {
    /// 512 bits, else 256.
    pub(super) wide: bool,
    /// Single precision, else double.
    pub(super) single: bool,
}

macro_rules! instructions {
    ($($(#[$doc:meta])* $name:ident: $wide:ident $wide_single:ident $narrow:ident $narrow_single:ident;)*) => {
        /// An instruction, whatever the width and the precision.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(super) enum Op {
            $($(#[$doc])* $name,)*
        }
        impl Target {
            /// The instruction of this target.
            pub(super) fn code(self, op: Op) -> Code {
                let all = match op {
                    $(Op::$name => [Code::$wide, Code::$wide_single, Code::$narrow, Code::$narrow_single],)*
                };
                all[2 * usize::from(!self.wide) + usize::from(self.single)]
            }
        }
    };
}

instructions! {
    Add: EVEX_Vaddpd_zmm_k1z_zmm_zmmm512b64_er EVEX_Vaddps_zmm_k1z_zmm_zmmm512b32_er VEX_Vaddpd_ymm_ymm_ymmm256 VEX_Vaddps_ymm_ymm_ymmm256;
    Sub: EVEX_Vsubpd_zmm_k1z_zmm_zmmm512b64_er EVEX_Vsubps_zmm_k1z_zmm_zmmm512b32_er VEX_Vsubpd_ymm_ymm_ymmm256 VEX_Vsubps_ymm_ymm_ymmm256;
    Mul: EVEX_Vmulpd_zmm_k1z_zmm_zmmm512b64_er EVEX_Vmulps_zmm_k1z_zmm_zmmm512b32_er VEX_Vmulpd_ymm_ymm_ymmm256 VEX_Vmulps_ymm_ymm_ymmm256;
    Div: EVEX_Vdivpd_zmm_k1z_zmm_zmmm512b64_er EVEX_Vdivps_zmm_k1z_zmm_zmmm512b32_er VEX_Vdivpd_ymm_ymm_ymmm256 VEX_Vdivps_ymm_ymm_ymmm256;
    Max: EVEX_Vmaxpd_zmm_k1z_zmm_zmmm512b64_sae EVEX_Vmaxps_zmm_k1z_zmm_zmmm512b32_sae VEX_Vmaxpd_ymm_ymm_ymmm256 VEX_Vmaxps_ymm_ymm_ymmm256;
    Min: EVEX_Vminpd_zmm_k1z_zmm_zmmm512b64_sae EVEX_Vminps_zmm_k1z_zmm_zmmm512b32_sae VEX_Vminpd_ymm_ymm_ymmm256 VEX_Vminps_ymm_ymm_ymmm256;
    And: EVEX_Vandpd_zmm_k1z_zmm_zmmm512b64 EVEX_Vandps_zmm_k1z_zmm_zmmm512b32 VEX_Vandpd_ymm_ymm_ymmm256 VEX_Vandps_ymm_ymm_ymmm256;
    Or: EVEX_Vorpd_zmm_k1z_zmm_zmmm512b64 EVEX_Vorps_zmm_k1z_zmm_zmmm512b32 VEX_Vorpd_ymm_ymm_ymmm256 VEX_Vorps_ymm_ymm_ymmm256;
    Xor: EVEX_Vxorpd_zmm_k1z_zmm_zmmm512b64 EVEX_Vxorps_zmm_k1z_zmm_zmmm512b32 VEX_Vxorpd_ymm_ymm_ymmm256 VEX_Vxorps_ymm_ymm_ymmm256;
    AddBits: EVEX_Vpaddq_zmm_k1z_zmm_zmmm512b64 EVEX_Vpaddd_zmm_k1z_zmm_zmmm512b32 VEX_Vpaddq_ymm_ymm_ymmm256 VEX_Vpaddd_ymm_ymm_ymmm256;
    SubBits: EVEX_Vpsubq_zmm_k1z_zmm_zmmm512b64 EVEX_Vpsubd_zmm_k1z_zmm_zmmm512b32 VEX_Vpsubq_ymm_ymm_ymmm256 VEX_Vpsubd_ymm_ymm_ymmm256;
    Up: EVEX_Vpsllq_zmm_k1z_zmmm512b64_imm8 EVEX_Vpslld_zmm_k1z_zmmm512b32_imm8 VEX_Vpsllq_ymm_ymm_imm8 VEX_Vpslld_ymm_ymm_imm8;
    Down: EVEX_Vpsrlq_zmm_k1z_zmmm512b64_imm8 EVEX_Vpsrld_zmm_k1z_zmmm512b32_imm8 VEX_Vpsrlq_ymm_ymm_imm8 VEX_Vpsrld_ymm_ymm_imm8;
    /// The result holds what is added to the product.
    Fused: EVEX_Vfmadd231pd_zmm_k1z_zmm_zmmm512b64_er EVEX_Vfmadd231ps_zmm_k1z_zmm_zmmm512b32_er VEX_Vfmadd231pd_ymm_ymm_ymmm256 VEX_Vfmadd231ps_ymm_ymm_ymmm256;
    Sqrt: EVEX_Vsqrtpd_zmm_k1z_zmmm512b64_er EVEX_Vsqrtps_zmm_k1z_zmmm512b32_er VEX_Vsqrtpd_ymm_ymmm256 VEX_Vsqrtps_ymm_ymmm256;
    /// To an integer, in the direction that a number says.
    Whole: EVEX_Vrndscalepd_zmm_k1z_zmmm512b64_imm8_sae EVEX_Vrndscaleps_zmm_k1z_zmmm512b32_imm8_sae VEX_Vroundpd_ymm_ymmm256_imm8 VEX_Vroundps_ymm_ymmm256_imm8;
    /// The result is a mask: a register of masks, or a vector.
    Compare: EVEX_Vcmppd_kr_k1_zmm_zmmm512b64_imm8_sae EVEX_Vcmpps_kr_k1_zmm_zmmm512b32_imm8_sae VEX_Vcmppd_ymm_ymm_ymmm256_imm8 VEX_Vcmpps_ymm_ymm_ymmm256_imm8;
    Blend: EVEX_Vblendmpd_zmm_k1z_zmm_zmmm512b64 EVEX_Vblendmps_zmm_k1z_zmm_zmmm512b32 VEX_Vblendvpd_ymm_ymm_ymmm256_ymm VEX_Vblendvps_ymm_ymm_ymmm256_ymm;
    Load: EVEX_Vmovupd_zmm_k1z_zmmm512 EVEX_Vmovups_zmm_k1z_zmmm512 VEX_Vmovupd_ymm_ymmm256 VEX_Vmovups_ymm_ymmm256;
    Store: EVEX_Vmovupd_zmmm512_k1z_zmm EVEX_Vmovups_zmmm512_k1z_zmm VEX_Vmovupd_ymmm256_ymm VEX_Vmovups_ymmm256_ymm;
    /// As `Load` and `Store`, of the lanes of a mask.
    LoadFirst: EVEX_Vmovupd_zmm_k1z_zmmm512 EVEX_Vmovups_zmm_k1z_zmmm512 VEX_Vmaskmovpd_ymm_ymm_m256 VEX_Vmaskmovps_ymm_ymm_m256;
    StoreFirst: EVEX_Vmovupd_zmmm512_k1z_zmm EVEX_Vmovups_zmmm512_k1z_zmm VEX_Vmaskmovpd_m256_ymm_ymm VEX_Vmaskmovps_m256_ymm_ymm;
    /// One number in every lane.
    Spread: EVEX_Vbroadcastsd_zmm_k1z_xmmm64 EVEX_Vbroadcastss_zmm_k1z_xmmm32 VEX_Vbroadcastsd_ymm_m64 VEX_Vbroadcastss_ymm_m32;
}

impl Target {
    /// The vectors of this processor, if machine code can be made for it.
    pub(super) fn of(single: bool) -> Option<Self> {
        match isa() {
            Isa::Avx512 => Some(Target { wide: true, single }),
            Isa::Avx2 => Some(Target { wide: false, single }),
            Isa::Portable => None,
        }
    }
    /// Bytes of a vector.
    pub(super) fn bytes(self) -> u32 {
        if self.wide { 64 } else { 32 }
    }
    /// Bytes of an element.
    pub(super) fn element(self) -> u32 {
        if self.single { 4 } else { 8 }
    }
    /// Elements of a vector.
    pub(super) fn lanes(self) -> u32 {
        self.bytes() / self.element()
    }
    /// Registers that hold values. With 256 bits, the last two of 16 hold masks.
    pub(super) fn registers(self) -> u8 {
        if self.wide { 32 } else { 14 }
    }
    /// A vector register.
    pub(super) fn register(self, number: u8) -> Register {
        (if self.wide { Register::ZMM0 } else { Register::YMM0 }) + u32::from(number)
    }
    /// Where the mask of a test is held.
    pub(super) fn tested(self) -> Register {
        if self.wide { Register::K2 } else { Register::YMM14 }
    }
    /// Where the mask of the last, partial vector is held.
    pub(super) fn first(self) -> Register {
        if self.wide { Register::K1 } else { Register::YMM15 }
    }
}
