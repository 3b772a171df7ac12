//! Sequences of tensors: lists of values that exist while a model is specialised.

use super::control::Results;
use super::{Builder, Item};
use ir::{Attrs, ModelControl, Op, Origin, SequenceOp, Tensor, ValueId};

/// Longest sequence.
const MAX_LENGTH: usize = 10_000;

impl Builder {
    /// The result of an operator on sequences.
    pub(super) fn sequence(&mut self, c: &ModelControl, op: SequenceOp, inputs: &[Option<Item>]) -> Results {
        let result = match op {
            SequenceOp::Empty => Item::Sequence(Vec::new()),
            SequenceOp::Construct => Item::Sequence(self.tensors(c, inputs)?),
            SequenceOp::Insert => {
                let (mut seq, t) = (self.list(c, inputs)?, self.tensor(c, inputs, 1)?);
                let at = self.position(c, inputs, 2, seq.len(), seq.len() + 1)?;
                seq.insert(at, t);
                Item::Sequence(seq)
            }
            SequenceOp::Erase => {
                let mut seq = self.list(c, inputs)?;
                let at = self.position(c, inputs, 1, seq.len().wrapping_sub(1), seq.len())?;
                seq.remove(at);
                Item::Sequence(seq)
            }
            SequenceOp::At => {
                let seq = self.list(c, inputs)?;
                Item::Tensor(seq[self.position(c, inputs, 1, 0, seq.len())?])
            }
            SequenceOp::Length => {
                let n = self.list(c, inputs)?.len();
                Item::Tensor(self.g.add_const(None, Tensor::from_i64([], &[n as i64])))
            }
            SequenceOp::Concat { axis, new_axis } => {
                let seq = self.list(c, inputs)?;
                Item::Tensor(self.joined(c, &seq, axis, new_axis)?)
            }
            SequenceOp::Split { axis, keepdims } => Item::Sequence(self.parts(c, inputs, axis, keepdims)?),
        };
        match &result {
            Item::Sequence(s) if s.len() > MAX_LENGTH => {
                self.unsupported(c, format!("a sequence of more than {MAX_LENGTH} tensors"))
            }
            Item::Sequence(s) if s.windows(2).any(|w| self.g.ty(w[0]).dtype != self.g.ty(w[1]).dtype) => {
                self.wrong(c, "the tensors of a sequence differ in element type".into())
            }
            _ => Some(vec![result]),
        }
    }
    fn list(&mut self, c: &ModelControl, inputs: &[Option<Item>]) -> Option<Vec<ValueId>> {
        match inputs.first() {
            Some(Some(Item::Sequence(s))) => Some(s.clone()),
            _ => {
                self.wrong(c, "its first operand is no sequence".into());
                None
            }
        }
    }
    fn tensor(&mut self, c: &ModelControl, inputs: &[Option<Item>], i: usize) -> Option<ValueId> {
        match inputs.get(i) {
            Some(Some(Item::Tensor(v))) => Some(*v),
            _ => {
                self.wrong(c, format!("its operand {i} is no tensor"));
                None
            }
        }
    }
    fn tensors(&mut self, c: &ModelControl, inputs: &[Option<Item>]) -> Option<Vec<ValueId>> {
        (0..inputs.len()).map(|i| self.tensor(c, inputs, i)).collect()
    }
    /// A place below `end` from an optional operand (`missing` without it); a negative one counts from the back of the sequence,
    /// whose length is the one that `missing` and `end` are made of.
    fn position(
        &mut self,
        c: &ModelControl,
        x: &[Option<Item>],
        i: usize,
        missing: usize,
        end: usize,
    ) -> Option<usize> {
        let length = self.list(c, x)?.len();
        let at = match x.get(i) {
            None | Some(None) => missing as i64,
            Some(Some(_)) => {
                let v = self.tensor(c, x, i)?;
                let at = self.integers(c, v)?;
                match at[..] {
                    [at] if at < 0 => at.saturating_add(length as i64),
                    [at] => at,
                    _ => -1,
                }
            }
        };
        match usize::try_from(at) {
            Ok(at) if at < end => Some(at),
            _ => {
                self.wrong(c, format!("its position is outside of a sequence of {length}"));
                None
            }
        }
    }
    /// The integers of an operand that has to be known.
    fn integers(&mut self, c: &ModelControl, v: ValueId) -> Option<Vec<i64>> {
        let known = self.constant(v).and_then(|k| self.g.constant(k));
        match known.map(Tensor::ints) {
            Some(Some(v)) => Some(v),
            Some(None) => {
                self.wrong(c, "a position or length is no integer".into());
                None
            }
            None => {
                let reason =
                    "a position or length in a sequence is not known at compile time: that is not supported".into();
                self.unknown(&c.name, c.kind.name(), &[v], false, reason);
                None
            }
        }
    }
    fn joined(&mut self, c: &ModelControl, seq: &[ValueId], axis: i64, new_axis: bool) -> Option<ValueId> {
        let origin = Origin::new(c.source, c.name.clone());
        let result = if new_axis {
            self.stack(seq, axis, false, &origin)
        } else {
            self.emit(Op::Concat, Attrs::none().with_int("axis", axis), seq, &origin)
        };
        result.map_err(|reason| self.wrong(c, reason)).ok()
    }
    /// Slices of a tensor: of the given lengths, of one given length (the last may be shorter), or single ones.
    fn parts(&mut self, c: &ModelControl, x: &[Option<Item>], axis: i64, keepdims: bool) -> Option<Vec<ValueId>> {
        let v = self.tensor(c, x, 0)?;
        let ty = self.g.ty(v).clone();
        let axis = crate::types::util::axis(axis, ty.rank()).map_err(|reason| self.wrong(c, reason)).ok()?;
        let n = ty.dims[axis] as i64;
        let (lengths, scalar) = match x.get(1) {
            None | Some(None) => (vec![1], true),
            Some(Some(_)) => {
                let s = self.tensor(c, x, 1)?;
                (self.integers(c, s)?, self.g.ty(s).rank() == 0)
            }
        };
        let single = x.len() < 2;
        let ends = if scalar { chunks(n, &lengths) } else { cumulated(n, &lengths) };
        let Some(ends) = ends else {
            self.wrong(c, format!("its lengths {lengths:?} do not fit an extent of {n}"));
            return None;
        };
        let origin = Origin::new(c.source, c.name.clone());
        let mut parts = Vec::with_capacity(ends.len());
        let mut start = 0;
        for end in ends {
            let part = if single && !keepdims {
                let at = self.g.add_const(None, Tensor::from_i64([], &[start]));
                self.emit(Op::Gather, Attrs::none().with_int("axis", axis as i64), &[v, at], &origin)
            } else {
                let list = [start, end, axis as i64].map(|k| self.g.add_const(None, Tensor::from_i64([1], &[k])));
                self.emit(Op::Slice, Attrs::none(), &[v, list[0], list[1], list[2]], &origin)
            };
            parts.push(part.map_err(|reason| self.wrong(c, reason)).ok()?);
            start = end;
        }
        Some(parts)
    }
}

/// Ends of slices of one length.
fn chunks(n: i64, length: &[i64]) -> Option<Vec<i64>> {
    let &[length] = length else { return None };
    let count = usize::try_from(n).ok()?.div_ceil(usize::try_from(length).ok().filter(|l| *l > 0)?);
    if count > MAX_LENGTH {
        return None;
    }
    Some((1..=count as i64).map(|i| i.saturating_mul(length).min(n)).collect())
}
/// Ends of slices of these lengths, which have to cover the extent.
fn cumulated(n: i64, lengths: &[i64]) -> Option<Vec<i64>> {
    let mut end = 0i64;
    let mut ends = Vec::new();
    for &l in lengths {
        end = end.checked_add(l).filter(|_| l >= 0)?;
        ends.push(end);
    }
    (end == n && ends.len() <= MAX_LENGTH).then_some(ends)
}
