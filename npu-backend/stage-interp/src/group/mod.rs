//! F: each group on whole tensors, one after another.
//!
//! Style: operands become whole columns (`Vec<f32>`, `Vec<i128>`, `Vec<u64>` of raw bits), a step maps columns to a column.
//! Every accumulation follows the order of NPU.md 3.2, which F fixes.

mod column;
mod elementwise;
mod matrix;
mod moves;
mod reduce;
mod walk;

use crate::error::{Fault, PlaceName, StageError};
use crate::run::{Run, bytes_of, finish, initial};
use ir::Tensor;
use isa::DType;
use kit::Stage;
use lir::fused::{Fused, Group, GroupId, GroupKind};

/// An operand as a kernel sees it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Input<'a> {
    dtype: DType,
    bytes: &'a [u8],
}

/// Runs a whole program on named inputs.
///
/// # Errors
/// An input that is missing or of another type; a data-dependent trap; an illegal group.
pub fn run_fused(f: &Fused, inputs: &[(String, Tensor)]) -> Result<Run, StageError> {
    let mut tensors = initial(Stage::Fused, f, inputs)?;
    for (id, group) in f.groups.iter() {
        let run = || -> Result<Vec<u8>, Fault> {
            let operands: Vec<&[u8]> =
                group.inputs.iter().map(|&t| bytes_of(f, &tensors, t)).collect::<Result<_, _>>()?;
            run_kernel(f, group, &operands)
        };
        let out = run().map_err(|fault| StageError::in_group(Stage::Fused, id, fault))?;
        tensors[group.output] = Some(out);
    }
    finish(Stage::Fused, f, tensors)
}

/// Runs one group on the physical bytes of its inputs (in the order of `Group::inputs`); gives the output's bytes.
///
/// # Errors
/// As [`run_fused`]; also operands of the wrong number or size.
pub fn run_group(f: &Fused, id: GroupId, inputs: &[&[u8]]) -> Result<Vec<u8>, StageError> {
    run_kernel(f, &f.groups[id], inputs).map_err(|fault| StageError::in_group(Stage::Fused, id, fault))
}

fn run_kernel(f: &Fused, group: &Group, operands: &[&[u8]]) -> Result<Vec<u8>, Fault> {
    if operands.len() != group.inputs.len() {
        return Err(Fault::Illegal("number of operands"));
    }
    let mut inputs = Vec::with_capacity(operands.len());
    for (i, (&bytes, &t)) in operands.iter().zip(&group.inputs).enumerate() {
        let tensor = &f.tensors[t];
        if bytes.len() != tensor.bytes() {
            let place = PlaceName::Operand(i);
            return Err(Fault::Bounds { place, offset: 0, len: tensor.bytes(), size: bytes.len() });
        }
        inputs.push(Input { dtype: tensor.dtype, bytes });
    }
    let out = &f.tensors[group.output];
    let elements = out.elements();
    match &group.kind {
        GroupKind::Matrix(m) => matrix::run(m, &inputs, out.dtype, elements),
        GroupKind::Pool(p) => reduce::pool(p, &inputs, out.dtype, elements),
        GroupKind::Elementwise(e) => elementwise::run(e, &inputs, out.dtype, elements),
        GroupKind::Reduce(r) => reduce::run(r, &inputs, out.dtype, elements),
        GroupKind::Move(m) => moves::run(m, &inputs, out.dtype, elements),
        GroupKind::Gather(g) => moves::gather(g, &inputs, out.dtype, elements),
    }
}

/// Input number `i`.
fn input<'a>(inputs: &[Input<'a>], i: usize) -> Result<Input<'a>, Fault> {
    inputs.get(i).copied().ok_or(Fault::Illegal("operand number"))
}
