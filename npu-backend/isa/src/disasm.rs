//! Program to text (4.7). `asm::parse_program` reads it back to an equal program.
//!
//! ```text
//! .anpu 2
//! .config 0x0123456789abcdef          (or a name: .config tiny-fuzz)
//! .regions r1=4096 r2=64 r3=64
//! .const 00112233…                    (bytes of R0 in hexadecimal; .zero N for N zero bytes)
//! .io in "x" dtype=f32 dims=[1,16] region=R2 off=0x0
//! .debug @3 nodes=[7] pass="fuse" tile=[0,1] buffers=[2]
//! .hostseg
//! .kernel "NonZero" opset=13
//! .attr "axis" int 1
//! .input R1+0x40 f32 [2,3]            (or .input none; likewise .output)
//! @0 LDA.ld region=R2 loc=0x40 n=[64,1,1,1] ; wait s3:2,s1 sig s5
//! ```
//! Keys of an instruction appear in the order of `layout` and are left out where the field's bits are 0 (a record:
//! where there is none). Lists hold all their fields. `#` starts a comment.

use std::fmt::Write as _;

use crate::codes::{EwFn, RqMode};
use crate::instr::{Instr, Op, Token};
use crate::layout::{self, Kind, Row};
use crate::legal_ew::is_float_class;
use crate::program::{AttrValue, Direction, HostTensor, IoEntry, Layout, Program};
use crate::text::{float_text, quote};

/// The text of a program.
pub fn print_program(program: &Program) -> String {
    let mut out = String::new();
    let mut line = |text: String| {
        out.push_str(&text);
        out.push('\n');
    };
    line(".anpu 2".into());
    line(format!(".config {:#018x}", program.config_hash));
    let [_, r1, r2, r3] = program.region_sizes;
    line(format!(".regions r1={r1} r2={r2} r3={r3}"));
    constants(&program.consts, &mut line);
    program.iotab.iter().for_each(|e| line(io(e)));
    for e in &program.debug {
        line(format!(
            ".debug @{} nodes={} pass={} tile={} buffers={}",
            e.pc,
            list(&e.nodes),
            quote(&e.provenance),
            list(&e.tile),
            list(&e.buffers)
        ));
    }
    host(program, &mut line);
    for (pc, instr) in program.code.iter().enumerate() {
        line(format!("@{pc} {}", print_instr(instr)));
    }
    out
}

fn list<T: std::fmt::Display>(items: &[T]) -> String {
    let texts: Vec<String> = items.iter().map(T::to_string).collect();
    format!("[{}]", texts.join(","))
}

/// Bytes of a line of `.const`.
const CONST_LINE: usize = 32;

fn constants(bytes: &[u8], line: &mut impl FnMut(String)) {
    let mut zeros = 0;
    for chunk in bytes.chunks(CONST_LINE) {
        if chunk.iter().all(|&b| b == 0) {
            zeros += chunk.len();
            continue;
        }
        if zeros > 0 {
            line(format!(".zero {zeros}"));
            zeros = 0;
        }
        line(format!(".const {}", hex(chunk)));
    }
    if zeros > 0 {
        line(format!(".zero {zeros}"));
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, b| {
        let _ = write!(text, "{b:02x}"); // writing to a String cannot fail
        text
    })
}

pub(crate) fn layout_name(layout: Layout) -> &'static str {
    match layout {
        Layout::RowMajor => "row_major",
        Layout::Nhwc => "nhwc",
        Layout::C16 => "c16",
    }
}

fn io(e: &IoEntry) -> String {
    let direction = if e.direction == Direction::In { "in" } else { "out" };
    let mut text = format!(".io {direction} {} dtype={} dims={}", quote(&e.name), e.dtype, list(&e.dims));
    if e.layout != Layout::RowMajor {
        text += &format!(" layout={}", layout_name(e.layout));
    }
    text += &format!(" region={} off={:#x}", e.region, e.offset);
    if let Some(q) = &e.quant {
        text += &format!(" scales={} zps={}", list(&q.scales), list(&q.zero_points));
        if let Some(axis) = q.axis {
            text += &format!(" axis={axis}");
        }
    }
    if let Some(digest) = &e.bound {
        text += &format!(" bound={}", hex(digest));
    }
    text
}

fn host(program: &Program, line: &mut impl FnMut(String)) {
    for seg in &program.host_segs {
        line(".hostseg".into());
        for k in &seg.kernels {
            line(format!(".kernel {} opset={}", quote(&k.kernel), k.opset));
            for (name, value) in &k.attributes {
                line(format!(".attr {} {}", quote(name), attribute(value)));
            }
            k.inputs.iter().for_each(|t| line(format!(".input {}", tensor(t.as_ref()))));
            k.outputs.iter().for_each(|t| line(format!(".output {}", tensor(t.as_ref()))));
        }
    }
}

fn attribute(value: &AttrValue) -> String {
    match value {
        AttrValue::Int(x) => format!("int {x}"),
        AttrValue::Float(x) => format!("float {x:#010x}"),
        AttrValue::Str(x) => format!("str {}", quote(x)),
        AttrValue::Ints(x) => format!("ints {}", list(x)),
        AttrValue::Floats(x) => format!("floats {}", list(x)),
        AttrValue::Strs(x) => format!("strs {}", list(&x.iter().map(|s| quote(s)).collect::<Vec<_>>())),
    }
}

fn tensor(t: Option<&HostTensor>) -> String {
    t.map_or("none".into(), |t| format!("{}+{:#x} {} {}", t.region, t.offset, t.dtype, list(&t.dims)))
}

/// One instruction without its pc.
pub fn print_instr(instr: &Instr) -> String {
    let info = layout::of(&instr.op);
    let mut text = format!("{}.{}", instr.eng, info.mnemonic);
    let rows: Vec<&Row> = info.rows().filter(|row| row.exists(&instr.op)).collect();
    let mut at = 0;
    while at < rows.len() {
        let key = rows[at].key;
        let group: Vec<&Row> = rows[at..].iter().take_while(|row| row.key == key).copied().collect();
        at += group.len();
        let default = |row: &&Row| row.to_bits(row.value(&instr.op)) == Some(row.default_bits());
        if group.iter().all(default) {
            continue;
        }
        let values: Vec<String> = group.iter().map(|row| value(row, &instr.op)).collect();
        let _ = match values.as_slice() {
            [one] => write!(text, " {key}={one}"), // writing to a String cannot fail
            many => write!(text, " {key}=[{}]", many.join(",")),
        };
    }
    tokens(&mut text, instr);
    text
}

fn value(row: &Row, op: &Op) -> String {
    let value = row.value(op);
    if row.named {
        return (row.name_of)(value).map_or_else(|| value.to_string(), str::to_owned);
    }
    match row.kind {
        Kind::Imm if float_immediate(op, row.key) => float_text(value as u32),
        Kind::Hex | Kind::Imm => format!("{value:#x}"),
        _ => value.to_string(),
    }
}

/// The immediate is a binary32 value.
fn float_immediate(op: &Op, key: &str) -> bool {
    match op {
        Op::Rq(v) => key == "imm0" && matches!(v.rq, RqMode::F32 | RqMode::Div),
        Op::Ew(v) => is_float_class(op) && !matches!(v.ew(), Some(EwFn::IsInf | EwFn::Iota)),
        Op::Scan(_) => is_float_class(op),
        _ => false,
    }
}

fn tokens(text: &mut String, instr: &Instr) {
    let name = |t: &Token| if t.n == 1 { format!("s{}", t.sem) } else { format!("s{}:{}", t.sem, t.n) };
    let join = |slots: &[Option<Token>; 2]| slots.iter().flatten().map(name).collect::<Vec<_>>().join(",");
    let (waits, signals) = (join(&instr.waits), join(&instr.signals));
    if !waits.is_empty() || !signals.is_empty() {
        text.push_str(" ;");
    }
    if !waits.is_empty() {
        let _ = write!(text, " wait {waits}"); // writing to a String cannot fail
    }
    if !signals.is_empty() {
        let _ = write!(text, " sig {signals}");
    }
}
