//! `g.cse-dce`: equal computations are done once, and those that no output needs not at all.
//!
//! Claim `bits`: operators are functions of their inputs and attributes. Two nodes are equal only if operators, attributes,
//! inputs and the types of their outputs are; equal constants count as one input only if type and stored bytes agree.

use super::GraphPass;
use super::build::{Res, each};
use ir::{Attr, DType, Graph, Node, Rebuild, TensorType, ValueId};
use kit::{Claim, PassCx};
use std::collections::BTreeMap;
use std::sync::Arc;

pub(super) const PASS: GraphPass = GraphPass { name: "g.cse-dce", claim: Claim::Bits, rules: &["merge"], run };

/// Type, stored element type, bytes.
type ConstKey = (TensorType, DType, Arc<[u8]>);

fn run(g: &Graph, cx: &mut PassCx<'_>) -> Res<Graph> {
    let mut seen: BTreeMap<Vec<u8>, Vec<ValueId>> = BTreeMap::new();
    let mut consts: BTreeMap<ConstKey, ValueId> = BTreeMap::new();
    each(g, |r, id| {
        let n = &g.nodes[id];
        let key = key(r, n, &mut consts);
        if let Some(values) = seen.get(&key)
            && cx.permit("merge", n.origin.source)
        {
            for (&old, &new) in n.outputs.iter().zip(values) {
                r.bind(old, new);
            }
            return Ok(true);
        }
        let new = r.keep(id);
        seen.entry(key).or_insert(new);
        Ok(true)
    })
}

/// A byte string that is equal for equal computations only.
fn key(r: &mut Rebuild<'_>, n: &Node, consts: &mut BTreeMap<ConstKey, ValueId>) -> Vec<u8> {
    let mut k = n.op.name().as_bytes().to_vec();
    for i in &n.inputs {
        let v = i.map(|v| {
            let v = r.value(v);
            match r.new.constant(v) {
                Some(t) => {
                    let key = (r.new.ty(v).clone(), t.dtype, t.bytes.clone());
                    *consts.entry(key).or_insert(v)
                }
                None => v,
            }
        });
        k.extend_from_slice(format!(" {v:?}").as_bytes());
    }
    for &o in &n.outputs {
        k.extend_from_slice(format!(" {}", r.old.ty(o)).as_bytes());
    }
    for (name, a) in n.attrs.iter() {
        k.extend_from_slice(format!(" {name}={a:?}").as_bytes());
        if let Attr::Tensor(t) = a {
            k.extend_from_slice(&t.bytes);
        }
    }
    k
}
