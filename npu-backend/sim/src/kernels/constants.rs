//! Constants of section 11, as bit patterns (made from the text of the specification; Rust has no hexadecimal floats).

/// 1/i!.
pub(super) const EXPC: [f64; 12] = [
    f64::from_bits(0x3ff0_0000_0000_0000), // 0x1p+0
    f64::from_bits(0x3ff0_0000_0000_0000), // 0x1p+0
    f64::from_bits(0x3fe0_0000_0000_0000), // 0x1p-1
    f64::from_bits(0x3fc5_5555_5555_5555), // 0x1.5555555555555p-3
    f64::from_bits(0x3fa5_5555_5555_5555), // 0x1.5555555555555p-5
    f64::from_bits(0x3f81_1111_1111_1111), // 0x1.1111111111111p-7
    f64::from_bits(0x3f56_c16c_16c1_6c17), // 0x1.6c16c16c16c17p-10
    f64::from_bits(0x3f2a_01a0_1a01_a01a), // 0x1.a01a01a01a01ap-13
    f64::from_bits(0x3efa_01a0_1a01_a01a), // 0x1.a01a01a01a01ap-16
    f64::from_bits(0x3ec7_1de3_a556_c734), // 0x1.71de3a556c734p-19
    f64::from_bits(0x3e92_7e4f_b778_9f5c), // 0x1.27e4fb7789f5cp-22
    f64::from_bits(0x3e5a_e645_67f5_44e4), // 0x1.ae64567f544e4p-26
];
/// 1/(2i+1).
pub(super) const LOGC: [f64; 10] = [
    f64::from_bits(0x3ff0_0000_0000_0000), // 0x1p+0
    f64::from_bits(0x3fd5_5555_5555_5555), // 0x1.5555555555555p-2
    f64::from_bits(0x3fc9_9999_9999_999a), // 0x1.999999999999ap-3
    f64::from_bits(0x3fc2_4924_9249_2492), // 0x1.2492492492492p-3
    f64::from_bits(0x3fbc_71c7_1c71_c71c), // 0x1.c71c71c71c71cp-4
    f64::from_bits(0x3fb7_45d1_745d_1746), // 0x1.745d1745d1746p-4
    f64::from_bits(0x3fb3_b13b_13b1_3b14), // 0x1.3b13b13b13b14p-4
    f64::from_bits(0x3fb1_1111_1111_1111), // 0x1.1111111111111p-4
    f64::from_bits(0x3fae_1e1e_1e1e_1e1e), // 0x1.e1e1e1e1e1e1ep-5
    f64::from_bits(0x3faa_f286_bca1_af28), // 0x1.af286bca1af28p-5
];
/// (-1)^i/(2i+1).
pub(super) const ATNC: [f64; 16] = [
    f64::from_bits(0x3ff0_0000_0000_0000), // 0x1p+0
    f64::from_bits(0xbfd5_5555_5555_5555), // -0x1.5555555555555p-2
    f64::from_bits(0x3fc9_9999_9999_999a), // 0x1.999999999999ap-3
    f64::from_bits(0xbfc2_4924_9249_2492), // -0x1.2492492492492p-3
    f64::from_bits(0x3fbc_71c7_1c71_c71c), // 0x1.c71c71c71c71cp-4
    f64::from_bits(0xbfb7_45d1_745d_1746), // -0x1.745d1745d1746p-4
    f64::from_bits(0x3fb3_b13b_13b1_3b14), // 0x1.3b13b13b13b14p-4
    f64::from_bits(0xbfb1_1111_1111_1111), // -0x1.1111111111111p-4
    f64::from_bits(0x3fae_1e1e_1e1e_1e1e), // 0x1.e1e1e1e1e1e1ep-5
    f64::from_bits(0xbfaa_f286_bca1_af28), // -0x1.af286bca1af28p-5
    f64::from_bits(0x3fa8_6186_1861_8618), // 0x1.8618618618618p-5
    f64::from_bits(0xbfa6_42c8_590b_2164), // -0x1.642c8590b2164p-5
    f64::from_bits(0x3fa4_7ae1_47ae_147b), // 0x1.47ae147ae147bp-5
    f64::from_bits(0xbfa2_f684_bda1_2f68), // -0x1.2f684bda12f68p-5
    f64::from_bits(0x3fa1_a7b9_611a_7b96), // 0x1.1a7b9611a7b96p-5
    f64::from_bits(0xbfa0_8421_0842_1084), // -0x1.0842108421084p-5
];
/// Maclaurin series of sin(r)/r in r*r.
pub(super) const SINC: [f64; 8] = [
    f64::from_bits(0x3ff0_0000_0000_0000), // 0x1p+0
    f64::from_bits(0xbfc5_5555_5555_5555), // -0x1.5555555555555p-3
    f64::from_bits(0x3f81_1111_1111_1111), // 0x1.1111111111111p-7
    f64::from_bits(0xbf2a_01a0_1a01_a01a), // -0x1.a01a01a01a01ap-13
    f64::from_bits(0x3ec7_1de3_a556_c734), // 0x1.71de3a556c734p-19
    f64::from_bits(0xbe5a_e645_67f5_44e4), // -0x1.ae64567f544e4p-26
    f64::from_bits(0x3de6_1246_13a8_6d09), // 0x1.6124613a86d09p-33
    f64::from_bits(0xbd6a_e7f3_e733_b81f), // -0x1.ae7f3e733b81fp-41
];
/// Maclaurin series of cos in r*r.
pub(super) const COSC: [f64; 8] = [
    f64::from_bits(0x3ff0_0000_0000_0000), // 0x1p+0
    f64::from_bits(0xbfe0_0000_0000_0000), // -0x1p-1
    f64::from_bits(0x3fa5_5555_5555_5555), // 0x1.5555555555555p-5
    f64::from_bits(0xbf56_c16c_16c1_6c17), // -0x1.6c16c16c16c17p-10
    f64::from_bits(0x3efa_01a0_1a01_a01a), // 0x1.a01a01a01a01ap-16
    f64::from_bits(0xbe92_7e4f_b778_9f5c), // -0x1.27e4fb7789f5cp-22
    f64::from_bits(0x3e21_eed8_eff8_d898), // 0x1.1eed8eff8d898p-29
    f64::from_bits(0xbda9_3974_a8c0_7c9d), // -0x1.93974a8c07c9dp-37
];
/// 2/sqrt(pi) (-1)^i/(i! (2i+1)).
pub(super) const ERFC0: [f64; 15] = [
    f64::from_bits(0x3ff2_0dd7_5042_9b6d), // 0x1.20dd750429b6dp+0
    f64::from_bits(0xbfd8_1274_6b03_79e7), // -0x1.812746b0379e7p-2
    f64::from_bits(0x3fbc_e2f2_1a04_2be2), // 0x1.ce2f21a042be2p-4
    f64::from_bits(0xbf9b_82ce_3128_8b51), // -0x1.b82ce31288b51p-6
    f64::from_bits(0x3f75_65bc_d0e6_a53f), // 0x1.565bcd0e6a53fp-8
    f64::from_bits(0xbf4c_02db_4004_0b86), // -0x1.c02db40040b86p-11
    f64::from_bits(0x3f1f_9a32_6f9b_89b7), // 0x1.f9a326f9b89b7p-14
    f64::from_bits(0xbeef_4d25_c3e0_c2eb), // -0x1.f4d25c3e0c2ebp-17
    f64::from_bits(0x3ebb_9e6c_9dc6_51a3), // 0x1.b9e6c9dc651a3p-20
    f64::from_bits(0xbe85_f742_ec43_e71a), // -0x1.5f742ec43e71ap-23
    f64::from_bits(0x3e4f_cc57_2062_4c1c), // 0x1.fcc5720624c1cp-27
    f64::from_bits(0xbe15_1d71_81c5_d36d), // -0x1.51d7181c5d36dp-30
    f64::from_bits(0x3dd9_e6ad_5e55_a730), // 0x1.9e6ad5e55a73p-34
    f64::from_bits(0xbd9d_8453_cb0c_46ea), // -0x1.d8453cb0c46eap-38
    f64::from_bits(0x3d5f_683a_e4a9_7007), // 0x1.f683ae4a97007p-42
];
/// Chebyshev fit of (1+2z) e^(z*z) erfc(z).
pub(super) const ERFQ: [f64; 17] = [
    f64::from_bits(0x3ff3_ccda_0b5d_5f7e), // 0x1.3ccda0b5d5f7ep+0
    f64::from_bits(0xbfc1_f367_683f_af94), // -0x1.1f367683faf94p-3
    f64::from_bits(0x3f6d_5f29_44b6_5dfb), // 0x1.d5f2944b65dfbp-9
    f64::from_bits(0x3fb5_1016_9d2b_30d7), // 0x1.510169d2b30d7p-4
    f64::from_bits(0xbfbb_da93_055b_0e9b), // -0x1.bda93055b0e9bp-4
    f64::from_bits(0x3fb7_a141_8358_80d7), // 0x1.7a141835880d7p-4
    f64::from_bits(0xbfae_0d10_2893_bd77), // -0x1.e0d102893bd77p-5
    f64::from_bits(0x3f9d_0b01_b130_cc0e), // 0x1.d0b01b130cc0ep-6
    f64::from_bits(0xbf83_f5f5_7da8_e5c2), // -0x1.3f5f57da8e5c2p-7
    f64::from_bits(0x3f5c_c2d3_e80a_d034), // 0x1.cc2d3e80ad034p-10
    f64::from_bits(0x3f33_39cd_0469_04f5), // 0x1.339cd046904f5p-12
    f64::from_bits(0xbf32_f5b6_f5f8_aed9), // -0x1.2f5b6f5f8aed9p-12
    f64::from_bits(0x3f0b_45aa_92bd_6532), // 0x1.b45aa92bd6532p-15
    f64::from_bits(0x3ef5_857e_b7a9_419c), // 0x1.5857eb7a9419cp-16
    f64::from_bits(0xbee6_b52f_9ffa_cb92), // -0x1.6b52f9ffacb92p-17
    f64::from_bits(0x3ea3_e3ce_6eff_525f), // 0x1.3e3ce6eff525fp-21
    f64::from_bits(0x3e99_5784_1036_dec0), // 0x1.957841036decp-22
];
/// first 256 bits of 2/pi, most significant word first.
pub(super) const TPI: [u64; 4] = [
    0xa2f9_836e_4e44_1529,
    0xfc27_57d1_f534_ddc0,
    0xdb62_9599_3c43_9041,
    0xfe51_63ab_debb_c561,
];
/// 0x1.71547652b82fep+0.
pub(super) const LOG2E: f64 = f64::from_bits(0x3ff7_1547_652b_82fe);
/// 0x1.62e42fefap-1.
pub(super) const LN2H: f64 = f64::from_bits(0x3fe6_2e42_fefa_0000);
/// 0x1.cf79abc9e3b3ap-40.
pub(super) const LN2L: f64 = f64::from_bits(0x3d7c_f79a_bc9e_3b3a);
/// 0x1.45f306dc9c883p-1.
pub(super) const TWOPI: f64 = f64::from_bits(0x3fe4_5f30_6dc9_c883);
/// 0x1.921fb544p+0.
pub(super) const P1: f64 = f64::from_bits(0x3ff9_21fb_5440_0000);
/// 0x1.0b4611a6p-34.
pub(super) const P2: f64 = f64::from_bits(0x3dd0_b461_1a60_0000);
/// 0x1.3198a2e037073p-69.
pub(super) const P3: f64 = f64::from_bits(0x3ba3_198a_2e03_7073);
/// 0x1.921fb54442d18p+0.
pub(super) const PIO2: f64 = f64::from_bits(0x3ff9_21fb_5444_2d18);
/// 0x1.921fb54442d18p-1.
pub(super) const PIO4: f64 = f64::from_bits(0x3fe9_21fb_5444_2d18);
/// 0x1.921fb54442d18p+1.
pub(super) const PI_: f64 = f64::from_bits(0x4009_21fb_5444_2d18);
/// 0x1.6a09e667f3bcdp-1.
pub(super) const RSQRT2: f64 = f64::from_bits(0x3fe6_a09e_667f_3bcd);
/// 0x1.9884533d43651p-1.
pub(super) const GT0: f64 = f64::from_bits(0x3fe9_8845_33d4_3651);
/// 0x1.6e4e26d4801f7p-5.
pub(super) const GT1: f64 = f64::from_bits(0x3fa6_e4e2_6d48_01f7);
/// 0x1.a827999fcef32p-2.
pub(super) const TAN8: f64 = f64::from_bits(0x3fda_8279_99fc_ef32);
/// 0x1.6a09e667f3bcdp+0.
pub(super) const SQRT2: f64 = f64::from_bits(0x3ff6_a09e_667f_3bcd);
/// -0x1.5555555555555p-2.
pub(super) const T0: f64 = f64::from_bits(0xbfd5_5555_5555_5555);
/// 0x1.1111111111111p-3.
pub(super) const T1: f64 = f64::from_bits(0x3fc1_1111_1111_1111);
/// -0x1.ba1ba1ba1ba1cp-5.
pub(super) const T2: f64 = f64::from_bits(0xbfab_a1ba_1ba1_ba1c);
/// 0x1.664f4882c10fap-6.
pub(super) const T3: f64 = f64::from_bits(0x3f96_64f4_882c_10fa);
/// 0x1.5555555555555p-3.
pub(super) const S0: f64 = f64::from_bits(0x3fc5_5555_5555_5555);
/// 0x1.1111111111111p-7.
pub(super) const S1: f64 = f64::from_bits(0x3f81_1111_1111_1111);
/// 0x1.a01a01a01a01ap-13.
pub(super) const S2: f64 = f64::from_bits(0x3f2a_01a0_1a01_a01a);
