//! Where each field lies: one declarative table of (key, word, first bit, width, kind) per operation.
//!
//! The encoder, the decoder and both directions of the text form read this table, so they cannot disagree. The order
//! of rows is the order of keys in text. Consecutive rows with one key form a list `key=[v0,v1,…]`.

use crate::codes::{
    AccTag, Act, Chan, DType, EwFn, FieldValue, Init, Mem, MxType, PoolFn, RedFn, Region, Round, RqMode, ScFn, ScanFn,
    SortFn,
};
use crate::instr::{Dma, Form, IndexedDma, Mx, Op, Poison, Pool, Vx, VxFn};

/// How a value is stored in its bits, and written in text.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Unsigned; text decimal.
    Count,
    /// Unsigned; text hexadecimal.
    Hex,
    /// Two's complement.
    Signed,
    /// The value less one.
    MinusOne,
    /// The value's logarithm.
    Log2,
    /// Inner stride: 0, 1, -1, 2 as 0, 1, 2, 3.
    InnerStride,
    /// PRM record: none is all ones, and then absent in text.
    Record,
    /// Immediate: text hexadecimal, or a hex float where the class is float.
    Imm,
}

/// In which variants of an instruction a row exists.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Variant {
    /// In all.
    Always,
    /// Form IMM.
    Imm,
    /// Form PRM.
    Prm,
    /// g0 = 1.
    G0,
    /// g0 = 0.
    NotG0,
}

impl Variant {
    /// Both may exist in one instruction.
    pub fn meets(self, other: Variant) -> bool {
        !matches!(
            (self, other),
            (Variant::Imm, Variant::Prm)
                | (Variant::Prm, Variant::Imm)
                | (Variant::G0, Variant::NotG0)
                | (Variant::NotG0, Variant::G0)
        )
    }
    fn holds(self, op: &Op) -> bool {
        let (prm, g0) = match op {
            Op::Pool(p) => (p.form.is_prm(), false),
            _ => op.vx().map_or((false, false), |v| (v.form.is_prm(), v.g0)),
        };
        match self {
            Variant::Always => true,
            Variant::Imm => !prm,
            Variant::Prm => prm,
            Variant::G0 => g0,
            Variant::NotG0 => !g0,
        }
    }
}

/// One field of an operation.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// Key in text.
    pub key: &'static str,
    /// Word 1..=7.
    pub word: u8,
    /// First bit.
    pub lo: u8,
    /// Bits.
    pub width: u8,
    /// Storage.
    pub kind: Kind,
    /// Where it exists.
    pub variant: Variant,
    /// Text uses names.
    pub named: bool,
    /// Name of a value.
    pub name_of: fn(i64) -> Option<&'static str>,
    /// Value of a name.
    pub value_of: fn(&str) -> Option<i64>,
    /// Reads the value (a value outside the bits if it has no encoding).
    get: fn(&Op) -> i64,
    /// Writes the value; `false` if it is reserved.
    set: fn(&mut Op, i64) -> bool,
}

impl Row {
    /// The row exists in this instruction (form and g0 decide).
    pub fn exists(&self, op: &Op) -> bool {
        self.variant.holds(op)
    }
    /// The value of the field.
    pub fn value(&self, op: &Op) -> i64 {
        (self.get)(op)
    }
    /// Stores the value; `false` if it is reserved.
    pub fn store(&self, op: &mut Op, value: i64) -> bool {
        (self.set)(op, value)
    }
    /// Bits of a value, not yet shifted; `None` if it does not fit.
    pub fn to_bits(&self, value: i64) -> Option<u64> {
        let bits = match self.kind {
            Kind::MinusOne => value.checked_sub(1)?,
            Kind::Log2 => {
                if value <= 0 || value & (value - 1) != 0 {
                    return None;
                }
                i64::from(value.trailing_zeros())
            }
            Kind::InnerStride => match value {
                0 | 1 => value,
                -1 => 2,
                2 => 3,
                _ => return None,
            },
            Kind::Signed => {
                let half = 1i64 << (self.width - 1);
                if value < -half || value >= half {
                    return None;
                }
                value & (half * 2 - 1)
            }
            Kind::Count | Kind::Hex | Kind::Record | Kind::Imm => value,
        };
        let bits = u64::try_from(bits).ok()?;
        (bits <= mask(self.width)).then_some(bits)
    }
    /// The value of bits.
    pub fn of_bits(&self, bits: u64) -> i64 {
        let raw = i64::try_from(bits & mask(self.width)).expect("fields have at most 40 bits");
        match self.kind {
            Kind::MinusOne => raw + 1,
            Kind::Log2 => 1i64 << raw.min(62),
            Kind::InnerStride => [0, 1, -1, 2][(raw & 3) as usize],
            Kind::Signed if raw >> (self.width - 1) != 0 => raw - (1i64 << self.width),
            _ => raw,
        }
    }
    /// The bits that text leaves out: 0, or all ones for a record.
    pub fn default_bits(&self) -> u64 {
        if self.kind == Kind::Record { mask(self.width) } else { 0 }
    }
}

/// `width` low ones.
pub fn mask(width: u8) -> u64 {
    if width >= 64 { u64::MAX } else { (1u64 << width) - 1 }
}

/// An operation in the table: opcode, mnemonic, an empty value and its fields.
#[derive(Clone, Copy, Debug)]
pub struct OpInfo {
    /// Opcode.
    pub code: u8,
    /// Mnemonic.
    pub mnemonic: &'static str,
    /// A value of the operation whose fields are then set.
    pub empty: fn() -> Op,
    /// The rows, in order.
    pub rows: &'static [&'static [Row]],
}

impl OpInfo {
    /// All rows.
    pub fn rows(&self) -> impl Iterator<Item = &'static Row> {
        self.rows.iter().flat_map(|part| part.iter())
    }
}

macro_rules! rows {
    ($name:ident, $pat:pat => $x:ident; $($key:literal $word:literal [$lo:literal $width:literal] $kind:ident $variant:ident $ty:ty = $($path:tt).+;)*) => {
        const $name: &[Row] = &[$(Row {
            key: $key, word: $word, lo: $lo, width: $width, kind: Kind::$kind, variant: Variant::$variant,
            named: <$ty as FieldValue>::NAMED,
            name_of: <$ty as FieldValue>::name_of_raw,
            value_of: <$ty as FieldValue>::raw_of_name,
            get: |op| { let $pat = op else { return i64::MAX }; FieldValue::to_raw(&$x.$($path).+) },
            set: |op, raw| {
                let $pat = op else { return false };
                match <$ty as FieldValue>::from_raw(raw) { Some(v) => { $x.$($path).+ = v; true } None => false }
            },
        },)*];
    };
}

rows! { POISON, Op::Poison(x) => x;
    "mem"    1 [44 4]  Count Always Mem = mem;
    "region" 1 [40 4]  Count Always Region = region;
    "off"    1 [0 40]  Hex Always u64 = off;
    "len"    2 [0 40]  Count Always u64 = len;
}

const SEGMENT: &[Row] = &[Row {
    key: "seg",
    word: 2,
    lo: 40,
    width: 24,
    kind: Kind::Count,
    variant: Variant::Always,
    named: false,
    name_of: u32::name_of_raw,
    value_of: u32::raw_of_name,
    get: |op| if let Op::SegmentEnd { seg } = op { i64::from(*seg) } else { i64::MAX },
    set: |op, raw| {
        let (Op::SegmentEnd { seg }, Ok(value)) = (op, u32::try_from(raw)) else { return false };
        *seg = value;
        true
    },
}];

/// Array elements in a `rows!` path.
macro_rules! at {
    ($name:ident, $pat:pat => $x:ident; $($key:literal $word:literal [$lo:literal $width:literal] $kind:ident $variant:ident $ty:ty = $field:ident $([$index:literal])?;)*) => {
        const $name: &[Row] = &[$(Row {
            key: $key, word: $word, lo: $lo, width: $width, kind: Kind::$kind, variant: Variant::$variant,
            named: <$ty as FieldValue>::NAMED,
            name_of: <$ty as FieldValue>::name_of_raw,
            value_of: <$ty as FieldValue>::raw_of_name,
            get: |op| { let $pat = op else { return i64::MAX }; FieldValue::to_raw(&$x.$field$([$index])?) },
            set: |op, raw| {
                let $pat = op else { return false };
                match <$ty as FieldValue>::from_raw(raw) { Some(v) => { $x.$field$([$index])? = v; true } None => false }
            },
        },)*];
    };
}

at! { DMA, (Op::Ld(x) | Op::St(x)) => x;
    "region"  1 [40 4]  Count Always Region = region;
    "off"     1 [0 40]  Hex Always u64 = dram_off;
    "mem"     1 [44 4]  Count Always Mem = mem;
    "loc"     2 [0 32]  Hex Always u32 = loc_addr;
    "esz"     1 [48 4]  Log2 Always u8 = esz;
    "n"       3 [0 16]  Count Always u16 = n[0];
    "n"       3 [16 16] Count Always u16 = n[1];
    "n"       3 [32 16] Count Always u16 = n[2];
    "n"       3 [48 16] Count Always u16 = n[3];
    "ds"      4 [0 32]  Signed Always i32 = dram_s[0];
    "ds"      4 [32 32] Signed Always i32 = dram_s[1];
    "ds"      5 [0 32]  Signed Always i32 = dram_s[2];
    "ls"      5 [32 32] Signed Always i32 = loc_s[0];
    "ls"      6 [0 32]  Signed Always i32 = loc_s[1];
    "ls"      6 [32 32] Signed Always i32 = loc_s[2];
    "tag"     1 [56 1]  Count Always AccTag = tag;
    "padmode" 1 [52 4]  Count Always bool = padmode;
    "fill"    2 [32 32] Hex Always u32 = fill;
    "lo"      7 [0 8]   Count Always u8 = lo[0];
    "lo"      7 [16 8]  Count Always u8 = lo[1];
    "lo"      7 [32 8]  Count Always u8 = lo[2];
    "hi"      7 [8 8]   Count Always u8 = hi[0];
    "hi"      7 [24 8]  Count Always u8 = hi[1];
    "hi"      7 [40 8]  Count Always u8 = hi[2];
}

at! { INDEXED, (Op::Ldx(x) | Op::Stx(x)) => x;
    "region"  1 [40 4]  Count Always Region = region;
    "off"     1 [0 40]  Hex Always u64 = dram_off;
    "mem"     1 [44 4]  Count Always Mem = mem;
    "loc"     2 [0 32]  Hex Always u32 = loc_addr;
    "idx"     2 [32 32] Hex Always u32 = idx_addr;
    "esz"     1 [48 4]  Log2 Always u8 = esz;
    "idx64"   1 [52 1]  Count Always bool = idx64;
    "n"       3 [0 16]  Count Always u16 = n[0];
    "n"       3 [16 16] Count Always u16 = n[1];
    "n"       3 [32 16] Count Always u16 = n[2];
    "n"       3 [48 16] Count Always u16 = n[3];
    "idx_s2"  4 [0 32]  Signed Always i32 = idx_s2;
    "ds2"     4 [32 32] Signed Always i32 = dram_s2;
    "ds3"     5 [0 32]  Signed Always i32 = dram_s3;
    "ls"      5 [32 32] Signed Always i32 = loc_s[0];
    "ls"      6 [0 32]  Signed Always i32 = loc_s[1];
    "ls"      6 [32 32] Signed Always i32 = loc_s[2];
    "row_s"   7 [0 32]  Signed Always i32 = row_s;
    "len"     7 [32 32] Count Always u32 = len;
}

rows! { MX, (Op::MxConv(x) | Op::MxDw(x)) => x;
    "in"       1 [0 24]  Hex Always u32 = in_addr;
    "in_sy"    1 [24 24] Count Always u32 = in_sy;
    "in_sx"    1 [48 16] Count Always u32 = in_sx;
    "in_sc"    2 [0 24]  Count Always u32 = in_sc;
    "w"        2 [24 24] Hex Always u32 = w_addr;
    "kh"       2 [48 8]  MinusOne Always u16 = kh;
    "kw"       2 [56 8]  MinusOne Always u16 = kw;
    "oh"       3 [0 12]  Count Always u16 = oh;
    "ow"       3 [12 16] Count Always u16 = ow;
    "ih"       3 [28 12] Count Always u16 = ih;
    "iw"       3 [40 16] Count Always u16 = iw;
    "sy"       3 [56 8]  MinusOne Always u16 = sy;
    "sx"       5 [56 8]  MinusOne Always u16 = sx;
    "dy"       7 [44 6]  MinusOne Always u8 = dy;
    "dx"       7 [50 6]  MinusOne Always u8 = dx;
    "iy0"      7 [24 10] Signed Always i16 = iy0;
    "ix0"      7 [34 10] Signed Always i16 = ix0;
    "cg"       4 [0 12]  Count Always u16 = cg;
    "clast"    4 [12 5]  Count Always u8 = clast;
    "ng"       4 [17 10] Count Always u16 = ng;
    "nlast"    4 [27 5]  Count Always u8 = nlast;
    "acc_row"  4 [32 16] Count Always u16 = acc_row;
    "acc_sn"   4 [48 16] Count Always u16 = acc_sn;
    "dtype"    5 [0 4]   Count Always MxType = dtype;
    "init"     5 [4 2]   Count Always Init = init;
    "zx"       5 [6 10]  Signed Always i16 = zx;
    "zw"       5 [16 10] Signed Always i16 = zw;
    "zxm"      5 [54 1]  Count Always bool = zxm;
    "zx_rec"   7 [56 8]  Count Always u8 = zx_rec;
    "zwm"      5 [55 1]  Count Always bool = zwm;
    "prm_rec"  5 [26 16] Count Always u16 = prm_rec;
    "kpack"    5 [42 1]  Count Always bool = kpack;
    "batch"    5 [43 11] MinusOne Always u16 = batch;
    "b_in_s"   6 [0 24]  Count Always u32 = b_in_s;
    "b_w_s"    6 [24 24] Count Always u32 = b_w_s;
    "b_acc_s"  6 [48 16] Count Always u16 = b_acc_s;
    "ring_len" 7 [0 12]  Count Always u16 = ring_len;
    "ring_off" 7 [12 12] Count Always u16 = ring_off;
}

/// A row of the vector operations that is not a plain field: reads and writes through functions of `Vx`.
macro_rules! vx_row {
    ($key:literal $word:literal [$lo:literal $width:literal] $kind:ident $variant:ident $ty:ty, $get:expr, $set:expr) => {
        Row {
            key: $key,
            word: $word,
            lo: $lo,
            width: $width,
            kind: Kind::$kind,
            variant: Variant::$variant,
            named: <$ty as FieldValue>::NAMED,
            name_of: <$ty as FieldValue>::name_of_raw,
            value_of: <$ty as FieldValue>::raw_of_name,
            get: |op| {
                let get: fn(&Vx) -> $ty = $get;
                op.vx().map_or(i64::MAX, |v| get(v).to_raw())
            },
            set: |op, raw| {
                let set: fn(&mut Vx, $ty) = $set;
                match (op.vx_mut(), <$ty as FieldValue>::from_raw(raw)) {
                    (Some(v), Some(value)) => {
                        set(v, value);
                        true
                    }
                    _ => false,
                }
            },
        }
    };
}

/// `fn` of one operation: the same bits, another enumeration.
macro_rules! fn_row {
    ($name:ident, $variant:ident, $ty:ty) => {
const $name: &[Row] = &[vx_row!("fn" 5 [12 8] Count Always $ty,
            |v| if let VxFn::$variant(f) = v.func { f } else { <$ty>::default() },
            |v, f| v.func = VxFn::$variant(f))];
    };
}
fn_row!(FN_EW, Ew, EwFn);
fn_row!(FN_RED, Red, RedFn);
fn_row!(FN_SC, Sc, ScFn);
fn_row!(FN_SCAN, Scan, ScanFn);
fn_row!(FN_SORT, Sort, SortFn);

/// The form as a field of its own: 0 IMM, 1 PRM.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct FormCode(bool);

impl FieldValue for FormCode {
    fn to_raw(&self) -> i64 {
        i64::from(self.0)
    }
    fn from_raw(raw: i64) -> Option<Self> {
        bool::from_raw(raw).map(FormCode)
    }
    const NAMED: bool = true;
    fn name_of_raw(raw: i64) -> Option<&'static str> {
        Self::from_raw(raw).map(|f| if f.0 { "prm" } else { "imm" })
    }
    fn raw_of_name(name: &str) -> Option<i64> {
        match name {
            "imm" => Some(0),
            "prm" => Some(1),
            _ => None,
        }
    }
}

impl FormCode {
    fn of(form: Form) -> Self {
        FormCode(form.is_prm())
    }
    fn empty(self) -> Form {
        if self.0 { Form::prm(None, None, None) } else { Form::default() }
    }
}

/// The memory of operand b: 0 SPM, 1 immediate, 3 ACC.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct BMem(Mem);

impl FieldValue for BMem {
    fn to_raw(&self) -> i64 {
        match self.0 {
            Mem::Spm => 0,
            Mem::Imm => 1,
            Mem::Acc => 3,
            Mem::Prm | Mem::Lut | Mem::Dram => i64::MAX, // no encoding
        }
    }
    fn from_raw(raw: i64) -> Option<Self> {
        match raw {
            0 => Some(BMem(Mem::Spm)),
            1 => Some(BMem(Mem::Imm)),
            3 => Some(BMem(Mem::Acc)),
            _ => None,
        }
    }
    const NAMED: bool = true;
    fn name_of_raw(raw: i64) -> Option<&'static str> {
        Self::from_raw(raw).map(|m| m.0.name())
    }
    fn raw_of_name(name: &str) -> Option<i64> {
        Mem::from_name(name).map(|m| BMem(m).to_raw())
    }
}

/// Sets one field of form IMM (nothing in form PRM: the row does not exist there).
fn set_imm(form: &mut Form, high: bool, value: u32) {
    if let Form::Imm { imm0, imm1 } = form {
        *(if high { imm1 } else { imm0 }) = value;
    }
}

/// Sets one record of form PRM.
fn set_record(form: &mut Form, which: usize, value: Option<u16>) {
    if let Form::Prm { aprm, bprm, dprm, .. } = form {
        *[aprm, bprm, dprm][which] = value;
    }
}

/// Bounds of act clamp.
fn clamp_bounds(form: &Form) -> [u8; 2] {
    match *form {
        Form::Prm { clo, chi, .. } => [clo, chi],
        Form::Imm { .. } => [0, 0],
    }
}

fn set_clamp(form: &mut Form, high: bool, value: u8) {
    if let Form::Prm { clo, chi, .. } = form {
        *(if high { chi } else { clo }) = value;
    }
}

/// One operand: memory, address, strides.
macro_rules! operand_rows {
    ($x:ident, $kmem:literal $mlo:literal, $kaddr:literal $kdt:literal $dlo:literal $ks:literal $word:literal $s0:literal $s3:literal, $mty:ty, $getmem:expr, $setmem:expr) => {
        [
            vx_row!($kmem 5 [$mlo 2] Count Always $mty, $getmem, $setmem),
            vx_row!($kaddr $word [0 24] Hex Always u32, |v| v.$x.addr, |v, x| v.$x.addr = x),
            vx_row!($kdt 5 [$dlo 4] Count Always DType, |v| v.$x.dt, |v, x| v.$x.dt = x),
            vx_row!($ks 5 [$s0 2] InnerStride NotG0 i32, |v| v.$x.s[0], |v, x| v.$x.s[0] = x),
            vx_row!($ks 7 [$s3 20] Signed G0 i32, |v| v.$x.s[0], |v, x| v.$x.s[0] = x),
            vx_row!($ks $word [24 20] Signed Always i32, |v| v.$x.s[1], |v, x| v.$x.s[1] = x),
            vx_row!($ks $word [44 20] Signed Always i32, |v| v.$x.s[2], |v, x| v.$x.s[2] = x),
            vx_row!($ks 7 [$s3 20] Signed NotG0 i32, |v| v.$x.s[3], |v, x| v.$x.s[3] = x),
        ]
    };
}

/// Rows that decide in which variant the others exist: they come first.
const VX_HEAD: &[Row] = &[
    vx_row!("form" 5 [26 2] Count Always FormCode, |v| FormCode::of(v.form), |v, f| v.form = f.empty()),
    vx_row!("g0" 5 [34 1] Count Always bool, |v| v.g0, |v, x| v.g0 = x),
];
const VX_A: &[Row] = &operand_rows!(a, "a_mem" 35, "a" "a_dt" 0 "a_s" 1 28 0, Mem, |v| v.a.mem, |v, m| v.a.mem = m);
const VX_B: &[Row] =
    &operand_rows!(b, "b_mem" 37, "b" "b_dt" 4 "b_s" 2 30 20, BMem, |v| BMem(v.b.mem), |v, m| v.b.mem = m.0);
const VX_D: &[Row] = &operand_rows!(d, "d_mem" 39, "d" "d_dt" 8 "d_s" 3 32 40, Mem, |v| v.d.mem, |v, m| v.d.mem = m);
const VX_REST: &[Row] = &[
    vx_row!("n" 4 [0 16] Count Always u16, |v| v.n[0], |v, x| v.n[0] = x),
    vx_row!("n" 4 [16 16] Count Always u16, |v| v.n[1], |v, x| v.n[1] = x),
    vx_row!("n" 4 [32 16] Count Always u16, |v| v.n[2], |v, x| v.n[2] = x),
    vx_row!("n" 4 [48 16] Count Always u16, |v| v.n[3], |v, x| v.n[3] = x),
    vx_row!("rq" 5 [20 3] Count Always RqMode, |v| v.rq, |v, x| v.rq = x),
    vx_row!("rm" 5 [23 3] Count Always Round, |v| v.rm, |v, x| v.rm = x),
    vx_row!("act" 5 [41 3] Count Always Act, |v| v.act, |v, x| v.act = x),
    vx_row!("chan" 5 [44 3] Count Always Chan, |v| v.chan, |v, x| v.chan = x),
    vx_row!("chm_a" 5 [47 1] Count Always bool, |v| v.chm_a, |v, x| v.chm_a = x),
    vx_row!("chm_d" 5 [48 1] Count Always bool, |v| v.chm_d, |v, x| v.chm_d = x),
    vx_row!("axis" 5 [49 2] Count Always u8, |v| v.axis, |v, x| v.axis = x),
    vx_row!("lut" 5 [51 2] Count Always u8, |v| v.lut, |v, x| v.lut = x),
    vx_row!("acc" 5 [53 1] Count Always bool, |v| v.acc, |v, x| v.acc = x),
    vx_row!("last" 5 [54 1] Count Always bool, |v| v.last, |v, x| v.last = x),
    vx_row!("excl" 5 [55 1] Count Always bool, |v| v.excl, |v, x| v.excl = x),
    vx_row!("imm0" 6 [0 32] Imm Imm u32, |v| v.form.imm0(), |v, x| set_imm(&mut v.form, false, x)),
    vx_row!("imm1" 6 [32 32] Imm Imm u32, |v| v.form.imm1(), |v, x| set_imm(&mut v.form, true, x)),
    vx_row!("aprm" 6 [0 16] Record Prm Option<u16>, |v| v.form.records().0, |v, x| set_record(&mut v.form, 0, x)),
    vx_row!("bprm" 6 [16 16] Record Prm Option<u16>, |v| v.form.records().1, |v, x| set_record(&mut v.form, 1, x)),
    vx_row!("dprm" 6 [32 16] Record Prm Option<u16>, |v| v.form.records().2, |v, x| set_record(&mut v.form, 2, x)),
    vx_row!("clo" 6 [48 8] Count Prm u8, |v| clamp_bounds(&v.form)[0], |v, x| set_clamp(&mut v.form, false, x)),
    vx_row!("chi" 6 [56 8] Count Prm u8, |v| clamp_bounds(&v.form)[1], |v, x| set_clamp(&mut v.form, true, x)),
];

/// As `vx_row`, for POOL.
macro_rules! pool_row {
    ($key:literal $word:literal [$lo:literal $width:literal] $kind:ident $variant:ident $ty:ty, $get:expr, $set:expr) => {
        Row {
            key: $key,
            word: $word,
            lo: $lo,
            width: $width,
            kind: Kind::$kind,
            variant: Variant::$variant,
            named: <$ty as FieldValue>::NAMED,
            name_of: <$ty as FieldValue>::name_of_raw,
            value_of: <$ty as FieldValue>::raw_of_name,
            get: |op| {
                let get: fn(&Pool) -> $ty = $get;
                if let Op::Pool(p) = op { get(p).to_raw() } else { i64::MAX }
            },
            set: |op, raw| {
                let set: fn(&mut Pool, $ty) = $set;
                match (op, <$ty as FieldValue>::from_raw(raw)) {
                    (Op::Pool(p), Some(value)) => {
                        set(p, value);
                        true
                    }
                    _ => false,
                }
            },
        }
    };
}

const POOL_FORM: &[Row] = &[
    pool_row!("form" 5 [26 2] Count Always FormCode, |p| FormCode::of(p.form), |p, f| p.form = f.empty()),
    pool_row!("imm0" 6 [0 32] Imm Imm u32, |p| p.form.imm0(), |p, x| set_imm(&mut p.form, false, x)),
    pool_row!("imm1" 6 [32 32] Imm Imm u32, |p| p.form.imm1(), |p, x| set_imm(&mut p.form, true, x)),
    pool_row!("aprm" 6 [0 16] Record Prm Option<u16>, |p| p.form.records().0, |p, x| set_record(&mut p.form, 0, x)),
    pool_row!("dprm" 6 [32 16] Record Prm Option<u16>, |p| p.form.records().2, |p, x| set_record(&mut p.form, 2, x)),
    // operand b does not exist in POOL, so its record is always none
    pool_row!("bprm" 6 [16 16] Record Prm Option<u16>, |p| p.form.records().1, |p, x| set_record(&mut p.form, 1, x)),
    pool_row!("clo" 6 [48 8] Count Prm u8, |p| clamp_bounds(&p.form)[0], |p, x| set_clamp(&mut p.form, false, x)),
    pool_row!("chi" 6 [56 8] Count Prm u8, |p| clamp_bounds(&p.form)[1], |p, x| set_clamp(&mut p.form, true, x)),
];

rows! { POOL, Op::Pool(x) => x;
    "fn"    5 [12 8]  Count Always PoolFn = func;
    "a_mem" 5 [35 2]  Count Always Mem = a_mem;
    "a"     1 [0 24]  Hex Always u32 = a_addr;
    "a_dt"  5 [0 4]   Count Always DType = a_dt;
    "a_sx"  1 [24 20] Signed Always i32 = a_sx;
    "a_sy"  1 [44 20] Signed Always i32 = a_sy;
    "d_mem" 5 [39 2]  Count Always Mem = d_mem;
    "d"     3 [0 24]  Hex Always u32 = d_addr;
    "d_dt"  5 [8 4]   Count Always DType = d_dt;
    "d_sx"  3 [24 20] Signed Always i32 = d_sx;
    "d_sy"  3 [44 20] Signed Always i32 = d_sy;
    "oh"    2 [0 16]  Count Always u16 = oh;
    "ow"    2 [16 16] Count Always u16 = ow;
    "ih"    2 [32 16] Count Always u16 = ih;
    "iw"    2 [48 16] Count Always u16 = iw;
    "n0"    4 [0 16]  Count Always u16 = n0;
    "kh"    4 [16 8]  MinusOne Always u16 = kh;
    "kw"    4 [24 8]  MinusOne Always u16 = kw;
    "iy0"   4 [32 10] Signed Always i16 = iy0;
    "ix0"   4 [42 10] Signed Always i16 = ix0;
    "sy"    4 [52 6]  MinusOne Always u8 = sy;
    "sx"    4 [58 6]  MinusOne Always u8 = sx;
    "dy"    7 [16 6]  MinusOne Always u8 = dy;
    "dx"    7 [22 6]  MinusOne Always u8 = dx;
    "pb"    7 [0 8]   Count Always u8 = pb;
    "pr"    7 [8 8]   Count Always u8 = pr;
    "rq"    5 [20 3]  Count Always RqMode = rq;
    "act"   5 [41 3]  Count Always Act = act;
    "chan"  5 [44 3]  Count Always Chan = chan;
    "chm_a" 5 [47 1]  Count Always bool = chm_a;
    "chm_d" 5 [48 1]  Count Always bool = chm_d;
}

/// Every operation, by opcode.
pub const OPS: &[OpInfo] = &[
    OpInfo { code: 0x00, mnemonic: "nop", empty: || Op::Nop, rows: &[] },
    OpInfo { code: 0x01, mnemonic: "fence", empty: || Op::Fence, rows: &[] },
    OpInfo { code: 0x02, mnemonic: "halt", empty: || Op::Halt, rows: &[] },
    OpInfo { code: 0x03, mnemonic: "poison", empty: || Op::Poison(Poison::default()), rows: &[POISON] },
    OpInfo { code: 0x04, mnemonic: "segment_end", empty: || Op::SegmentEnd { seg: 0 }, rows: &[SEGMENT] },
    OpInfo { code: 0x10, mnemonic: "ld", empty: || Op::Ld(Dma::default()), rows: &[DMA] },
    OpInfo { code: 0x11, mnemonic: "st", empty: || Op::St(Dma::default()), rows: &[DMA] },
    OpInfo { code: 0x12, mnemonic: "ldx", empty: || Op::Ldx(IndexedDma::default()), rows: &[INDEXED] },
    OpInfo { code: 0x13, mnemonic: "stx", empty: || Op::Stx(IndexedDma::default()), rows: &[INDEXED] },
    OpInfo { code: 0x20, mnemonic: "conv", empty: || Op::MxConv(Mx::default()), rows: &[MX] },
    OpInfo { code: 0x21, mnemonic: "dw", empty: || Op::MxDw(Mx::default()), rows: &[MX] },
    vx_op(0x30, "rq", || Op::Rq(Vx::default()), &[VX_HEAD, VX_A, VX_B, VX_D, VX_REST]),
    vx_op(0x31, "ew", || Op::Ew(Vx::default()), &[FN_EW, VX_HEAD, VX_A, VX_B, VX_D, VX_REST]),
    vx_op(0x32, "lut", || Op::Lut(Vx::default()), &[VX_HEAD, VX_A, VX_B, VX_D, VX_REST]),
    vx_op(0x33, "red", || Op::Red(Vx::default()), &[FN_RED, VX_HEAD, VX_A, VX_B, VX_D, VX_REST]),
    OpInfo { code: 0x34, mnemonic: "pool", empty: || Op::Pool(Pool::default()), rows: &[POOL_FORM, POOL] },
    vx_op(0x35, "cvt", || Op::Cvt(Vx::default()), &[VX_HEAD, VX_A, VX_B, VX_D, VX_REST]),
    vx_op(0x36, "tr", || Op::Tr(Vx::default()), &[VX_HEAD, VX_A, VX_B, VX_D, VX_REST]),
    vx_op(0x37, "fill", || Op::Fill(Vx::default()), &[VX_HEAD, VX_A, VX_B, VX_D, VX_REST]),
    vx_op(0x38, "ga", || Op::Ga(Vx::default()), &[VX_HEAD, VX_A, VX_B, VX_D, VX_REST]),
    vx_op(0x39, "sc", || Op::Sc(Vx::default()), &[FN_SC, VX_HEAD, VX_A, VX_B, VX_D, VX_REST]),
    vx_op(0x3A, "scan", || Op::Scan(Vx::default()), &[FN_SCAN, VX_HEAD, VX_A, VX_B, VX_D, VX_REST]),
    vx_op(0x3B, "sort", || Op::Sort(Vx::default()), &[FN_SORT, VX_HEAD, VX_A, VX_B, VX_D, VX_REST]),
];

const fn vx_op(code: u8, mnemonic: &'static str, empty: fn() -> Op, rows: &'static [&'static [Row]]) -> OpInfo {
    OpInfo { code, mnemonic, empty, rows }
}

/// The table entry of an opcode.
pub fn by_code(code: u8) -> Option<&'static OpInfo> {
    OPS.iter().find(|info| info.code == code)
}

/// The table entry of a mnemonic.
pub fn by_mnemonic(mnemonic: &str) -> Option<&'static OpInfo> {
    OPS.iter().find(|info| info.mnemonic == mnemonic)
}

/// The table entry of an operation.
pub fn of(op: &Op) -> &'static OpInfo {
    let code = match op {
        Op::Nop => 0x00,
        Op::Fence => 0x01,
        Op::Halt => 0x02,
        Op::Poison(_) => 0x03,
        Op::SegmentEnd { .. } => 0x04,
        Op::Ld(_) => 0x10,
        Op::St(_) => 0x11,
        Op::Ldx(_) => 0x12,
        Op::Stx(_) => 0x13,
        Op::MxConv(_) => 0x20,
        Op::MxDw(_) => 0x21,
        Op::Rq(_) => 0x30,
        Op::Ew(_) => 0x31,
        Op::Lut(_) => 0x32,
        Op::Red(_) => 0x33,
        Op::Pool(_) => 0x34,
        Op::Cvt(_) => 0x35,
        Op::Tr(_) => 0x36,
        Op::Fill(_) => 0x37,
        Op::Ga(_) => 0x38,
        Op::Sc(_) => 0x39,
        Op::Scan(_) => 0x3A,
        Op::Sort(_) => 0x3B,
    };
    by_code(code).expect("every operation has a row in OPS")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_one_operation_do_not_overlap() {
        for info in OPS {
            let rows: Vec<_> = info.rows().collect();
            for (i, a) in rows.iter().enumerate() {
                assert!(a.lo + a.width <= 64 && (1..8).contains(&a.word), "{} {}", info.mnemonic, a.key);
                for b in &rows[..i] {
                    let disjoint = a.word != b.word || a.lo + a.width <= b.lo || b.lo + b.width <= a.lo;
                    assert!(disjoint || !a.variant.meets(b.variant), "{}: {} and {}", info.mnemonic, a.key, b.key);
                }
            }
        }
    }

    #[test]
    fn opcodes_and_mnemonics_are_distinct_and_find_their_operation() {
        for (i, info) in OPS.iter().enumerate() {
            assert_eq!(of(&(info.empty)()).code, info.code);
            assert!(OPS[..i].iter().all(|other| other.code != info.code && other.mnemonic != info.mnemonic));
        }
    }

    #[test]
    fn every_named_function_has_an_encoding() {
        // section 3.4, counted by hand: 4 + 2 + 3 + 3 + 1 (00..0B, 0D), 6, 4, 3, 5, 4, 2, 2, 1, 23
        assert_eq!(EwFn::ALL.len(), 13 + 6 + 4 + 3 + 5 + 4 + 4 + 1 + 23);
        let row = &FN_EW[0];
        for f in EwFn::ALL {
            let mut op = Op::Ew(Vx::default());
            assert!(row.store(&mut op, i64::from(f.code())));
            assert_eq!(op.vx().and_then(Vx::ew), Some(*f));
            assert_eq!((row.value_of)(f.name()), Some(i64::from(f.code())));
        }
        assert_eq!((RedFn::ALL.len(), ScanFn::ALL.len(), ScFn::ALL.len(), PoolFn::ALL.len()), (6, 4, 5, 6));
    }
}
