//! Instruction words: 64 bytes, 8 little-endian words (4). The field table of `layout` drives both directions.

use crate::codes::Engine;
use crate::instr::{Instr, Token};
use crate::layout::{self, mask};
use crate::legal;

/// Bytes of an instruction.
pub const INSTR_BYTES: usize = 64;

/// Why a value has no encoding, or bytes no meaning (`E_DECODE`).
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum CodeError {
    /// No operation has the opcode.
    #[error("opcode {0:#04x} is not defined")]
    Opcode(u8),
    /// The engine code is not defined.
    #[error("engine code {0} is not defined")]
    Engine(u8),
    /// Bits that no field of this operation uses.
    #[error("reserved bits {bits:#x} of word {word} are set")]
    Reserved {
        /// Word 0..8.
        word: usize,
        /// The bits.
        bits: u64,
    },
    /// A token slot with a count of 0 and a semaphore.
    #[error("token slot {0} has a semaphore and no count")]
    Token(usize),
    /// A field whose value is reserved or does not fit.
    #[error("field {key} cannot be {value}")]
    Field {
        /// The key of the field.
        key: &'static str,
        /// The value.
        value: i64,
    },
    /// Fields that do not fit each other.
    #[error("{0}")]
    Illegal(String),
}

/// First bit of the four token slots of word 0: waits, then signals.
const TOKEN_BITS: [u8; 4] = [16, 28, 40, 52];

/// The words of an instruction.
///
/// # Errors
/// A field out of range, or fields that do not fit each other.
pub fn encode_words(instr: &Instr) -> Result<[u64; 8], CodeError> {
    legal::check(instr).map_err(CodeError::Illegal)?;
    let info = layout::of(&instr.op);
    let mut words = [0u64; 8];
    words[0] = u64::from(info.code) | u64::from(instr.eng.code()) << 8;
    let tokens = [instr.waits[0], instr.waits[1], instr.signals[0], instr.signals[1]];
    for (token, lo) in tokens.iter().zip(TOKEN_BITS) {
        if let Some(Token { sem, n }) = token {
            words[0] |= u64::from(*sem) << lo | u64::from(*n) << (lo + 6);
        }
    }
    for row in info.rows().filter(|row| row.exists(&instr.op)) {
        let value = row.value(&instr.op);
        let bits = row.to_bits(value).ok_or(CodeError::Field { key: row.key, value })?;
        words[usize::from(row.word)] |= bits << row.lo;
    }
    Ok(words)
}

/// The bytes of an instruction.
///
/// # Errors
/// As [`encode_words`].
pub fn encode(instr: &Instr) -> Result<[u8; INSTR_BYTES], CodeError> {
    let words = encode_words(instr)?;
    Ok(std::array::from_fn(|i| words[i / 8].to_le_bytes()[i % 8]))
}

/// The instruction of eight words.
///
/// # Errors
/// Reserved bits or codes, unused fields that are not 0, counts of 0, fields that do not fit each other.
pub fn decode_words(words: &[u64; 8]) -> Result<Instr, CodeError> {
    let code = (words[0] & 0xFF) as u8;
    let info = layout::by_code(code).ok_or(CodeError::Opcode(code))?;
    let eng_code = (words[0] >> 8 & 7) as u8;
    let eng = Engine::from_code(eng_code).ok_or(CodeError::Engine(eng_code))?;
    let mut tokens = [None; 4];
    for (slot, lo) in TOKEN_BITS.into_iter().enumerate() {
        let (sem, n) = ((words[0] >> lo & 63) as u8, (words[0] >> (lo + 6) & 63) as u8);
        if n > 0 {
            tokens[slot] = Some(Token { sem, n });
        } else if sem > 0 {
            return Err(CodeError::Token(slot));
        }
    }
    let mut op = (info.empty)();
    let mut used = [0u64; 8];
    used[0] = !0xF800;
    for row in info.rows() {
        if !row.exists(&op) {
            continue;
        }
        let word = usize::from(row.word);
        used[word] |= mask(row.width) << row.lo;
        let value = row.of_bits(words[word] >> row.lo);
        if !row.store(&mut op, value) {
            return Err(CodeError::Field { key: row.key, value });
        }
    }
    if let Some(word) = (0..8).find(|&w| words[w] & !used[w] != 0) {
        return Err(CodeError::Reserved { word, bits: words[word] & !used[word] });
    }
    let instr = Instr { eng, waits: [tokens[0], tokens[1]], signals: [tokens[2], tokens[3]], op };
    legal::check(&instr).map_err(CodeError::Illegal)?;
    Ok(instr)
}

/// The instruction of 64 bytes.
///
/// # Errors
/// As [`decode_words`].
pub fn decode(bytes: &[u8; INSTR_BYTES]) -> Result<Instr, CodeError> {
    decode_words(&std::array::from_fn(|w| u64::from_le_bytes(std::array::from_fn(|i| bytes[8 * w + i]))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codes::{DType, EwFn, Mem};
    use crate::instr::{Dma, Form, Op, Operand, Vx, VxFn};

    /// Word by word, from the tables of section 4.1 by hand.
    #[test]
    fn ld_has_the_layout_of_4_1() {
        let mut i = Instr::new(Op::Ld(Dma {
            dram_off: 0x4a00,
            esz: 4,
            loc_addr: 0x1200,
            n: [256, 9, 1, 1],
            dram_s: [1024, -1, 7],
            loc_s: [1024, 2, -3],
            padmode: true,
            fill: 0xDEAD_BEEF,
            lo: [1, 2, 3],
            hi: [4, 5, 6],
            ..Dma::default()
        }))
        .on(Engine::Ldw);
        assert!(i.add_wait(3, 2) && i.add_wait(1, 1) && i.add_signal(5, 63) && !i.add_wait(9, 1));
        let w = encode_words(&i).expect("legal");
        assert_eq!(w[0], 0x10 | 1 << 8 | 3 << 16 | 2 << 22 | 1 << 28 | 1 << 34 | 5 << 40 | 63 << 46);
        assert_eq!(w[1], 0x4a00 | 2 << 48 | 1 << 52);
        assert_eq!(w[2], 0x1200 | 0xDEAD_BEEF << 32);
        assert_eq!(w[3], 256 | 9 << 16 | 1 << 32 | 1 << 48);
        assert_eq!(w[4], 1024 | 0xFFFF_FFFF << 32);
        assert_eq!(w[5], 7 | 1024 << 32);
        assert_eq!(w[6], 2 | 0xFFFF_FFFD << 32);
        assert_eq!(w[7], 1 | 4 << 8 | 2 << 16 | 5 << 24 | 3 << 32 | 6 << 40);
        assert_eq!(decode_words(&w), Ok(i));
    }

    #[test]
    fn ew_has_the_layout_of_4_4() {
        let s = |s0, s1, s2, s3| [s0, s1, s2, s3];
        let v = Vx {
            func: VxFn::Ew(EwFn::Add),
            a: Operand { addr: 0x10, s: s(1, 16, -16, 5), mem: Mem::Spm, dt: DType::U8 },
            b: Operand { addr: 0x20, s: s(-1, 3, 4, 6), mem: Mem::Acc, dt: DType::S32 },
            d: Operand { addr: 0x30, s: s(2, 32, 64, 7), mem: Mem::Prm, dt: DType::S16 },
            n: [2, 3, 4, 5],
            rq: crate::codes::RqMode::Sat,
            ..Vx::default()
        };
        let w = encode_words(&Instr::new(Op::Ew(v))).expect("legal");
        assert_eq!(w[0], 0x31 | 4 << 8);
        assert_eq!(w[1], 0x10 | 16 << 24 | (0xF_FFF0 << 44));
        assert_eq!(w[5], 1 | 4 << 4 | 2 << 8 | 1 << 12 | 1 << 20 | 1 << 28 | 2 << 30 | 3 << 32 | 3 << 37 | 1 << 39);
        assert_eq!(w[7], 5 | 6 << 20 | 7 << 40);
        assert_eq!(w[6], 0);
    }

    #[test]
    fn reserved_and_unused_bits_are_rejected() {
        let nop = encode_words(&Instr::new(Op::Nop)).expect("legal");
        for word in 0..8 {
            for bit in 0..64 {
                let mut bad = nop;
                bad[word] ^= 1 << bit;
                let reserved = word > 0 || (11..16).contains(&bit);
                if reserved {
                    assert_eq!(decode_words(&bad), Err(CodeError::Reserved { word, bits: 1 << bit }));
                }
            }
        }
        let mut fill = encode_words(&Instr::new(Op::Fill(Vx {
            d: Operand { s: [1, 0, 0, 0], dt: DType::S32, ..Operand::default() },
            form: Form::imm(7),
            ..Vx::default()
        })))
        .expect("legal");
        fill[1] |= 1; // a_addr, which FILL does not use
        assert!(matches!(decode_words(&fill), Err(CodeError::Illegal(_))));
        fill[1] = 0;
        fill[5] |= 12; // reserved dtype
        assert_eq!(
            decode_words(&fill),
            Err(CodeError::Field { key: "a_dt", value: i64::from(DType::Bool.code()) + 1 })
        );
    }
}
