//! Little-endian access to raw element bits. No arithmetic.

/// The bits of element `i` of `size` bytes (1, 2, 4 or 8), zero-extended; panics outside the slice.
#[inline]
pub fn get(bytes: &[u8], size: usize, i: usize) -> u64 {
    get_at(bytes, size, i * size)
}

/// The bits of the element that starts at byte `at`, zero-extended; panics outside the slice.
#[inline]
pub fn get_at(bytes: &[u8], size: usize, at: usize) -> u64 {
    match size {
        1 => u64::from(bytes[at]),
        2 => u64::from(u16::from_le_bytes([bytes[at], bytes[at + 1]])),
        4 => u64::from(u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])),
        _ => {
            let mut b = [0; 8];
            b.copy_from_slice(&bytes[at..at + 8]);
            u64::from_le_bytes(b)
        }
    }
}

/// Stores the low `size` bytes of `bits` at byte `at`; panics outside the slice.
#[inline]
pub fn put_at(bytes: &mut [u8], size: usize, at: usize, bits: u64) {
    match size {
        1 => bytes[at] = bits as u8,
        2 => bytes[at..at + 2].copy_from_slice(&(bits as u16).to_le_bytes()),
        4 => bytes[at..at + 4].copy_from_slice(&(bits as u32).to_le_bytes()),
        _ => bytes[at..at + 8].copy_from_slice(&bits.to_le_bytes()),
    }
}
