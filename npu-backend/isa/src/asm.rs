//! Text to program (4.7); the format is described in `disasm`.
//!
//! Unknown, repeated and out-of-range keys are errors with line and column. The assembler checks that every value fits
//! its field, not that an instruction is legal: bad programs must be writable to test the verifier.

use crate::codes::{DType, Engine, Region};
use crate::config::NpuConfig;
use crate::disasm::layout_name;
use crate::instr::{Instr, Op, Token};
use crate::layout::{self, Kind, OpInfo, Row};
use crate::program::{
    AttrValue, DebugEntry, Direction, HostKernel, HostSeg, HostTensor, IoEntry, Layout, Program, QuantParams,
};
use crate::text::{Word, items, parse_float, parse_int, unquote, words};

/// What is wrong, and where.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("line {line}, column {col}: {message}")]
pub struct AsmError {
    /// Line, from 1.
    pub line: usize,
    /// Column, from 1.
    pub col: usize,
    /// The problem.
    pub message: String,
}

/// A problem at a column of the current line.
type Bad = (usize, String);

fn bad<T>(col: usize, message: impl Into<String>) -> Result<T, Bad> {
    Err((col, message.into()))
}

/// Reads a program.
///
/// # Errors
/// The first problem.
pub fn parse_program(text: &str) -> Result<Program, AsmError> {
    let mut state = State::default();
    for (index, line) in text.lines().enumerate() {
        let found = words(line);
        let located = |(col, message)| AsmError { line: index + 1, col, message };
        let Some((first, rest)) = found.split_first() else { continue };
        if first.text.starts_with('.') { state.directive(*first, rest) } else { state.instruction(&found) }
            .map_err(located)?;
    }
    let mut program = state.program;
    program.region_sizes[0] = program.consts.len() as u64;
    program.debug.sort_by_key(|e| e.pc);
    Ok(program)
}

/// Reads one instruction (without `@pc`).
///
/// # Errors
/// The first problem; the line is 1.
pub fn parse_instr(text: &str) -> Result<Instr, AsmError> {
    instr(&words(text)).map_err(|(col, message)| AsmError { line: 1, col, message })
}

/// Most bytes of R0 that `.zero` may reach: a short text must not allocate without bound.
const MAX_CONST: usize = 1 << 30;

#[derive(Default)]
struct State {
    program: Program,
    /// Directives that may appear once.
    seen: Vec<&'static str>,
}

impl State {
    fn once(&mut self, col: usize, name: &'static str) -> Result<(), Bad> {
        if self.seen.contains(&name) {
            return bad(col, format!("{name} is repeated"));
        }
        self.seen.push(name);
        Ok(())
    }

    fn instruction(&mut self, line: &[Word<'_>]) -> Result<(), Bad> {
        let pc = self.program.code.len();
        let rest = match line[0].text.strip_prefix('@') {
            Some(number) if number.parse() == Ok(pc) => &line[1..],
            Some(_) => return bad(line[0].col, format!("this is instruction @{pc}")),
            None => line,
        };
        self.program.code.push(instr(rest)?);
        Ok(())
    }

    fn directive(&mut self, name: Word<'_>, rest: &[Word<'_>]) -> Result<(), Bad> {
        match name.text {
            ".anpu" => {
                self.once(name.col, ".anpu")?;
                if one(name, rest)?.text == "2" { Ok(()) } else { bad(rest[0].col, "the version is 2") }
            }
            ".config" => {
                self.once(name.col, ".config")?;
                let word = one(name, rest)?;
                self.program.config_hash = match NpuConfig::named(word.text) {
                    Ok(config) => config.hash(),
                    Err(_) => number(word.text, word.col)?,
                };
                Ok(())
            }
            ".regions" => {
                self.once(name.col, ".regions")?;
                let mut keys = Keys::new(rest)?;
                for (k, key) in ["r1", "r2", "r3"].into_iter().enumerate() {
                    self.program.region_sizes[k + 1] = keys.number(key)?.unwrap_or(0);
                }
                keys.end()
            }
            ".const" => rest.iter().try_for_each(|w| {
                self.program.consts.extend(bytes(*w)?);
                Ok(())
            }),
            ".zero" => {
                let word = one(name, rest)?;
                let count: u32 = number(word.text, word.col)?;
                let len = self.program.consts.len() + count as usize;
                if len > MAX_CONST {
                    return bad(word.col, "more than 1 GiB of constants");
                }
                self.program.consts.resize(len, 0);
                Ok(())
            }
            ".io" => {
                self.program.iotab.push(io(name, rest)?);
                Ok(())
            }
            ".debug" => self.debug(name, rest),
            ".hostseg" => {
                self.program.host_segs.push(HostSeg::default());
                rest.first().map_or(Ok(()), |w| bad(w.col, "nothing follows .hostseg"))
            }
            _ => self.host(name, rest),
        }
    }

    fn debug(&mut self, name: Word<'_>, rest: &[Word<'_>]) -> Result<(), Bad> {
        let Some((pc, rest)) = rest.split_first() else { return bad(name.col, "@pc is missing") };
        let Some(at) = pc.text.strip_prefix('@') else { return bad(pc.col, "@pc expected") };
        let at: u32 = number(at, pc.col)?;
        if self.program.debug.iter().any(|e| e.pc == at) {
            return bad(pc.col, "this instruction has an entry");
        }
        let mut keys = Keys::new(rest)?;
        let entry = DebugEntry {
            pc: at,
            nodes: keys.numbers("nodes")?.unwrap_or_default(),
            provenance: keys.string("pass")?.unwrap_or_default(),
            tile: keys.numbers("tile")?.unwrap_or_default(),
            buffers: keys.numbers("buffers")?.unwrap_or_default(),
        };
        keys.end()?;
        self.program.debug.push(entry);
        Ok(())
    }

    fn host(&mut self, name: Word<'_>, rest: &[Word<'_>]) -> Result<(), Bad> {
        let Some(seg) = self.program.host_segs.last_mut() else {
            return bad(name.col, format!("unknown directive {} (outside a .hostseg)", name.text));
        };
        if name.text == ".kernel" {
            let Some((kernel, rest)) = rest.split_first() else { return bad(name.col, "a kernel name is missing") };
            let mut keys = Keys::new(rest)?;
            let opset = keys.number("opset")?.unwrap_or(0);
            keys.end()?;
            seg.kernels.push(HostKernel { kernel: string(*kernel)?, opset, ..HostKernel::default() });
            return Ok(());
        }
        let Some(kernel) = seg.kernels.last_mut() else { return bad(name.col, "a .kernel comes first") };
        match name.text {
            ".attr" => kernel.attributes.push(attribute(name, rest)?),
            ".input" => kernel.inputs.push(tensor(name, rest)?),
            ".output" => kernel.outputs.push(tensor(name, rest)?),
            other => return bad(name.col, format!("unknown directive {other}")),
        }
        Ok(())
    }
}

fn one<'a>(name: Word<'_>, rest: &[Word<'a>]) -> Result<Word<'a>, Bad> {
    match rest {
        [word] => Ok(*word),
        [] => bad(name.col, format!("{} needs a value", name.text)),
        [_, extra, ..] => bad(extra.col, "one value expected"),
    }
}

fn number<T: TryFrom<i128>>(text: &str, col: usize) -> Result<T, Bad> {
    let Some(value) = parse_int(text) else { return bad(col, format!("`{text}` is not a number")) };
    T::try_from(value).or_else(|_| bad(col, format!("{text} is out of range")))
}

fn string(word: Word<'_>) -> Result<String, Bad> {
    unquote(word.text).map_or_else(|| bad(word.col, "a string in quotes expected"), Ok)
}

fn bytes(word: Word<'_>) -> Result<Vec<u8>, Bad> {
    let digits = word.text.as_bytes();
    if !digits.len().is_multiple_of(2) || !digits.iter().all(u8::is_ascii_hexdigit) {
        return bad(word.col, "pairs of hexadecimal digits expected");
    }
    let digit = |b: u8| char::from(b).to_digit(16).unwrap_or(0) as u8; // checked above
    Ok(digits.chunks(2).map(|pair| digit(pair[0]) << 4 | digit(pair[1])).collect())
}

/// `key=value` words of a line; each may be taken once, and all must be.
struct Keys<'a> {
    pairs: Vec<(&'a str, &'a str, usize)>,
}

impl<'a> Keys<'a> {
    fn new(line: &[Word<'a>]) -> Result<Self, Bad> {
        let mut pairs: Vec<(&str, &str, usize)> = Vec::new();
        for word in line {
            let Some((key, value)) = word.text.split_once('=') else {
                return bad(word.col, format!("key=value expected, not `{}`", word.text));
            };
            if pairs.iter().any(|p| p.0 == key) {
                return bad(word.col, format!("key {key} is repeated"));
            }
            pairs.push((key, value, word.col));
        }
        Ok(Keys { pairs })
    }
    fn take(&mut self, key: &str) -> Option<(&'a str, usize)> {
        let at = self.pairs.iter().position(|p| p.0 == key)?;
        let (_, value, col) = self.pairs.remove(at);
        Some((value, col))
    }
    fn number<T: TryFrom<i128>>(&mut self, key: &str) -> Result<Option<T>, Bad> {
        self.take(key).map(|(value, col)| number(value, col)).transpose()
    }
    fn numbers<T: TryFrom<i128>>(&mut self, key: &str) -> Result<Option<Vec<T>>, Bad> {
        self.take(key).map(|(value, col)| items(value).into_iter().map(|v| number(v, col)).collect()).transpose()
    }
    fn string(&mut self, key: &str) -> Result<Option<String>, Bad> {
        self.take(key).map(|(text, col)| string(Word { text, col })).transpose()
    }
    /// A value by name.
    fn named<T>(&mut self, key: &str, find: impl Fn(&str) -> Option<T>) -> Result<Option<T>, Bad> {
        let Some((value, col)) = self.take(key) else { return Ok(None) };
        find(value).map_or_else(|| bad(col, format!("{key} cannot be {value}")), |v| Ok(Some(v)))
    }
    fn end(self) -> Result<(), Bad> {
        self.pairs.first().map_or(Ok(()), |p| bad(p.2, format!("unknown key {}", p.0)))
    }
}

fn io(name: Word<'_>, rest: &[Word<'_>]) -> Result<IoEntry, Bad> {
    let [direction, label, rest @ ..] = rest else { return bad(name.col, ".io in|out \"name\" key=value…") };
    let direction = match direction.text {
        "in" => Direction::In,
        "out" => Direction::Out,
        _ => return bad(direction.col, "in or out expected"),
    };
    let mut keys = Keys::new(rest)?;
    let layouts = [Layout::RowMajor, Layout::Nhwc, Layout::C16];
    let layout = keys.named("layout", |text| layouts.into_iter().find(|&l| layout_name(l) == text))?;
    let scales = keys.numbers("scales")?;
    let (zero_points, axis) = (keys.numbers("zps")?, keys.number("axis")?);
    let quant = match scales {
        Some(scales) => Some(QuantParams { scales, zero_points: zero_points.unwrap_or_default(), axis }),
        None if zero_points.is_some() || axis.is_some() => return bad(name.col, "zps and axis need scales"),
        None => None,
    };
    let bound = match keys.take("bound") {
        None => None,
        Some((text, col)) => match bytes(Word { text, col })?.try_into() {
            Ok(digest) => Some(digest),
            Err(_) => return bad(col, "32 bytes expected"),
        },
    };
    let entry = IoEntry {
        name: string(*label)?,
        direction,
        dtype: keys.named("dtype", DType::from_name)?.unwrap_or_default(),
        dims: keys.numbers("dims")?.unwrap_or_default(),
        layout: layout.unwrap_or_default(),
        region: keys.named("region", Region::from_name)?.unwrap_or_default(),
        offset: keys.number("off")?.unwrap_or(0),
        quant,
        bound,
    };
    keys.end()?;
    Ok(entry)
}

fn attribute(name: Word<'_>, rest: &[Word<'_>]) -> Result<(String, AttrValue), Bad> {
    let [label, kind, value] = rest else { return bad(name.col, ".attr \"name\" kind value") };
    let list = items(value.text);
    let value = match kind.text {
        "int" => AttrValue::Int(number(value.text, value.col)?),
        "float" => AttrValue::Float(number(value.text, value.col)?),
        "str" => AttrValue::Str(string(*value)?),
        "ints" => AttrValue::Ints(list.into_iter().map(|v| number(v, value.col)).collect::<Result<_, _>>()?),
        "floats" => AttrValue::Floats(list.into_iter().map(|v| number(v, value.col)).collect::<Result<_, _>>()?),
        "strs" => {
            let one = |text| string(Word { text, col: value.col });
            AttrValue::Strs(list.into_iter().map(one).collect::<Result<_, _>>()?)
        }
        _ => return bad(kind.col, "int, float, str, ints, floats or strs expected"),
    };
    Ok((string(*label)?, value))
}

fn tensor(name: Word<'_>, rest: &[Word<'_>]) -> Result<Option<HostTensor>, Bad> {
    match rest {
        [none] if none.text == "none" => Ok(None),
        [place, dtype, dims] => {
            let Some((region, offset)) = place.text.split_once('+') else { return bad(place.col, "R1+0x0 expected") };
            let Some(region) = Region::from_name(region) else { return bad(place.col, "R0 … R3 expected") };
            let Some(dtype) = DType::from_name(dtype.text) else { return bad(dtype.col, "a type expected") };
            let offset = number(offset, place.col)?;
            let dims = items(dims.text).into_iter().map(|v| number(v, dims.col)).collect::<Result<_, _>>()?;
            Ok(Some(HostTensor { region, offset, dtype, dims }))
        }
        _ => bad(name.col, format!("{} none, or R1+0x0 type [dims]", name.text)),
    }
}

/// `ENG.mnemonic key=value… ; wait … sig …`.
fn instr(line: &[Word<'_>]) -> Result<Instr, Bad> {
    let Some((head, rest)) = line.split_first() else { return bad(1, "an instruction expected") };
    let Some((eng, mnemonic)) = head.text.split_once('.') else { return bad(head.col, "ENGINE.mnemonic expected") };
    let Some(eng) = Engine::from_name(eng) else { return bad(head.col, format!("there is no engine {eng}")) };
    let Some(info) = layout::by_mnemonic(mnemonic) else {
        return bad(head.col, format!("unknown mnemonic {mnemonic}"));
    };
    let cut = rest.iter().position(|w| w.text == ";").unwrap_or(rest.len());
    let op = fields(info, Keys::new(&rest[..cut])?)?;
    let mut instr = Instr { eng, op, ..Instr::default() };
    if let Some((semicolon, tail)) = rest[cut..].split_first() {
        tokens(&mut instr, *semicolon, tail)?;
    }
    Ok(instr)
}

fn fields(info: &OpInfo, keys: Keys<'_>) -> Result<Op, Bad> {
    let mut op = (info.empty)();
    // values by key, how many of them are used so far
    let mut given: Vec<(&str, Vec<&str>, usize, usize)> =
        keys.pairs.iter().map(|&(key, value, col)| (key, items(value), col, 0)).collect();
    for row in info.rows() {
        if !row.exists(&op) {
            continue;
        }
        let slot = given.iter_mut().find(|g| g.0 == row.key);
        let (value, col) = match slot {
            None => (row.of_bits(row.default_bits()), 1),
            Some((key, values, col, used)) => {
                let Some(text) = values.get(*used) else { return bad(*col, format!("{key} has too few values")) };
                *used += 1;
                (value(row, text, *col)?, *col)
            }
        };
        if row.to_bits(value).is_none() || !row.store(&mut op, value) {
            return bad(col, format!("{} cannot be {value}", row.key));
        }
    }
    for (key, values, col, used) in given {
        if used == 0 {
            return bad(col, format!("{} has no key {key} in this form", info.mnemonic));
        }
        if used != values.len() {
            return bad(col, format!("{key} takes {used} value(s)"));
        }
    }
    Ok(op)
}

fn value(row: &Row, text: &str, col: usize) -> Result<i64, Bad> {
    if row.named {
        return (row.value_of)(text).map_or_else(|| bad(col, format!("{} cannot be {text}", row.key)), Ok);
    }
    if row.kind == Kind::Imm {
        if let Some(bits) = parse_float(text) {
            return Ok(i64::from(bits));
        }
        let value: i64 = number(text, col)?;
        // negative immediates are written as such: two's complement
        return Ok(if (-(1i64 << 31)..0).contains(&value) { value + (1i64 << 32) } else { value });
    }
    number(text, col)
}

/// `wait s3:2,s1 sig s5`, either part optional.
fn tokens(instr: &mut Instr, semicolon: Word<'_>, mut rest: &[Word<'_>]) -> Result<(), Bad> {
    if rest.is_empty() {
        return bad(semicolon.col, "wait or sig expected after ;");
    }
    for (word, slots) in [("wait", &mut instr.waits), ("sig", &mut instr.signals)] {
        if let [key, list, tail @ ..] = rest
            && key.text == word
        {
            let texts: Vec<&str> = list.text.split(',').collect();
            if texts.len() > 2 {
                return bad(list.col, "at most two tokens");
            }
            for (slot, text) in slots.iter_mut().zip(texts) {
                *slot = Some(token(text, list.col)?);
            }
            rest = tail;
        }
    }
    rest.first().map_or(Ok(()), |w| bad(w.col, format!("`{}` is out of place", w.text)))
}

fn token(text: &str, col: usize) -> Result<Token, Bad> {
    let (name, count) = text.split_once(':').unwrap_or((text, "1"));
    let Some(sem) = name.strip_prefix('s') else { return bad(col, "a token is s0 … s63, with :count") };
    let (sem, n): (u8, u8) = (number(sem, col)?, number(count, col)?);
    if sem > 63 || !(1..=63).contains(&n) {
        return bad(col, format!("token {text} is out of range"));
    }
    Ok(Token { sem, n })
}
