//! The constants of section 11, converted by a script from the hexadecimal floats of the text to binary64 bits.

const fn b(bits: u64) -> f64 {
    f64::from_bits(bits)
}

pub(super) const EXPC: [f64; 12] = [
    b(0x3ff0_0000_0000_0000),
    b(0x3ff0_0000_0000_0000),
    b(0x3fe0_0000_0000_0000),
    b(0x3fc5_5555_5555_5555),
    b(0x3fa5_5555_5555_5555),
    b(0x3f81_1111_1111_1111),
    b(0x3f56_c16c_16c1_6c17),
    b(0x3f2a_01a0_1a01_a01a),
    b(0x3efa_01a0_1a01_a01a),
    b(0x3ec7_1de3_a556_c734),
    b(0x3e92_7e4f_b778_9f5c),
    b(0x3e5a_e645_67f5_44e4),
];
pub(super) const LOGC: [f64; 10] = [
    b(0x3ff0_0000_0000_0000),
    b(0x3fd5_5555_5555_5555),
    b(0x3fc9_9999_9999_999a),
    b(0x3fc2_4924_9249_2492),
    b(0x3fbc_71c7_1c71_c71c),
    b(0x3fb7_45d1_745d_1746),
    b(0x3fb3_b13b_13b1_3b14),
    b(0x3fb1_1111_1111_1111),
    b(0x3fae_1e1e_1e1e_1e1e),
    b(0x3faa_f286_bca1_af28),
];
pub(super) const ATNC: [f64; 16] = [
    b(0x3ff0_0000_0000_0000),
    b(0xbfd5_5555_5555_5555),
    b(0x3fc9_9999_9999_999a),
    b(0xbfc2_4924_9249_2492),
    b(0x3fbc_71c7_1c71_c71c),
    b(0xbfb7_45d1_745d_1746),
    b(0x3fb3_b13b_13b1_3b14),
    b(0xbfb1_1111_1111_1111),
    b(0x3fae_1e1e_1e1e_1e1e),
    b(0xbfaa_f286_bca1_af28),
    b(0x3fa8_6186_1861_8618),
    b(0xbfa6_42c8_590b_2164),
    b(0x3fa4_7ae1_47ae_147b),
    b(0xbfa2_f684_bda1_2f68),
    b(0x3fa1_a7b9_611a_7b96),
    b(0xbfa0_8421_0842_1084),
];
pub(super) const SINC: [f64; 8] = [
    b(0x3ff0_0000_0000_0000),
    b(0xbfc5_5555_5555_5555),
    b(0x3f81_1111_1111_1111),
    b(0xbf2a_01a0_1a01_a01a),
    b(0x3ec7_1de3_a556_c734),
    b(0xbe5a_e645_67f5_44e4),
    b(0x3de6_1246_13a8_6d09),
    b(0xbd6a_e7f3_e733_b81f),
];
pub(super) const COSC: [f64; 8] = [
    b(0x3ff0_0000_0000_0000),
    b(0xbfe0_0000_0000_0000),
    b(0x3fa5_5555_5555_5555),
    b(0xbf56_c16c_16c1_6c17),
    b(0x3efa_01a0_1a01_a01a),
    b(0xbe92_7e4f_b778_9f5c),
    b(0x3e21_eed8_eff8_d898),
    b(0xbda9_3974_a8c0_7c9d),
];
pub(super) const ERFC0: [f64; 15] = [
    b(0x3ff2_0dd7_5042_9b6d),
    b(0xbfd8_1274_6b03_79e7),
    b(0x3fbc_e2f2_1a04_2be2),
    b(0xbf9b_82ce_3128_8b51),
    b(0x3f75_65bc_d0e6_a53f),
    b(0xbf4c_02db_4004_0b86),
    b(0x3f1f_9a32_6f9b_89b7),
    b(0xbeef_4d25_c3e0_c2eb),
    b(0x3ebb_9e6c_9dc6_51a3),
    b(0xbe85_f742_ec43_e71a),
    b(0x3e4f_cc57_2062_4c1c),
    b(0xbe15_1d71_81c5_d36d),
    b(0x3dd9_e6ad_5e55_a730),
    b(0xbd9d_8453_cb0c_46ea),
    b(0x3d5f_683a_e4a9_7007),
];
pub(super) const ERFQ: [f64; 17] = [
    b(0x3ff3_ccda_0b5d_5f7e),
    b(0xbfc1_f367_683f_af94),
    b(0x3f6d_5f29_44b6_5dfb),
    b(0x3fb5_1016_9d2b_30d7),
    b(0xbfbb_da93_055b_0e9b),
    b(0x3fb7_a141_8358_80d7),
    b(0xbfae_0d10_2893_bd77),
    b(0x3f9d_0b01_b130_cc0e),
    b(0xbf83_f5f5_7da8_e5c2),
    b(0x3f5c_c2d3_e80a_d034),
    b(0x3f33_39cd_0469_04f5),
    b(0xbf32_f5b6_f5f8_aed9),
    b(0x3f0b_45aa_92bd_6532),
    b(0x3ef5_857e_b7a9_419c),
    b(0xbee6_b52f_9ffa_cb92),
    b(0x3ea3_e3ce_6eff_525f),
    b(0x3e99_5784_1036_dec0),
];
pub(super) const TPI: [u64; 4] =
    [0xa2f9_836e_4e44_1529, 0xfc27_57d1_f534_ddc0, 0xdb62_9599_3c43_9041, 0xfe51_63ab_debb_c561];
pub(super) const LOG2E: f64 = b(0x3ff7_1547_652b_82fe);
pub(super) const LN2H: f64 = b(0x3fe6_2e42_fefa_0000);
pub(super) const LN2L: f64 = b(0x3d7c_f79a_bc9e_3b3a);
pub(super) const TWOPI: f64 = b(0x3fe4_5f30_6dc9_c883);
pub(super) const P1: f64 = b(0x3ff9_21fb_5440_0000);
pub(super) const P2: f64 = b(0x3dd0_b461_1a60_0000);
pub(super) const P3: f64 = b(0x3ba3_198a_2e03_7073);
pub(super) const PIO2: f64 = b(0x3ff9_21fb_5444_2d18);
pub(super) const PIO4: f64 = b(0x3fe9_21fb_5444_2d18);
pub(super) const PI: f64 = b(0x4009_21fb_5444_2d18);
pub(super) const RSQRT2: f64 = b(0x3fe6_a09e_667f_3bcd);
pub(super) const GT0: f64 = b(0x3fe9_8845_33d4_3651);
pub(super) const GT1: f64 = b(0x3fa6_e4e2_6d48_01f7);
pub(super) const TAN8: f64 = b(0x3fda_8279_99fc_ef32);
pub(super) const SQRT2: f64 = b(0x3ff6_a09e_667f_3bcd);
pub(super) const T0: f64 = b(0xbfd5_5555_5555_5555);
pub(super) const T1: f64 = b(0x3fc1_1111_1111_1111);
pub(super) const T2: f64 = b(0xbfab_a1ba_1ba1_ba1c);
pub(super) const T3: f64 = b(0x3f96_64f4_882c_10fa);
pub(super) const S0: f64 = b(0x3fc5_5555_5555_5555);
pub(super) const S1: f64 = b(0x3f81_1111_1111_1111);
pub(super) const S2: f64 = b(0x3f2a_01a0_1a01_a01a);
