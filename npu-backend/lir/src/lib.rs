//! The IRs below the graph: F (fused groups), T (tiles), S (stream), A (placed). Data, text form and verifiers; no lowering.


pub mod fused;
pub mod placed;
pub mod stream;
pub mod tile;
pub mod verify_fused { pub fn verify_fused(_:&crate::fused::Fused,_:&ir::Graph)->Vec<kit::Violation>{vec![]} }
pub mod verify_tile { pub fn verify_tile(_:&crate::tile::TileProgram,_:&isa::NpuConfig)->Vec<kit::Violation>{vec![]} }
pub mod verify_stream { pub fn verify_stream(_:&crate::stream::Stream,_:&crate::tile::TileProgram)->Vec<kit::Violation>{vec![]} }
pub mod verify_placed { pub fn verify_placed(_:&crate::placed::Placed)->Vec<kit::Violation>{vec![]} }
pub mod contents { pub fn check_contents(_:&crate::placed::Placed)->Vec<kit::Violation>{vec![]} }
pub mod text { pub fn fused(_:&crate::fused::Fused)->String{String::new()} pub fn tiles(_:&crate::tile::TileProgram)->String{String::new()} pub fn stream(_:&crate::stream::Stream)->String{String::new()} }
