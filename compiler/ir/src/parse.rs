//! Parser of the text form; see [`crate::text`]. Every error says line and column.

use crate::attrs::{Attr, Attrs};
use crate::graph::{Def, Graph, Node, NodeId, Origin, Output, Value, ValueId};
use crate::ops::Op;
use crate::tensor::Tensor;
use crate::types::{DType, TensorType};
use kit::id::Id;

/// A syntax error.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("line {line}, column {column}: {message}")]
pub struct ParseError {
    /// 1-based.
    pub line: usize,
    /// 1-based, in characters.
    pub column: usize,
    /// What was expected.
    pub message: String,
}

type Res<T> = Result<T, ParseError>;

struct Cursor<'a> {
    text: &'a str,
    at: usize,
}

/// Parses a graph.
pub fn parse(text: &str) -> Res<Graph> {
    let mut c = Cursor { text, at: 0 };
    let g = graph(&mut c)?;
    c.skip();
    if c.at < text.len() { c.fail("nothing more after the closing brace") } else { Ok(g) }
}

fn graph(c: &mut Cursor<'_>) -> Res<Graph> {
    c.expect("graph")?;
    let mut g = Graph { name: c.string()?, ..Graph::default() };
    c.expect("{")?;
    let mut values: Vec<(usize, u32, Value)> = Vec::new();
    while !c.eat("}") {
        if c.eat_word("in") {
            let (at, id, name) = c.value_decl()?;
            let def = Def::Input(g.inputs.len() as u32);
            g.inputs.push(ValueId(id));
            values.push((at, id, Value { ty: c.ty()?, def, name }));
        } else if c.eat_word("const") {
            let (at, id, name) = c.value_decl()?;
            let ty = c.ty()?;
            c.expect("=")?;
            let dtype = if c.eat_word("wide") { DType::F64 } else { ty.dtype };
            let t = c.tensor(&TensorType::new(dtype, ty.dims.clone()))?;
            values.push((at, id, Value { ty, def: Def::Const(t), name }));
        } else if c.eat_word("out") {
            let value = ValueId(c.value_id()?);
            g.outputs.push(Output { name: c.string()?, value });
        } else {
            node(c, &mut g, &mut values)?;
        }
    }
    values.sort_by_key(|v| v.1);
    for (i, (at, id, v)) in values.into_iter().enumerate() {
        if id as usize != i {
            c.at = at;
            return c.fail(&format!("values are numbered densely from %0; expected %{i}, found %{id}"));
        }
        g.values.push(v);
    }
    Ok(g)
}

fn node(c: &mut Cursor<'_>, g: &mut Graph, values: &mut Vec<(usize, u32, Value)>) -> Res<()> {
    let id: NodeId = g.nodes.next_id();
    let mut outputs = Vec::new();
    loop {
        let (at, v, name) = c.value_decl()?;
        let def = Def::Node { node: id, index: outputs.len() as u32 };
        values.push((at, v, Value { ty: c.ty()?, def, name }));
        outputs.push(ValueId::new(v as usize));
        if !c.eat(",") {
            break;
        }
    }
    c.expect("=")?;
    c.skip();
    let at = c.at;
    let word = c.word()?;
    let op: Op = word.parse().or_else(|e: String| {
        c.at = at;
        c.fail(&e)
    })?;
    c.expect("(")?;
    let mut inputs = Vec::new();
    while !c.eat(")") {
        inputs.push(if c.eat("_") { None } else { Some(ValueId(c.value_id()?)) });
        if !c.eat(",") {
            c.expect(")")?;
            break;
        }
    }
    c.expect("{")?;
    let mut attrs = Attrs::none();
    while !c.eat("}") {
        let name = c.word()?;
        c.expect("=")?;
        if attrs.has(&name) {
            return c.fail(&format!("attribute `{name}` is given twice"));
        }
        attrs.set(&name, c.attr()?);
        if !c.eat(",") {
            c.expect("}")?;
            break;
        }
    }
    c.expect("@")?;
    let source = c.number()?;
    let name = c.string()?;
    g.nodes.push(Node { op, attrs, inputs, outputs, origin: Origin { source, name } });
    Ok(())
}

impl Cursor<'_> {
    fn fail<T>(&self, message: &str) -> Res<T> {
        let done = &self.text[..self.at.min(self.text.len())];
        let line = done.matches('\n').count() + 1;
        let column = done.chars().rev().take_while(|&c| c != '\n').count() + 1;
        Err(ParseError { line, column, message: message.into() })
    }
    fn rest(&self) -> &str {
        &self.text[self.at..]
    }
    fn skip(&mut self) {
        loop {
            let n = self.rest().len() - self.rest().trim_start().len();
            self.at += n;
            if !self.rest().starts_with(';') {
                return;
            }
            self.at += self.rest().find('\n').unwrap_or(self.rest().len());
        }
    }
    fn eat(&mut self, s: &str) -> bool {
        self.skip();
        let yes = self.rest().starts_with(s);
        if yes {
            self.at += s.len();
        }
        yes
    }
    fn eat_word(&mut self, s: &str) -> bool {
        self.skip();
        let r = self.rest();
        let yes = r.starts_with(s) && !r[s.len()..].starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_');
        if yes {
            self.at += s.len();
        }
        yes
    }
    fn expect(&mut self, s: &str) -> Res<()> {
        if self.eat(s) { Ok(()) } else { self.fail(&format!("expected `{s}`")) }
    }
    fn take(&mut self, f: impl Fn(char) -> bool) -> String {
        let n = self.rest().find(|c| !f(c)).unwrap_or(self.rest().len());
        let s = self.rest()[..n].to_string();
        self.at += n;
        s
    }
    fn word(&mut self) -> Res<String> {
        self.skip();
        let w = self.take(|c| c.is_ascii_alphanumeric() || c == '_');
        if w.is_empty() { self.fail("expected a name") } else { Ok(w) }
    }
    fn number<T: std::str::FromStr>(&mut self) -> Res<T> {
        self.skip();
        let at = self.at;
        let w = self.take(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '+' | '.'));
        w.parse().or_else(|_| {
            self.at = at;
            self.fail(&format!("expected a number, found `{w}`"))
        })
    }
    fn string(&mut self) -> Res<String> {
        self.expect("\"")?;
        let mut out = String::new();
        loop {
            let Some(ch) = self.rest().chars().next() else { return self.fail("unterminated string") };
            self.at += ch.len_utf8();
            match ch {
                '"' => return Ok(out),
                '\\' => out.push(self.escape()?),
                c => out.push(c),
            }
        }
    }
    fn escape(&mut self) -> Res<char> {
        let Some(ch) = self.rest().chars().next() else { return self.fail("unterminated string") };
        self.at += ch.len_utf8();
        match ch {
            'n' => Ok('\n'),
            't' => Ok('\t'),
            'r' => Ok('\r'),
            '\\' | '"' | '\'' => Ok(ch),
            'u' => {
                self.expect("{")?;
                let h = self.take(|c| c.is_ascii_hexdigit());
                let c = u32::from_str_radix(&h, 16).ok().and_then(char::from_u32);
                self.expect("}")?;
                c.map_or_else(|| self.fail("bad unicode escape"), Ok)
            }
            _ => self.fail("unknown escape"),
        }
    }
    fn value_id(&mut self) -> Res<u32> {
        self.expect("%")?;
        let at = self.at;
        let w = self.take(|c| c.is_ascii_digit());
        w.parse().or_else(|_| {
            self.at = at;
            self.fail("expected a value number")
        })
    }
    fn value_decl(&mut self) -> Res<(usize, u32, Option<String>)> {
        self.skip();
        let at = self.at;
        let id = self.value_id()?;
        self.skip();
        let name = if self.rest().starts_with('"') { Some(self.string()?) } else { None };
        self.expect(":")?;
        Ok((at, id, name))
    }
    fn ty(&mut self) -> Res<TensorType> {
        self.skip();
        let at = self.at;
        let w = self.word()?;
        let dtype: DType = w.parse().or_else(|e: String| {
            self.at = at;
            self.fail(&e)
        })?;
        self.expect("[")?;
        let mut dims = Vec::new();
        while !self.eat("]") {
            dims.push(self.number()?);
            if !self.eat(",") {
                self.expect("]")?;
                break;
            }
        }
        let ty = TensorType { dtype, dims };
        let fits =
            ty.dims.iter().try_fold(1usize, |a, &d| a.checked_mul(d)).is_some_and(|n| n <= crate::verify::MAX_ELEMENTS);
        if fits { Ok(ty) } else { self.fail("the tensor is too large") }
    }
    fn tensor(&mut self, ty: &TensorType) -> Res<Tensor> {
        let bytes = if self.eat_word("hex") {
            let at = self.at;
            let s = self.string()?;
            let digits: Option<Vec<u8>> =
                s.chars().map(|c| c.to_digit(16).and_then(|d| u8::try_from(d).ok())).collect();
            match digits {
                Some(d) if d.len() % 2 == 0 => d.chunks(2).map(|p| p[0] << 4 | p[1]).collect(),
                _ => {
                    self.at = at;
                    return self.fail("expected an even number of hex digits");
                }
            }
        } else {
            self.expect("{")?;
            let mut bytes: Vec<u8> = Vec::new();
            while !self.eat("}") {
                let bits = self.element(ty.dtype)?;
                bytes.extend(&bits.to_le_bytes()[..ty.dtype.size()]);
                if !self.eat(",") {
                    self.expect("}")?;
                    break;
                }
            }
            bytes
        };
        Tensor::new(ty.dtype, ty.dims.clone(), bytes).or_else(|e| self.fail(&e.to_string()))
    }
    fn hex_bits(&mut self) -> Res<u64> {
        let h = self.take(|c| c.is_ascii_hexdigit());
        u64::from_str_radix(&h, 16).or_else(|_| self.fail("expected hex bits"))
    }
    fn f32_bits(&mut self) -> Res<u32> {
        if self.eat("#") {
            let b = self.hex_bits()?;
            return u32::try_from(b).or_else(|_| self.fail("more than 32 bits"));
        }
        Ok(self.number::<f32>()?.to_bits())
    }
    fn element(&mut self, d: DType) -> Res<u64> {
        match d {
            DType::F32 => self.f32_bits().map(u64::from),
            DType::F64 | DType::F16 | DType::BF16 if self.eat("#") => {
                let b = self.hex_bits()?;
                if d.size() < 8 && b >> (8 * d.size()) != 0 { self.fail("too many bits") } else { Ok(b) }
            }
            DType::F64 => Ok(self.number::<f64>()?.to_bits()),
            DType::F16 | DType::BF16 => self.fail("f16 and bf16 elements are written as `#` and their bits"),
            _ => {
                let x: i128 = self.number()?;
                let bits = 8 * d.size() as u32;
                let (lo, hi) = match d {
                    DType::Bool => (0, 1),
                    d if d.is_signed_int() => (-(1i128 << (bits - 1)), (1i128 << (bits - 1)) - 1),
                    _ => (0, (1i128 << bits) - 1),
                };
                if x < lo || x > hi { self.fail(&format!("{x} is out of range for {d}")) } else { Ok(x as u64) }
            }
        }
    }
    fn list<T>(&mut self, mut f: impl FnMut(&mut Self) -> Res<T>) -> Res<Vec<T>> {
        self.expect("[")?;
        let mut out = Vec::new();
        while !self.eat("]") {
            out.push(f(self)?);
            if !self.eat(",") {
                self.expect("]")?;
                break;
            }
        }
        Ok(out)
    }
    fn attr(&mut self) -> Res<Attr> {
        self.skip();
        let text = self.text;
        let r = &text[self.at..];
        if r.starts_with('"') {
            return Ok(Attr::Str(self.string()?));
        }
        if r.starts_with('[') {
            return Ok(Attr::Ints(self.list(|c| c.number())?));
        }
        if self.eat_word("tensor") {
            let ty = self.ty()?;
            return Ok(Attr::Tensor(self.tensor(&ty)?));
        }
        if r.starts_with("s[") {
            self.at += 1;
            return Ok(Attr::Strs(self.list(Cursor::string)?));
        }
        if r.starts_with("f[") {
            self.at += 1;
            return Ok(Attr::Floats(self.list(Cursor::f32_bits)?));
        }
        if r.starts_with('f') {
            self.at += 1;
            return Ok(Attr::Float(self.f32_bits()?));
        }
        Ok(Attr::Int(self.number()?))
    }
}

#[cfg(test)]
mod tests {
    use super::parse;
    use crate::text::print;

    const SAMPLE: &str = r#"graph "a \"b\"" {
  in %0 "x": f32[2,3]
  const %1 "w": f32[3] = {1.0, -0.0, #7fc00001}
  const %4: f32[1] = wide {0.1}
  %2: f32[2,3] = Add(%0, %1) {} @3 "add\u{e9}"
  %3 "y": f32[2,3] = Clip(%2, _, %4) {} @4 "clip"
  %5: f32[3,2] = Transpose(%3) {perm=[1, 0]} @5 "t"
  %6: f32[3,2] = LeakyRelu(%5) {alpha=f0.1} @5 "t"
  out %3 "y"
  out %6 "z"
}
"#;

    #[test]
    fn text_round_trips() {
        let g = parse(SAMPLE).expect("the sample is well formed");
        assert!(crate::verify::verify(&g).is_empty(), "{:?}", crate::verify::verify(&g));
        assert_eq!(parse(&print(&g)).expect("printed text parses"), g);
        assert_eq!(g.constant(crate::ValueId(1)).map(|t| t.bits(2)), Some(0x7fc0_0001));
    }

    #[test]
    fn errors_say_where() {
        let e = parse(&SAMPLE.replace("Transpose", "Transposed")).expect_err("no such operator");
        assert_eq!((e.line, e.column), (7, 18), "{e}");
        assert!(e.message.contains("Transposed"));
    }

    #[test]
    fn verifier_sees_a_missing_attribute_and_a_late_use() {
        let g = parse(&SAMPLE.replace("{alpha=f0.1}", "{}").replace("Add(%0", "Add(%3")).expect("parses");
        let rules: Vec<_> = crate::verify::verify(&g).iter().map(|v| v.rule).collect();
        assert_eq!(rules, ["use-before-def", "attr-missing"]);
    }

    #[test]
    fn rebuild_drops_dead_code_and_hash_ignores_names() {
        let g = parse(SAMPLE).expect("parses");
        let mut r = crate::Rebuild::new(&g);
        for n in g.nodes.ids() {
            r.keep(n);
        }
        let mut h = r.finish();
        assert_eq!(crate::hash::canonical(&g), crate::hash::canonical(&h));
        h.outputs.pop();
        let h = crate::rebuild::compact(&h);
        assert_eq!(h.nodes.len(), 2);
        assert_ne!(crate::hash::canonical(&g), crate::hash::canonical(&h));
    }
}
