//! Machine configurations (1.1): values, named ones, text, hash, random ones.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use sha2::{Digest, Sha256};

use crate::rng::SplitMix64;

/// Bytes of the four look-up tables together (fixed).
pub const LUT_BYTES: u32 = 4 * 2048;
/// Bytes of an ACC row (fixed).
pub const ACC_ROW_BYTES: u32 = 64;
/// Bytes of a PRM record (fixed).
pub const PRM_RECORD_BYTES: u32 = 16;
/// Bytes of a DRAM burst (fixed).
pub const DRAM_BURST_BYTES: u32 = 64;

macro_rules! config {
    ($($(#[$meta:meta])* $field:ident $lo:literal..=$hi:literal,)*) => {
        /// One machine. Numeric results do not depend on it; timing and capacity do.
        #[derive(Clone, PartialEq, Eq, Debug, Hash)]
        pub struct NpuConfig {
            /// Name, for people; not part of the hash.
            pub name: String,
            $($(#[$meta])* pub $field: u32,)*
        }

        /// (field, smallest, largest) of every numeric field.
        pub const RANGES: &[(&str, u32, u32)] = &[$((stringify!($field), $lo, $hi),)*];

        impl NpuConfig {
            /// (field, value), in the order of declaration.
            pub fn fields(&self) -> Vec<(&'static str, u32)> { vec![$((stringify!($field), self.$field),)*] }

            fn field_mut(&mut self, key: &str) -> Option<&mut u32> {
                match key { $(stringify!($field) => Some(&mut self.$field),)* _ => None }
            }
        }
    };
}

config! {
    /// Mp: output pixels of the matrix engine per cycle.
    mx_pixels 1..=64,
    /// Np: output channels of the matrix engine per cycle.
    mx_channels 1..=1024,
    /// Kp: input channels per cycle; the timing factor is 16/Kp (1, 2, 4, 8, 16).
    mx_depth 1..=16,
    /// r of bf16 and f16: cycles per int8 cycle.
    rate_half 1..=64,
    /// r of f32.
    rate_f32 1..=64,
    /// Clock in MHz; only for reports in seconds.
    clock_mhz 1..=10_000,
    /// Scratchpad bytes; at most 16 MiB (24-bit addresses).
    spm_bytes 4_096..=16_777_216,
    /// Scratchpad banks; bank = addr / (spm_bytes / banks).
    spm_banks 1..=64,
    /// Bytes per cycle and bank.
    bank_port 1..=4_096,
    /// ACC rows of 64 bytes; 16-bit row numbers.
    acc_rows 16..=65_536,
    /// PRM records of 16 bytes; record 0xFFFF means none.
    prm_records 16..=65_535,
    /// V: vector lanes.
    vx_lanes 1..=4_096,
    /// Ld: depthwise channels per cycle.
    dw_lanes 1..=1_024,
    /// Pd: depthwise pixels per cycle.
    dw_pixels 1..=64,
    /// Bytes of weights per cycle.
    wport 1..=4_096,
    /// DRAM bytes per cycle, in 1/256 (edge-256: 3.75 = 960).
    dram_bw_256 1..=16_777_216,
    /// DRAM latency L in cycles.
    dram_latency 0..=65_535,
    /// Q: instructions per engine queue.
    queue_depth 1..=1_024,
    /// Bytes of instructions fetched per cycle.
    fetch_port 1..=64,
    /// DMA descriptors in flight per engine.
    dma_in_flight 1..=64,
}

/// What is wrong with a configuration or its text.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ConfigError {
    /// A value outside its range.
    #[error("{key} = {value} is outside {lo}..={hi}")]
    Range {
        /// The key.
        key: &'static str,
        /// Its value.
        value: u32,
        /// Smallest.
        lo: u32,
        /// Largest.
        hi: u32,
    },
    /// Two values that do not fit each other.
    #[error("{0}")]
    Relation(String),
    /// The text is not TOML, or a key is missing, unknown or of another type.
    #[error("configuration text: {0}")]
    Text(String),
    /// No such name.
    #[error("no configuration is called `{0}`")]
    Unknown(String),
}

/// Name, then the fields in the order of declaration.
type Row = (&'static str, [u32; 20]);

#[rustfmt::skip]
const NAMED: &[Row] = &[
    // name             Mp  Np  Kp rh rf32 MHz    spm      bk port  acc     prm    V   Ld  Pd wport bw*256  L    Q  fetch dma
    ("edge-256",       [1, 16,  16, 4, 16, 1000,   524_288, 16, 16,  1_024,  1_024, 16, 16, 1, 16,     960, 500, 16, 8, 4]),
    ("edge-256-flash", [1, 16,  16, 4, 16,  500, 2_097_152, 16, 16,  1_024,  1_024, 16, 16, 1, 16,     256,  64, 16, 8, 4]),
    ("edge-256-ddr12", [1, 16,  16, 4, 16, 1000,   524_288, 16, 32,  1_024,  1_024, 16, 16, 1, 16,   3_072, 500, 16, 8, 4]),
    ("mobile-512",     [2, 16,  16, 4, 16, 1000,   524_288, 16, 32,  1_024,  1_024, 32, 16, 2, 32,   3_072, 500, 16, 8, 4]),
    ("mobile-2048",    [4, 32,  16, 4, 16, 1000,   524_288, 16, 64,  4_096,  2_048, 64, 32, 4, 64,   6_144, 500, 16, 8, 4]),
    ("server-16k",     [8, 128, 16, 1, 16, 1000, 16_777_216, 64, 512, 65_536, 16_384, 512, 128, 8, 512, 229_888, 200, 16, 8, 4]),
    ("tiny-fuzz",      [1, 16,   4, 4, 16, 1000,     8_192,  4, 16,     32,     64,  8, 16, 1,  8,     512,  20, 16, 8, 4]),
];

impl NpuConfig {
    /// The names of 1.1, in order.
    pub fn names() -> impl Iterator<Item = &'static str> {
        NAMED.iter().map(|row| row.0)
    }

    /// A named configuration.
    ///
    /// # Errors
    /// `Unknown` if there is none of this name.
    pub fn named(name: &str) -> Result<Self, ConfigError> {
        let row = NAMED.iter().find(|row| row.0 == name).ok_or_else(|| ConfigError::Unknown(name.to_owned()))?;
        Ok(Self::from_row(row))
    }

    fn from_row(row: &Row) -> Self {
        let v = &row.1;
        NpuConfig {
            name: row.0.to_owned(),
            mx_pixels: v[0],
            mx_channels: v[1],
            mx_depth: v[2],
            rate_half: v[3],
            rate_f32: v[4],
            clock_mhz: v[5],
            spm_bytes: v[6],
            spm_banks: v[7],
            bank_port: v[8],
            acc_rows: v[9],
            prm_records: v[10],
            vx_lanes: v[11],
            dw_lanes: v[12],
            dw_pixels: v[13],
            wport: v[14],
            dram_bw_256: v[15],
            dram_latency: v[16],
            queue_depth: v[17],
            fetch_port: v[18],
            dma_in_flight: v[19],
        }
    }

    /// The fuzzing configuration.
    pub fn tiny() -> Self {
        Self::from_row(&NAMED[NAMED.len() - 1])
    }

    /// Bytes of a scratchpad bank.
    pub fn bank_bytes(&self) -> u32 {
        self.spm_bytes / self.spm_banks
    }
    /// Bytes of ACC.
    pub fn acc_bytes(&self) -> u32 {
        self.acc_rows * ACC_ROW_BYTES
    }
    /// Bytes of PRM.
    pub fn prm_bytes(&self) -> u32 {
        self.prm_records * PRM_RECORD_BYTES
    }
    /// Peak int8 MACs per cycle: Mp * Np * Kp.
    pub fn peak_macs(&self) -> u64 {
        u64::from(self.mx_pixels) * u64::from(self.mx_channels) * u64::from(self.mx_depth)
    }

    /// Checks the ranges of 1.1 and the relations between fields.
    ///
    /// # Errors
    /// The first violated rule.
    pub fn validate(&self) -> Result<(), ConfigError> {
        for ((key, value), &(_, lo, hi)) in self.fields().into_iter().zip(RANGES) {
            if value < lo || value > hi {
                return Err(ConfigError::Range { key, value, lo, hi });
            }
        }
        if !self.spm_bytes.is_multiple_of(self.spm_banks * 16) {
            return Err(ConfigError::Relation("spm_bytes is not a multiple of 16 * spm_banks".into()));
        }
        if 16 % self.mx_depth != 0 {
            return Err(ConfigError::Relation("mx_depth does not divide 16".into()));
        }
        if self.name.is_empty() || self.name.chars().any(|c| c.is_control() || c == '"' || c == '\\') {
            return Err(ConfigError::Relation(
                "the name is empty or has a quote, backslash or control character".into(),
            ));
        }
        Ok(())
    }

    /// Canonical text: keys sorted, one `key=value` a line, without the name.
    pub fn canonical(&self) -> String {
        let sorted: BTreeMap<_, _> = self.fields().into_iter().collect();
        sorted.iter().fold(String::new(), |mut text, (key, value)| {
            let _ = writeln!(text, "{key}={value}"); // writing to a String cannot fail
            text
        })
    }

    /// First 8 bytes (little endian) of SHA-256 of the canonical text.
    pub fn hash(&self) -> u64 {
        let digest = Sha256::digest(self.canonical().as_bytes());
        u64::from_le_bytes(std::array::from_fn(|i| digest[i]))
    }

    /// TOML text that [`NpuConfig::from_toml`] reads back.
    pub fn to_toml(&self) -> String {
        let mut text = format!("name = \"{}\"\n", self.name);
        for (key, value) in self.fields() {
            let _ = writeln!(text, "{key} = {value}"); // writing to a String cannot fail
        }
        text
    }

    /// Reads TOML text. A `base = "edge-256"` key names a configuration whose values hold for absent keys; without it
    /// every key is required. The result is validated.
    ///
    /// # Errors
    /// Bad TOML, an unknown or missing key, a value that is not a u32, or a rule of [`NpuConfig::validate`].
    pub fn from_toml(text: &str) -> Result<Self, ConfigError> {
        let table: toml::Table =
            text.parse().map_err(|e: toml::de::Error| ConfigError::Text(e.message().to_owned()))?;
        let mut config = match table.get("base") {
            None => NpuConfig::tiny(),
            Some(toml::Value::String(name)) => NpuConfig::named(name)?,
            Some(_) => return Err(ConfigError::Text("base is not a string".into())),
        };
        for (key, value) in &table {
            match (key.as_str(), value) {
                ("base", _) => {}
                ("name", toml::Value::String(name)) => config.name.clone_from(name),
                (key, toml::Value::Integer(number)) => {
                    let slot =
                        config.field_mut(key).ok_or_else(|| ConfigError::Text(format!("unknown key `{key}`")))?;
                    *slot = u32::try_from(*number).map_err(|_| ConfigError::Text(format!("{key} = {number}")))?;
                }
                (key, _) => {
                    return Err(ConfigError::Text(format!("`{key}` is unknown or has a value of another type")));
                }
            }
        }
        if !table.contains_key("base") {
            let missing = RANGES.iter().map(|r| r.0).chain(["name"]).find(|key| !table.contains_key(*key));
            if let Some(key) = missing {
                return Err(ConfigError::Text(format!("`{key}` is missing (or name a `base`)")));
            }
        }
        config.validate()?;
        Ok(config)
    }

    /// A random legal configuration of the fuzz space (1.1): SPM 4 KiB..1 MiB, banks 1..64, queue 1..32, PRM
    /// 16..16,384 records, ACC 16..65,536 rows. The same seed gives the same machine for ever.
    pub fn random(seed: u64) -> Self {
        let mut rng = SplitMix64::new(seed);
        let banks = 1 << rng.below(7);
        let spm = (1u32 << (12 + rng.below(9))).min(1 << 20);
        let jitter = if spm < 1 << 20 { 16 * banks * rng.below(u64::from(spm / (16 * banks))) as u32 } else { 0 };
        let channels = 16 << rng.below(4);
        NpuConfig {
            name: format!("random-{seed:016x}"),
            mx_pixels: 1 << rng.below(4),
            mx_channels: channels,
            mx_depth: [4, 8, 16][rng.below(3) as usize],
            rate_half: 1 << rng.below(3),
            rate_f32: 4 << rng.below(3),
            clock_mhz: 1000,
            spm_bytes: spm + jitter,
            spm_banks: banks,
            bank_port: 8 << rng.below(5),
            acc_rows: 1 << (4 + rng.below(13)),
            prm_records: 1 << (4 + rng.below(11)),
            vx_lanes: 4 << rng.below(6),
            dw_lanes: channels,
            dw_pixels: 1 << rng.below(3),
            wport: 4 << rng.below(6),
            dram_bw_256: 64 + rng.below(16_384) as u32,
            dram_latency: rng.below(600) as u32,
            queue_depth: 1 + rng.below(32) as u32,
            fetch_port: 8,
            dma_in_flight: 4,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn named_configurations_are_legal_and_round_trip() {
        for name in NpuConfig::names() {
            let config = NpuConfig::named(name).expect("listed");
            config.validate().expect("named configurations are legal");
            assert_eq!(NpuConfig::from_toml(&config.to_toml()).expect("own text"), config);
        }
    }

    #[test]
    fn the_table_of_1_1_is_what_the_fields_say() {
        // (name, int8 MAC/cycle, SPM KiB, ACC KiB, V, DRAM B/cycle * 256)
        let table = [
            ("edge-256", 256, 512, 64, 16, 960),
            ("edge-256-flash", 256, 2048, 64, 16, 256),
            ("edge-256-ddr12", 256, 512, 64, 16, 3072),
            ("mobile-512", 512, 512, 64, 32, 3072),
            ("mobile-2048", 2048, 512, 256, 64, 6144),
            ("server-16k", 16384, 16384, 4096, 512, 898 * 256),
            ("tiny-fuzz", 64, 8, 2, 8, 512),
        ];
        for (name, macs, spm, acc, lanes, bw) in table {
            let c = NpuConfig::named(name).expect("listed");
            assert_eq!((c.peak_macs(), c.spm_bytes / 1024, c.acc_bytes() / 1024, c.vx_lanes), (macs, spm, acc, lanes));
            assert_eq!(c.dram_bw_256, bw, "{name}");
        }
    }

    #[test]
    fn hash_depends_on_every_field_and_not_on_the_name() {
        let base = NpuConfig::tiny();
        for &(key, _, _) in RANGES {
            let mut other = base.clone();
            *other.field_mut(key).expect("a field") += 1;
            assert_ne!(other.hash(), base.hash(), "{key}");
        }
        let renamed = NpuConfig { name: "other".into(), ..base.clone() };
        assert_eq!(renamed.hash(), base.hash());
    }

    #[test]
    fn random_configurations_are_legal_and_within_the_fuzz_space() {
        for seed in 0..2000 {
            let c = NpuConfig::random(seed);
            c.validate().expect("legal");
            assert!((4096..=1 << 20).contains(&c.spm_bytes) && c.queue_depth <= 32 && c.prm_records <= 16_384);
        }
    }

    #[test]
    fn text_errors_name_the_key() {
        for (text, word) in [
            ("base = \"edge-256\"\nspm_byte = 1", "spm_byte"),
            ("base = \"nope\"", "nope"),
            ("name = \"x\"", "missing"),
            ("base = \"edge-256\"\nspm_banks = 65", "spm_banks"),
            ("base = \"edge-256\"\nspm_banks = -1", "spm_banks"),
            ("base = 3", "base"),
            ("base = \"edge-256\"\nspm_bytes = 524280", "multiple"),
        ] {
            let error = NpuConfig::from_toml(text).expect_err(text).to_string();
            assert!(error.contains(word), "{error}");
        }
    }
}
