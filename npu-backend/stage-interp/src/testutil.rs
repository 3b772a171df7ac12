//! Hand-made programs for the tests of this crate.

use ir::Tensor;
use isa::DType;
use kit::IdVec;
use lir::fused::{FTensor, Fused, Group, GroupId, GroupKind, Layout, TensorDef, TensorId};

/// A row-major tensor description.
pub(crate) fn tensor(dtype: DType, dims: &[usize], def: TensorDef) -> FTensor {
    FTensor { dtype, dims: dims.to_vec(), layout: Layout::RowMajor, def, value: None }
}

/// One group over inputs `x0`, `x1`, … (the given tensors) with the output `y`.
pub(crate) fn one_group(
    inputs: &[Tensor],
    dtype: DType,
    dims: &[usize],
    kind: GroupKind,
) -> (Fused, Vec<(String, Tensor)>) {
    let mut tensors = IdVec::new();
    let mut named = Vec::new();
    let mut values = Vec::new();
    for (i, x) in inputs.iter().enumerate() {
        let dtype = crate::relayout::to_isa(x.dtype).unwrap();
        let id = tensors.push(tensor(dtype, &x.dims, TensorDef::Input(i as u32)));
        named.push((format!("x{i}"), id));
        values.push((format!("x{i}"), x.clone()));
    }
    let output = tensors.push(tensor(dtype, dims, TensorDef::Group(GroupId(0))));
    let group = Group { kind, inputs: named.iter().map(|n| n.1).collect(), output, nodes: vec![], name: "test".into() };
    let groups: IdVec<GroupId, Group> = [group].into_iter().collect();
    (Fused { tensors, groups, inputs: named, outputs: vec![("y".into(), output)] }, values)
}

/// Runs one group and gives its output.
pub(crate) fn run_one(
    inputs: &[Tensor],
    dtype: DType,
    dims: &[usize],
    kind: GroupKind,
) -> Result<Tensor, crate::Fault> {
    let (f, values) = one_group(inputs, dtype, dims, kind);
    let run = crate::group::run_fused(&f, &values).map_err(|e| e.fault)?;
    assert_eq!(run.tensors.len(), inputs.len() + 1);
    assert!(run.tensors[TensorId(inputs.len() as u32)].is_some());
    Ok(run.outputs[0].1.clone())
}
