//! The trap catalogue (2.5): one table, in the order in which traps of one instruction are reported.

/// When a trap is found.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub enum When {
    /// By the decoder or the load-time verifier, without data.
    Load,
    /// While executing.
    Run,
    /// Partly at load time (immediates, static geometry), partly while executing (records, data).
    Both,
}

macro_rules! traps {
    ($($variant:ident $name:literal $when:ident $meaning:literal,)*) => {
        /// A category of error; every one stops the program.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
        pub enum TrapCode { $(#[doc = $meaning] $variant,)* }

        impl TrapCode {
            /// Every trap, in the order of the catalogue (which is the order of precedence within one instruction).
            pub const ALL: &'static [TrapCode] = &[$(TrapCode::$variant,)*];
            /// The name: `E_…`.
            pub const fn name(self) -> &'static str { match self { $(TrapCode::$variant => $name,)* } }
            /// When it is found.
            pub const fn when(self) -> When { match self { $(TrapCode::$variant => When::$when,)* } }
            /// One sentence.
            pub const fn meaning(self) -> &'static str { match self { $(TrapCode::$variant => $meaning,)* } }
            /// The trap of a name.
            pub fn from_name(name: &str) -> Option<Self> { match name { $($name => Some(TrapCode::$variant),)* _ => None } }
        }
    };
}

traps! {
    Decode "E_DECODE" Load "Reserved bits, a bad opcode or engine, an unused field that is not 0, a value out of range.",
    Config "E_CONFIG" Load "The binary was made for another configuration.",
    Bounds "E_BOUNDS" Load "An access outside a local memory or a DRAM region.",
    RegionPerm "E_REGION_PERM" Load "A write to R0 or R2, a read of R3.",
    Align "E_ALIGN" Load "Weights not 16-byte aligned, a partial ACC row written or moved by DMA, an odd ACC lane address.",
    Uninit "E_UNINIT" Run "A read of a byte never written since program start or since POISON.",
    Race "E_RACE" Load "Two conflicting accesses that happens-before does not order.",
    Deadlock "E_DEADLOCK" Load "A wait that earlier signals cannot satisfy.",
    SemSpsc "E_SEM_SPSC" Load "A semaphore with two signalling or two waiting engines.",
    SemOverflow "E_SEM_OVERFLOW" Load "A semaphore that can exceed 63 under some timing.",
    SemLeak "E_SEM_LEAK" Load "A semaphore that is not 0 at the end of a segment or of the program.",
    AccType "E_ACC_TYPE" Run "An ACC row read with another type tag.",
    AccOverflow "E_ACC_OVERFLOW" Run "A final accumulator that differs from the exact sum.",
    Overlap "E_OVERLAP" Load "The destination of an instruction overlaps its source.",
    DupWrite "E_DUP_WRITE" Load "One descriptor writes a byte twice.",
    Pad "E_PAD" Load "A pool window without a tap inside.",
    LutRange "E_LUT_RANGE" Both "A table beyond LUT, or with uninitialised bytes.",
    ShiftRange "E_SHIFT_RANGE" Both "A shift or multiplier outside its range.",
    Param "E_PARAM" Run "A PRM scale that is NaN, infinite or negative, or a PRM zero point out of range.",
    Index "E_INDEX" Run "An index outside -L..L.",
    Div0 "E_DIV0" Run "Integer division by zero.",
    Bool "E_BOOL" Run "A bool byte other than 0 and 1.",
    BoundInput "E_BOUND_INPUT" Run "A bound input with another value than the one compiled for.",
    OutputUnwritten "E_OUTPUT_UNWRITTEN" Run "An R3 byte never stored at the end.",
    InstrLimit "E_INSTR_LIMIT" Run "More instructions than the caller allows.",
    AccessMismatch "E_ACCESS_MISMATCH" Run "Self-check of checked mode: bytes touched differ from access_sets.",
}

impl std::fmt::Display for TrapCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// A trap with its place.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub struct Trap {
    /// The category.
    pub code: TrapCode,
    /// The instruction, if one is to blame.
    pub pc: Option<u32>,
    /// The other instruction of a race, or the signal of a token error.
    pub other_pc: Option<u32>,
    /// What exactly, for people: field and value, memory and address.
    pub detail: String,
}

impl Trap {
    /// A trap of one instruction.
    pub fn at(code: TrapCode, pc: u32, detail: impl Into<String>) -> Self {
        Trap { code, pc: Some(pc), other_pc: None, detail: detail.into() }
    }
    /// A trap of the whole program.
    pub fn whole(code: TrapCode, detail: impl Into<String>) -> Self {
        Trap { code, pc: None, other_pc: None, detail: detail.into() }
    }
    /// Names the second instruction.
    #[must_use]
    pub fn with_other(mut self, pc: u32) -> Self {
        self.other_pc = Some(pc);
        self
    }
}

impl std::fmt::Display for Trap {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.code)?;
        if let Some(pc) = self.pc {
            write!(f, " @{pc}")?;
        }
        if let Some(pc) = self.other_pc {
            write!(f, " with @{pc}")?;
        }
        write!(f, ": {}", self.detail)
    }
}

impl std::error::Error for Trap {}
