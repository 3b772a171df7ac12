//! Instructions as values (NPU.md section 4).
//!
//! Fields hold real values: kernel sizes, strides and dilations are stored as they are (the encoding stores one less),
//! element sizes in bytes, inner strides `s[0]` in elements whatever the `g0` form.

use crate::codes::{AccTag, Engine, Init, Mem, MxType, Region};
pub use crate::vx::{Form, Operand, Pool, Vx, VxFn};

/// A semaphore and a count: one wait or one signal (2.1).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash, Default)]
pub struct Token {
    /// Semaphore 0..64.
    pub sem: u8,
    /// Units 1..=63.
    pub n: u8,
}

/// One instruction: 64 bytes, a complete tile operation.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, Default)]
pub struct Instr {
    /// The engine that executes it.
    pub eng: Engine,
    /// Both must hold before it starts; the second slot is used only if the first is.
    pub waits: [Option<Token>; 2],
    /// Given when it completes; the second slot is used only if the first is.
    pub signals: [Option<Token>; 2],
    /// What it does.
    pub op: Op,
}

impl Instr {
    /// An instruction without tokens, on the engine of the operation (LDA for LD and LDX, VX where any may be used).
    pub fn new(op: Op) -> Self {
        Instr { eng: op.default_engine(), op, ..Instr::default() }
    }
    /// The same on another engine (LDW instead of LDA).
    #[must_use]
    pub fn on(mut self, eng: Engine) -> Self {
        self.eng = eng;
        self
    }
    /// Adds a wait in the first free slot. `false`: no slot is free.
    pub fn add_wait(&mut self, sem: u8, n: u8) -> bool {
        fill_slot(&mut self.waits, Token { sem, n })
    }
    /// Adds a signal in the first free slot. `false`: no slot is free.
    pub fn add_signal(&mut self, sem: u8, n: u8) -> bool {
        fill_slot(&mut self.signals, Token { sem, n })
    }
}

fn fill_slot(slots: &mut [Option<Token>; 2], token: Token) -> bool {
    match slots.iter_mut().find(|s| s.is_none()) {
        Some(slot) => {
            *slot = Some(token);
            true
        }
        None => false,
    }
}

/// The operation of an instruction.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, Default)]
pub enum Op {
    /// Tokens only; any engine.
    #[default]
    Nop,
    /// Waits for everything before, blocks everything after (VX).
    Fence,
    /// Last instruction, once (VX).
    Halt,
    /// Marks bytes uninitialised; any engine.
    Poison(Poison),
    /// Runs host segment `seg` (VX).
    SegmentEnd {
        /// Index into HOSTSEG, 24 bits.
        seg: u32,
    },
    /// DRAM to local (LDA, LDW).
    Ld(Dma),
    /// Local to DRAM (ST).
    St(Dma),
    /// DRAM rows by index to local (LDA, LDW).
    Ldx(IndexedDma),
    /// Local to DRAM rows by index (ST).
    Stx(IndexedDma),
    /// Convolution and matrix product (MX).
    MxConv(Mx),
    /// Depthwise convolution (MX).
    MxDw(Mx),
    /// Requantise (VX, as all below).
    Rq(Vx),
    /// Elementwise.
    Ew(Vx),
    /// Table look-up.
    Lut(Vx),
    /// Reduction over one axis.
    Red(Vx),
    /// Window functions.
    Pool(Pool),
    /// Type conversion.
    Cvt(Vx),
    /// Copy by strides.
    Tr(Vx),
    /// Constant.
    Fill(Vx),
    /// Gather.
    Ga(Vx),
    /// Scatter.
    Sc(Vx),
    /// Running sum, product, maximum, minimum.
    Scan(Vx),
    /// Sort positions along axis 0.
    Sort(Vx),
}

impl Op {
    /// The vector fields of all VX operations that share them (not POOL).
    pub fn vx(&self) -> Option<&Vx> {
        match self {
            Op::Rq(v)
            | Op::Ew(v)
            | Op::Lut(v)
            | Op::Red(v)
            | Op::Cvt(v)
            | Op::Tr(v)
            | Op::Fill(v)
            | Op::Ga(v)
            | Op::Sc(v)
            | Op::Scan(v)
            | Op::Sort(v) => Some(v),
            _ => None,
        }
    }
    /// As [`Op::vx`], to change them.
    pub fn vx_mut(&mut self) -> Option<&mut Vx> {
        match self {
            Op::Rq(v)
            | Op::Ew(v)
            | Op::Lut(v)
            | Op::Red(v)
            | Op::Cvt(v)
            | Op::Tr(v)
            | Op::Fill(v)
            | Op::Ga(v)
            | Op::Sc(v)
            | Op::Scan(v)
            | Op::Sort(v) => Some(v),
            _ => None,
        }
    }
    /// The engine of the operation; LDA where LDA or LDW, VX where any engine may execute it.
    pub fn default_engine(&self) -> Engine {
        match self {
            Op::Ld(_) | Op::Ldx(_) => Engine::Lda,
            Op::St(_) | Op::Stx(_) => Engine::St,
            Op::MxConv(_) | Op::MxDw(_) => Engine::Mx,
            _ => Engine::Vx,
        }
    }
    /// The engine may execute the operation.
    pub fn allows(&self, eng: Engine) -> bool {
        match self {
            Op::Nop | Op::Poison(_) => true,
            Op::Ld(_) | Op::Ldx(_) => matches!(eng, Engine::Lda | Engine::Ldw),
            _ => eng == self.default_engine(),
        }
    }
}

/// POISON: bytes `off .. off+len` of a memory become uninitialised.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, Default)]
pub struct Poison {
    /// Memory; `Dram` with `region`.
    pub mem: Mem,
    /// DRAM region; R0 (0) unless `mem` is `Dram`.
    pub region: Region,
    /// First byte, 40 bits.
    pub off: u64,
    /// Bytes, 1..2^40.
    pub len: u64,
}

/// Fields of LD and ST: a 4-D box of elements, inner dimension contiguous on both sides.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub struct Dma {
    /// DRAM region.
    pub region: Region,
    /// DRAM byte offset, 40 bits.
    pub dram_off: u64,
    /// Local memory: SPM, PRM, LUT or ACC.
    pub mem: Mem,
    /// Local byte address; with `padmode`, the corner of the padded box.
    pub loc_addr: u32,
    /// Bytes of an element: 1, 2, 4, 8.
    pub esz: u8,
    /// LD writes a border of `fill` around the box.
    pub padmode: bool,
    /// LD to ACC sets the rows' tag; ST from ACC requires it.
    pub tag: AccTag,
    /// Border value, low `esz` bytes (8: sign-extended).
    pub fill: u32,
    /// Elements a dimension, inner first.
    pub n: [u16; 4],
    /// DRAM byte strides of dimensions 1, 2, 3.
    pub dram_s: [i32; 3],
    /// Local byte strides of dimensions 1, 2, 3.
    pub loc_s: [i32; 3],
    /// Border elements before dimensions 0, 1, 2.
    pub lo: [u8; 3],
    /// Border elements after dimensions 0, 1, 2.
    pub hi: [u8; 3],
}

impl Default for Dma {
    fn default() -> Self {
        Dma {
            region: Region::R0,
            dram_off: 0,
            mem: Mem::Spm,
            loc_addr: 0,
            esz: 1,
            padmode: false,
            tag: AccTag::I32,
            fill: 0,
            n: [1; 4],
            dram_s: [0; 3],
            loc_s: [0; 3],
            lo: [0; 3],
            hi: [0; 3],
        }
    }
}

/// Fields of LDX and STX (4.2).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub struct IndexedDma {
    /// DRAM region.
    pub region: Region,
    /// DRAM byte offset of row 0, 40 bits.
    pub dram_off: u64,
    /// Local memory of the rows: SPM, PRM or LUT.
    pub mem: Mem,
    /// Local byte address.
    pub loc_addr: u32,
    /// Bytes of an element: 1, 2, 4, 8.
    pub esz: u8,
    /// Indices are s64 (else s32).
    pub idx64: bool,
    /// SPM byte address of the indices.
    pub idx_addr: u32,
    /// n0 elements of a row; n1, n2 index loops; n3 outer copies.
    pub n: [u16; 4],
    /// Index stride of dimension 2, in indices.
    pub idx_s2: i32,
    /// DRAM byte stride of dimension 2.
    pub dram_s2: i32,
    /// DRAM byte stride of dimension 3.
    pub dram_s3: i32,
    /// Local byte strides of dimensions 1, 2, 3.
    pub loc_s: [i32; 3],
    /// DRAM byte stride of the index.
    pub row_s: i32,
    /// Number of rows L: indices lie in -L..L.
    pub len: u32,
}

impl Default for IndexedDma {
    fn default() -> Self {
        IndexedDma {
            region: Region::R0,
            dram_off: 0,
            mem: Mem::Spm,
            loc_addr: 0,
            esz: 1,
            idx64: false,
            idx_addr: 0,
            n: [1; 4],
            idx_s2: 0,
            dram_s2: 0,
            dram_s3: 0,
            loc_s: [0; 3],
            row_s: 0,
            len: 1,
        }
    }
}

/// Fields of MXCONV and MXDW (4.3). Strides are unsigned bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub struct Mx {
    /// SPM address of input (iy, ix) = (0, 0), 24 bits.
    pub in_addr: u32,
    /// Input row stride, 24 bits.
    pub in_sy: u32,
    /// Input column stride, 16 bits. kpack: channels * esz.
    pub in_sx: u32,
    /// Input stride of a group of 16 channels, 24 bits. kpack: 0.
    pub in_sc: u32,
    /// SPM address of the packed weights, 24 bits, a multiple of 16.
    pub w_addr: u32,
    /// Kernel rows 1..=256.
    pub kh: u16,
    /// Kernel columns 1..=256.
    pub kw: u16,
    /// Output rows 1..=4095.
    pub oh: u16,
    /// Output columns 1..=32767.
    pub ow: u16,
    /// Input rows 1..=4095.
    pub ih: u16,
    /// Input columns 1..=65535.
    pub iw: u16,
    /// Row stride 1..=256.
    pub sy: u16,
    /// Column stride 1..=256.
    pub sx: u16,
    /// Input channel groups 1..=4095. kpack: ceil(kw*C/16).
    pub cg: u16,
    /// Lanes of the last input group 1..=16.
    pub clast: u8,
    /// Output channel groups 1..=1023 (MXDW: 1).
    pub ng: u16,
    /// Lanes of the last output group 1..=16 (MXDW: equal to clast).
    pub nlast: u8,
    /// First ACC row.
    pub acc_row: u16,
    /// Rows from one output group to the next.
    pub acc_sn: u16,
    /// Operand types.
    pub dtype: MxType,
    /// Start value.
    pub init: Init,
    /// Activation zero point -128..=255; 0 with `zxm` and for floats.
    pub zx: i16,
    /// Weight zero point -128..=255; 0 with `zwm` and for floats.
    pub zw: i16,
    /// First PRM record of bias and zw; 0 if neither is used.
    pub prm_rec: u16,
    /// K order packs (kx, c); requires dx = 1.
    pub kpack: bool,
    /// Batches 1..=2048.
    pub batch: u16,
    /// The activation zero point is `zp` of record zx_rec.
    pub zxm: bool,
    /// The weight zero points are `zw` of records prm_rec + n.
    pub zwm: bool,
    /// Input batch stride, 24 bits.
    pub b_in_s: u32,
    /// Weight batch stride, 24 bits.
    pub b_w_s: u32,
    /// ACC rows from one batch to the next.
    pub b_acc_s: u16,
    /// Rows of the rolling buffer; 0: none.
    pub ring_len: u16,
    /// Rotation of the rolling buffer; 0 without one.
    pub ring_off: u16,
    /// Row of tap 0 of output 0, -512..=511.
    pub iy0: i16,
    /// Column of tap 0 of output 0, -512..=511.
    pub ix0: i16,
    /// Row dilation 1..=64.
    pub dy: u8,
    /// Column dilation 1..=64.
    pub dx: u8,
    /// PRM record of the activation zero point; 0 without `zxm`.
    pub zx_rec: u8,
}

impl Default for Mx {
    fn default() -> Self {
        Mx {
            in_addr: 0,
            in_sy: 0,
            in_sx: 0,
            in_sc: 0,
            w_addr: 0,
            kh: 1,
            kw: 1,
            oh: 1,
            ow: 1,
            ih: 1,
            iw: 1,
            sy: 1,
            sx: 1,
            cg: 1,
            clast: 16,
            ng: 1,
            nlast: 16,
            acc_row: 0,
            acc_sn: 0,
            dtype: MxType::S8S8,
            init: Init::Zero,
            zx: 0,
            zw: 0,
            prm_rec: 0,
            kpack: false,
            batch: 1,
            zxm: false,
            zwm: false,
            b_in_s: 0,
            b_w_s: 0,
            b_acc_s: 0,
            ring_len: 0,
            ring_off: 0,
            iy0: 0,
            ix0: 0,
            dy: 1,
            dx: 1,
            zx_rec: 0,
        }
    }
}
