//! Planting: which nodes a bug applies to, and the edits.

use super::{Bug, Flaw, Make};
use ir::{Attr, DType, Graph, Node, NodeId, Op};

/// A bug in one node of one graph.
#[derive(Clone, PartialEq, Debug)]
pub struct Planted {
    /// The node.
    pub node: NodeId,
    /// Flaw of its kernel.
    pub flaw: Option<Flaw>,
    /// The node that runs in its place.
    pub edited: Option<Node>,
}

impl Planted {
    /// Plants a bug in a node, where it applies; whether it changes anything only the execution shows.
    pub fn new(bug: &Bug, g: &Graph, id: NodeId) -> Option<Planted> {
        let node = &g.nodes[id];
        if !bug.ops.contains(&node.op) || !g.ty(node.outputs[0]).dtype.is_float() && !discrete(node.op) {
            return None;
        }
        match bug.make {
            Make::Kernel(f) => {
                kernel_applies(f, bug.kind, g, node).then_some(Planted { node: id, flaw: Some(f), edited: None })
            }
            Make::Edit(edit) => {
                if bug.kind == "bn" && node.attrs.flag("training_mode") {
                    return None;
                }
                edit(g, node).map(|n| Planted { node: id, flaw: None, edited: Some(n) })
            }
        }
    }
    /// The nodes of a graph that a bug applies to.
    pub fn sites(bug: &Bug, g: &Graph) -> Vec<Planted> {
        g.nodes.ids().filter_map(|id| Planted::new(bug, g, id)).collect()
    }
}

fn discrete(op: Op) -> bool {
    matches!(op, Op::QuantizeLinear | Op::Greater | Op::ArgMax | Op::Cast)
}

fn kernel_applies(f: Flaw, kind: &str, g: &Graph, node: &Node) -> bool {
    let ty = |i: usize| node.input(i).map(|v| g.ty(v));
    match f {
        Flaw::WeightTransposed => ty(1).is_some_and(|t| t.rank() >= 2 && t.dims[t.rank() - 1] == t.dims[t.rank() - 2]),
        Flaw::BiasTwice => node.input(2).is_some(),
        Flaw::PadOffset => true,
        Flaw::PadEdge => node.attrs.ints("pads").is_some_and(|p| p.iter().any(|&x| x > 0)),
        Flaw::InitZero if node.op == Op::MaxPool => node.attrs.ints("pads").is_some_and(|p| p.iter().any(|&x| x > 0)),
        Flaw::Ddof | Flaw::OnePass if kind == "var" => node.attrs.flag("training_mode"),
        Flaw::ScaleBf16 => !node.attrs.flag("training_mode"),
        Flaw::GeluTanh => node.attrs.str("approximate") != Some("tanh"),
        Flaw::CastTruncates | Flaw::CastTwice => {
            g.ty(node.outputs[0]).dtype == DType::BF16 && ty(0).is_some_and(|t| t.dtype == DType::F32)
        }
        Flaw::NotTransposed => node.attrs.ints("perm").is_none_or(|p| !p.is_sorted()),
        _ => true,
    }
}

fn epsilon(node: &Node, by: f32) -> Option<Node> {
    let mut n = node.clone();
    let eps = n.attrs.f32("epsilon").unwrap_or(1e-5);
    n.attrs.set("epsilon", Attr::float(eps * by));
    Some(n)
}

/// Epsilon divided by 10.
pub(super) fn epsilon_10(_: &Graph, n: &Node) -> Option<Node> {
    epsilon(n, 0.1)
}
/// Epsilon divided by 100.
pub(super) fn epsilon_100(_: &Graph, n: &Node) -> Option<Node> {
    epsilon(n, 0.01)
}
/// Epsilon divided by 1000.
pub(super) fn epsilon_1000(_: &Graph, n: &Node) -> Option<Node> {
    epsilon(n, 0.001)
}
/// No epsilon.
pub(super) fn epsilon_0(_: &Graph, n: &Node) -> Option<Node> {
    epsilon(n, 0.0)
}

/// The third operand left out: a bias, or Clip's upper bound.
pub(super) fn without_third(_: &Graph, n: &Node) -> Option<Node> {
    n.input(2)?;
    let mut n = n.clone();
    n.inputs[2] = None;
    Some(n)
}

/// The first two operands swapped, where the result keeps its shape (it does: broadcasting and Concat are symmetric in shapes).
pub(super) fn swapped(_: &Graph, n: &Node) -> Option<Node> {
    if n.input(0)? == n.input(1)? {
        return None;
    }
    let mut n = n.clone();
    n.inputs.swap(0, 1);
    Some(n)
}

/// Where's branches swapped.
pub(super) fn branches_swapped(_: &Graph, n: &Node) -> Option<Node> {
    let mut n = n.clone();
    n.inputs.swap(1, 2);
    Some(n)
}

/// The next axis.
pub(super) fn other_axis(g: &Graph, n: &Node) -> Option<Node> {
    let rank = g.ty(n.input(0)?).rank() as i64;
    if rank < 2 {
        return None;
    }
    let mut n = n.clone();
    let a = n.attrs.int("axis").unwrap_or(-1);
    n.attrs.set("axis", Attr::Int((a + 1).rem_euclid(rank)));
    Some(n)
}

/// Padding counted where it is not, and the reverse.
pub(super) fn other_count(_: &Graph, n: &Node) -> Option<Node> {
    let mut n = n.clone();
    let c = n.attrs.flag("count_include_pad");
    n.attrs.set("count_include_pad", Attr::Int((!c).into()));
    Some(n)
}

fn coordinates(n: &Node, to: &str) -> Option<Node> {
    if n.attrs.str("coordinate_transformation_mode") == Some(to) {
        return None;
    }
    Some(Node { attrs: n.attrs.clone().with_str("coordinate_transformation_mode", to), ..n.clone() })
}

/// Coordinates without the half pixel.
pub(super) fn asymmetric(_: &Graph, n: &Node) -> Option<Node> {
    coordinates(n, "asymmetric")
}
/// Coordinates of aligned corners.
pub(super) fn align_corners(_: &Graph, n: &Node) -> Option<Node> {
    coordinates(n, "align_corners")
}

/// `>=` for `>`.
pub(super) fn or_equal(_: &Graph, n: &Node) -> Option<Node> {
    Some(Node { op: Op::GreaterOrEqual, ..n.clone() })
}

/// Ties to the last index instead of the first, and the reverse.
pub(super) fn last_index(_: &Graph, n: &Node) -> Option<Node> {
    let last = n.attrs.flag("select_last_index");
    Some(Node { attrs: n.attrs.clone().with_int("select_last_index", (!last).into()), ..n.clone() })
}
