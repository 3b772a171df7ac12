//! A walk over the wire format before prost decodes it: bounds the memory that decoding would take.
//!
//! Two bytes of protobuf can become a message struct of hundreds, so a file of some megabytes could ask for gigabytes.
//! The walk follows the message types that repeat or nest and adds up what each element will occupy. It is at least as
//! lenient as prost: what it cannot parse it leaves for prost to report.

use crate::error::Problem;
use crate::proto;

/// Most bytes that decoded structures may take, contents of byte and string fields aside (those are bounded by the file).
const MAX_STRUCTURE: u64 = 448 << 20;
/// Deeper nesting is refused by prost itself (its limit is 100).
const MAX_DEPTH: usize = 101;
/// Space of an element of a growing vector, in elements.
const GROWTH: u64 = 2;

/// Message types that matter for the walk.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Msg {
    Model,
    Graph,
    Node,
    Attribute,
    Tensor,
    Sparse,
    ValueInfo,
    Type,
    TensorType,
    Shape,
    Function,
    Training,
    /// A message of strings and numbers.
    Leaf,
    /// A message of leaves.
    Annotation,
    /// Sharding of a node: every length-delimited field may be a message (its strings are short).
    Device,
}

/// What a length-delimited field holds.
enum Content {
    Message(Msg),
    /// Packed varints: one number per byte without a continuation bit.
    Varints,
    /// Packed 4- or 8-byte numbers, or bytes, or a string.
    Bytes,
}

fn size(m: Msg) -> u64 {
    let n = match m {
        Msg::Model => size_of::<proto::ModelProto>(),
        Msg::Graph => size_of::<proto::GraphProto>(),
        Msg::Node => size_of::<proto::NodeProto>(),
        Msg::Attribute => size_of::<proto::AttributeProto>(),
        Msg::Tensor => size_of::<proto::TensorProto>(),
        Msg::Sparse => size_of::<proto::SparseTensorProto>(),
        Msg::ValueInfo => size_of::<proto::ValueInfoProto>(),
        Msg::Type | Msg::TensorType => size_of::<proto::TypeProto>(),
        Msg::Shape => size_of::<proto::TensorShapeProto>(),
        Msg::Function => size_of::<proto::FunctionProto>(),
        Msg::Training => size_of::<proto::TrainingInfoProto>(),
        Msg::Leaf | Msg::Annotation | Msg::Device => 128,
    };
    GROWTH * u64::try_from(n).unwrap_or(u64::MAX / 8)
}

fn content(m: Msg, tag: u64) -> Content {
    use Content::{Bytes, Message, Varints};
    match (m, tag) {
        (Msg::Model, 7) => Message(Msg::Graph),
        (Msg::Model, 20) => Message(Msg::Training),
        (Msg::Model, 25) => Message(Msg::Function),
        (Msg::Model, 8 | 14 | 26) => Message(Msg::Leaf),
        (Msg::Graph, 1) => Message(Msg::Node),
        (Msg::Graph, 5) => Message(Msg::Tensor),
        (Msg::Graph, 15) => Message(Msg::Sparse),
        (Msg::Graph, 11..=13) => Message(Msg::ValueInfo),
        (Msg::Graph, 14) => Message(Msg::Annotation),
        (Msg::Graph, 16) => Message(Msg::Leaf),
        (Msg::Node, 5) => Message(Msg::Attribute),
        (Msg::Node, 9) => Message(Msg::Leaf),
        (Msg::Node, 10) => Message(Msg::Device),
        (Msg::Attribute, 5 | 10) => Message(Msg::Tensor),
        (Msg::Attribute, 6 | 11) => Message(Msg::Graph),
        (Msg::Attribute, 22 | 23) => Message(Msg::Sparse),
        (Msg::Attribute, 14 | 15) => Message(Msg::Type),
        (Msg::Attribute, 8) => Varints,
        (Msg::Tensor, 1 | 5 | 7 | 11) => Varints,
        (Msg::Tensor, 13 | 16) => Message(Msg::Leaf),
        (Msg::Sparse, 1 | 2) => Message(Msg::Tensor),
        (Msg::Sparse, 3) => Varints,
        (Msg::ValueInfo, 2) => Message(Msg::Type),
        (Msg::ValueInfo, 4) => Message(Msg::Leaf),
        (Msg::Type, 1 | 8) => Message(Msg::TensorType),
        // A sequence, map or optional holds a type one level down; walking them as types over-counts a little.
        (Msg::Type, 4 | 5 | 9 | 2) => Message(Msg::Type),
        (Msg::TensorType, 2) => Message(Msg::Shape),
        (Msg::Shape, 1) => Message(Msg::Leaf),
        (Msg::Function, 7) => Message(Msg::Node),
        (Msg::Function, 11) => Message(Msg::Attribute),
        (Msg::Function, 12) => Message(Msg::ValueInfo),
        (Msg::Function, 9 | 14) => Message(Msg::Leaf),
        (Msg::Training, 1 | 2) => Message(Msg::Graph),
        (Msg::Training, 3 | 4) => Message(Msg::Leaf),
        (Msg::Annotation, 2) => Message(Msg::Leaf),
        (Msg::Device, _) => Message(Msg::Device),
        _ => Bytes,
    }
}

/// A varint at the front of `b`, and the rest.
fn varint(b: &[u8]) -> Option<(u64, &[u8])> {
    let mut v = 0u64;
    for (i, &x) in b.iter().take(10).enumerate() {
        let shift = 7 * u32::try_from(i).ok()?;
        v |= u64::from(x & 0x7f).checked_shl(shift).unwrap_or(0);
        if x < 0x80 {
            return Some((v, &b[i + 1..]));
        }
    }
    None
}

/// Refuses bytes whose decoded form would take more than the limit.
pub fn check(bytes: &[u8]) -> Result<(), Problem> {
    walk(bytes, Msg::Model, 0, &mut 0)
}

fn walk(mut b: &[u8], m: Msg, depth: usize, cost: &mut u64) -> Result<(), Problem> {
    if depth > MAX_DEPTH {
        return Ok(());
    }
    while let Some((key, rest)) = varint(b) {
        b = rest;
        let skip = match key & 7 {
            0 => match varint(b) {
                Some((_, rest)) => b.len() - rest.len(),
                None => return Ok(()),
            },
            1 => 8,
            5 => 4,
            2 => {
                let Some((len, rest)) = varint(b) else { return Ok(()) };
                let Some(field) = usize::try_from(len).ok().and_then(|n| rest.get(..n)) else { return Ok(()) };
                length_delimited(field, content(m, key >> 3), depth, cost)?;
                b.len() - rest.len() + field.len()
            }
            _ => 0,
        };
        *cost = cost.saturating_add(GROWTH * 24);
        if *cost > MAX_STRUCTURE {
            return Err(Problem::invalid(format!("decoding would take more than {} MiB", MAX_STRUCTURE >> 20)));
        }
        match b.get(skip..) {
            Some(rest) => b = rest,
            None => return Ok(()),
        }
    }
    Ok(())
}

fn length_delimited(field: &[u8], c: Content, depth: usize, cost: &mut u64) -> Result<(), Problem> {
    match c {
        Content::Message(m) => {
            *cost = cost.saturating_add(size(m));
            walk(field, m, depth + 1, cost)
        }
        Content::Varints => {
            let numbers = field.iter().filter(|&&x| x < 0x80).count();
            *cost = cost.saturating_add(8 * GROWTH * u64::try_from(numbers).unwrap_or(u64::MAX / 64));
            Ok(())
        }
        Content::Bytes => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bomb_of_empty_nodes_is_refused_before_it_is_decoded() {
        // 2 bytes for each empty NodeProto: 8 MiB would become more than 1 GiB.
        let nodes = [0x0a, 0x00].repeat(4 << 20);
        let mut model = vec![0x3a];
        prost::encoding::encode_varint(u64::try_from(nodes.len()).expect("fits"), &mut model);
        model.extend(nodes);
        assert!(check(&model).is_err());
        assert!(check(&model[..1000]).is_ok());
    }

    #[test]
    fn every_message_of_the_schema_that_repeats_is_walked() {
        // AttributeProto.ints inside Model.graph.node.attribute: 1 byte becomes 8.
        let ints = vec![0x01; 40 << 20];
        let mut b = ints;
        for tag in [8u32, 5, 1, 7] {
            let mut outer = Vec::new();
            prost::encoding::encode_varint(u64::from(tag << 3 | 2), &mut outer);
            prost::encoding::encode_varint(u64::try_from(b.len()).expect("fits"), &mut outer);
            outer.extend(&b);
            b = outer;
        }
        assert!(check(&b).is_err());
    }
}
