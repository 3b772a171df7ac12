.anpu 2
.config 0xdca470257f832576
.regions r1=5888 r2=1368 r3=1920
.const 00000040000000bf000080bf0000003f0000003f000000000000000000000000
.zero 32
.const 0000003f0000c0bf0000003f000000bf000000bf0000c0bf000080bf00000000
.zero 32
.const 0000003f0000c0bf000000bf0000803f0000003f0000803f0000000000000000
.zero 32
.const 0000803f000080bf000000400000803f000080bf000000000000c0bf00000000
.zero 32
.const 0000c0bf0000c0bf0000c03f0000003f000000400000003f0000c03f00000000
.zero 32
.const 000080bf0000003f000000c0000000bf0000c03f0000c0bf0000803f00000000
.zero 32
.const 000000000000c0bf0000c03f0000c03f0000c0bf000000c0000000c000000000
.zero 32
.const 000080bf0000803f0000003f000080bf0000c0bf0000c03f0000c0bf00000000
.zero 32
.const 000000c000000000000000400000c03f0000803f0000803f000000c000000000
.zero 32
.const 000000bf000000bf0000003f0000c03f000000c0000000bf000080bf00000000
.zero 416
.const 0000803e00000000000000000000000000000000000000000000000000000000
.zero 160
.const 00007f4300000000000000000000000000000000000000000000000000000000
.zero 38
.io in "x0" dtype=f32 dims=[8,6,7] region=R2 off=0x0
.io in "x1" dtype=f32 dims=[6] region=R2 off=0x540
.io out "y0" dtype=f32 dims=[8,6,10] region=R3 off=0x0
.debug @0 nodes=[0] pass="g0 MatMul_0" tile=[0] buffers=[0]
.debug @1 nodes=[0] pass="g0 MatMul_0" tile=[0] buffers=[1]
.debug @2 nodes=[0] pass="g0 MatMul_0" tile=[0] buffers=[0,1,2]
.debug @3 nodes=[0] pass="g0 MatMul_0" tile=[0] buffers=[2,3]
.debug @4 nodes=[0] pass="g0 MatMul_0" tile=[0] buffers=[3]
.debug @5 nodes=[0] pass="g0 MatMul_0" tile=[1] buffers=[0]
.debug @6 nodes=[0] pass="g0 MatMul_0" tile=[1] buffers=[0,1,2]
.debug @7 nodes=[0] pass="g0 MatMul_0" tile=[1] buffers=[2,3]
.debug @8 nodes=[0] pass="g0 MatMul_0" tile=[1] buffers=[3]
.debug @9 nodes=[1,2] pass="g1 Abs_1" tile=[0] buffers=[4]
.debug @10 nodes=[1,2] pass="g1 Abs_1" tile=[0] buffers=[5]
.debug @11 nodes=[1,2] pass="g1 Abs_1" tile=[0] buffers=[4,6]
.debug @12 nodes=[1,2] pass="g1 Abs_1" tile=[0] buffers=[6,5,7]
.debug @13 nodes=[1,2] pass="g1 Abs_1" tile=[0] buffers=[7]
.debug @14 nodes=[3] pass="g2 QuantizeLinear_3" tile=[0] buffers=[8]
.debug @15 nodes=[3] pass="g2 QuantizeLinear_3" tile=[0] buffers=[8]
.debug @16 nodes=[4,5] pass="g3 QuantizeLinear_3" tile=[0] buffers=[9]
.debug @17 nodes=[4,5] pass="g3 QuantizeLinear_3" tile=[0] buffers=[10]
.debug @18 nodes=[4,5] pass="g3 QuantizeLinear_3" tile=[0] buffers=[9,10,11]
.debug @19 nodes=[4,5] pass="g3 QuantizeLinear_3" tile=[0] buffers=[11,12]
.debug @20 nodes=[4,5] pass="g3 QuantizeLinear_3" tile=[0] buffers=[12]
.debug @21 nodes=[6] pass="g4 QuantizeLinear_3" tile=[0] buffers=[13]
.debug @22 nodes=[6] pass="g4 QuantizeLinear_3" tile=[0] buffers=[13,14]
.debug @23 nodes=[6] pass="g4 QuantizeLinear_3" tile=[0] buffers=[14]
.debug @24 nodes=[7,8,9,10] pass="g5 QuantizeLinear_3" tile=[0] buffers=[15]
.debug @25 nodes=[7,8,9,10] pass="g5 QuantizeLinear_3" tile=[0] buffers=[16]
.debug @26 nodes=[7,8,9,10] pass="g5 QuantizeLinear_3" tile=[0] buffers=[17]
.debug @27 nodes=[7,8,9,10] pass="g5 QuantizeLinear_3" tile=[0] buffers=[18]
.debug @28 nodes=[7,8,9,10] pass="g5 QuantizeLinear_3" tile=[0] buffers=[15,16,19]
.debug @29 nodes=[7,8,9,10] pass="g5 QuantizeLinear_3" tile=[0] buffers=[19,17,20]
.debug @30 nodes=[7,8,9,10] pass="g5 QuantizeLinear_3" tile=[0] buffers=[20,18,21]
.debug @31 nodes=[7,8,9,10] pass="g5 QuantizeLinear_3" tile=[0] buffers=[21,22]
.debug @32 nodes=[7,8,9,10] pass="g5 QuantizeLinear_3" tile=[0] buffers=[22,23]
.debug @33 nodes=[7,8,9,10] pass="g5 QuantizeLinear_3" tile=[0] buffers=[23]
.debug @34 nodes=[7,8,9,10] pass="g5 QuantizeLinear_3" tile=[1] buffers=[15]
.debug @35 nodes=[7,8,9,10] pass="g5 QuantizeLinear_3" tile=[1] buffers=[15,16,19]
.debug @36 nodes=[7,8,9,10] pass="g5 QuantizeLinear_3" tile=[1] buffers=[19,17,20]
.debug @37 nodes=[7,8,9,10] pass="g5 QuantizeLinear_3" tile=[1] buffers=[20,18,21]
.debug @38 nodes=[7,8,9,10] pass="g5 QuantizeLinear_3" tile=[1] buffers=[21,22]
.debug @39 nodes=[7,8,9,10] pass="g5 QuantizeLinear_3" tile=[1] buffers=[22,23]
.debug @40 nodes=[7,8,9,10] pass="g5 QuantizeLinear_3" tile=[1] buffers=[23]
.debug @41 nodes=[11] pass="g6 DequantizeLinear_4" tile=[0] buffers=[24]
.debug @42 nodes=[11] pass="g6 DequantizeLinear_4" tile=[0] buffers=[24,25]
.debug @43 nodes=[11] pass="g6 DequantizeLinear_4" tile=[0] buffers=[25]
.debug @44 nodes=[12,14] pass="g7 DequantizeLinear_4" tile=[0] buffers=[26]
.debug @45 nodes=[12,14] pass="g7 DequantizeLinear_4" tile=[0] buffers=[27]
.debug @46 nodes=[12,14] pass="g7 DequantizeLinear_4" tile=[0] buffers=[26,27,28]
.debug @47 nodes=[12,14] pass="g7 DequantizeLinear_4" tile=[0] buffers=[28,29]
.debug @48 nodes=[12,14] pass="g7 DequantizeLinear_4" tile=[0] buffers=[29]
.debug @49 nodes=[13] pass="g8 DequantizeLinear_4" tile=[0] buffers=[30]
.debug @50 nodes=[13] pass="g8 DequantizeLinear_4" tile=[0] buffers=[30]
.debug @51 nodes=[15] pass="g9 DequantizeLinear_4" tile=[0] buffers=[31]
.debug @52 nodes=[15] pass="g9 DequantizeLinear_4" tile=[0] buffers=[32]
.debug @53 nodes=[15] pass="g9 DequantizeLinear_4" tile=[0] buffers=[31,32,33]
.debug @54 nodes=[15] pass="g9 DequantizeLinear_4" tile=[0] buffers=[33]
@0 LDA.ld region=R2 esz=4 n=[168,1,1,1] ; sig s3
@1 LDW.ld loc=0x2a0 esz=4 n=[256,1,1,1] ; sig s8
@2 MX.conv in_sx=28 in_sc=64 w=0x2a0 oh=1 ow=24 ih=1 iw=24 cg=1 clast=7 ng=1 nlast=10 dtype=f32 ; wait s3,s8 sig s19,s15
@3 VX.ew a_mem=acc a_dt=f32 a_s=[1,16,0,0] d=0x6a0 d_dt=f32 d_s=[1,10,0,0] n=[10,24,1,1] ; wait s19 sig s22,s23
@4 ST.st region=R1 loc=0x6a0 esz=4 n=[240,1,1,1] ; wait s22 sig s14
@5 LDA.ld region=R2 off=0x2a0 esz=4 n=[168,1,1,1] ; wait s15 sig s3
@6 MX.conv in_sx=28 in_sc=64 w=0x2a0 oh=1 ow=24 ih=1 iw=24 cg=1 clast=7 ng=1 nlast=10 dtype=f32 ; wait s3,s23 sig s19,s15
@7 VX.ew a_mem=acc a_dt=f32 a_s=[1,16,0,0] d=0x6a0 d_dt=f32 d_s=[1,10,0,0] n=[10,24,1,1] ; wait s14,s19 sig s22
@8 ST.st region=R1 off=0x3c0 loc=0x6a0 esz=4 n=[240,1,1,1] ; wait s22
@9 LDA.ld region=R2 off=0x540 esz=4 n=[6,1,1,1] ; wait s15 sig s4
@10 LDA.ld off=0x400 loc=0x20 esz=4 n=[1,1,1,1] ; sig s4
@11 VX.ew fn=abs a_dt=f32 a_s=[1,0,0,0] d=0x30 d_dt=f32 d_s=[1,0,0,0] n=[6,1,1,1] ; wait s4
@12 VX.ew fn=add a=0x30 a_dt=f32 a_s=[1,0,0,0] b=0x20 b_dt=f32 d_dt=f32 d_s=[1,0,0,0] n=[6,1,1,1] ; wait s4 sig s22
@13 ST.st region=R1 off=0x780 esz=4 n=[6,1,1,1] ; wait s22 sig s10
@14 LDA.ld region=R1 off=0x780 esz=4 n=[6,1,1,1] ; wait s10 sig s2
@15 ST.st region=R1 off=0x7c0 esz=4 n=[6,1,1,1] ; wait s2 sig s10
@16 LDA.ld region=R1 esz=4 n=[480,1,1,1] ; wait s10
@17 LDA.ld region=R1 off=0x7c0 loc=0x780 esz=4 n=[6,1,1,1] ; sig s4
@18 VX.ew fn=div a_dt=f32 a_s=[1,10,60,0] b=0x780 b_dt=f32 b_s=[0,1,0,0] d=0x7a0 d_dt=f32 d_s=[1,10,60,0] n=[10,6,8,1] ; wait s4
@19 VX.ew fn=rint a=0x7a0 a_dt=f32 a_s=[1,0,0,0] d_dt=f32 d_s=[1,0,0,0] n=[480,1,1,1] ; sig s22
@20 ST.st region=R1 off=0x800 esz=4 n=[480,1,1,1] ; wait s22 sig s10
@21 LDA.ld off=0x440 n=[6,1,1,1] ; wait s10 sig s4
@22 VX.cvt a_dt=u8 a_s=[1,0,0,0] d=0x10 d_dt=f32 d_s=[1,0,0,0] n=[6,1,1,1] ; wait s4 sig s22
@23 ST.st region=R1 loc=0x10 esz=4 n=[6,1,1,1] ; wait s22 sig s10
@24 LDA.ld region=R1 off=0x800 esz=4 n=[240,1,1,1] ; wait s10
@25 LDA.ld region=R1 loc=0x3c0 esz=4 n=[6,1,1,1] ; sig s4
@26 LDA.ld off=0x480 loc=0x3e0 esz=4 n=[1,1,1,1] ; sig s4
@27 LDA.ld off=0x4c0 loc=0x3f0 esz=4 n=[1,1,1,1] ; sig s4
@28 VX.ew fn=add a_dt=f32 a_s=[1,10,60,0] b=0x3c0 b_dt=f32 b_s=[0,1,0,0] d=0x400 d_dt=f32 d_s=[1,10,60,0] n=[10,6,4,1] ; wait s4 sig s20
@29 VX.ew fn=max a=0x400 a_dt=f32 a_s=[1,0,0,0] b=0x3e0 b_dt=f32 d=0x7c0 d_dt=f32 d_s=[1,0,0,0] n=[240,1,1,1] ; wait s4
@30 VX.ew fn=min a=0x7c0 a_dt=f32 a_s=[1,0,0,0] b=0x3f0 b_dt=f32 d=0xb80 d_dt=f32 d_s=[1,0,0,0] n=[240,1,1,1] ; wait s4
@31 VX.cvt a=0xb80 a_dt=f32 a_s=[1,0,0,0] d=0xf40 d_dt=u8 d_s=[1,0,0,0] n=[240,1,1,1] rm=zero
@32 VX.cvt a=0xf40 a_dt=u8 a_s=[1,0,0,0] d=0x1030 d_dt=s32 d_s=[1,0,0,0] n=[240,1,1,1] ; sig s22
@33 ST.st region=R1 off=0xf80 loc=0x1030 esz=4 n=[240,1,1,1] ; wait s22 sig s14
@34 LDA.ld region=R1 off=0xbc0 esz=4 n=[240,1,1,1] ; wait s20 sig s4
@35 VX.ew fn=add a_dt=f32 a_s=[1,10,60,0] b=0x3c0 b_dt=f32 b_s=[0,1,0,0] d=0x400 d_dt=f32 d_s=[1,10,60,0] n=[10,6,4,1] ; wait s4 sig s20
@36 VX.ew fn=max a=0x400 a_dt=f32 a_s=[1,0,0,0] b=0x3e0 b_dt=f32 d=0x7c0 d_dt=f32 d_s=[1,0,0,0] n=[240,1,1,1]
@37 VX.ew fn=min a=0x7c0 a_dt=f32 a_s=[1,0,0,0] b=0x3f0 b_dt=f32 d=0xb80 d_dt=f32 d_s=[1,0,0,0] n=[240,1,1,1]
@38 VX.cvt a=0xb80 a_dt=f32 a_s=[1,0,0,0] d=0xf40 d_dt=u8 d_s=[1,0,0,0] n=[240,1,1,1] rm=zero
@39 VX.cvt a=0xf40 a_dt=u8 a_s=[1,0,0,0] d=0x1030 d_dt=s32 d_s=[1,0,0,0] n=[240,1,1,1] ; wait s14 sig s22
@40 ST.st region=R1 off=0x1340 loc=0x1030 esz=4 n=[240,1,1,1] ; wait s22
@41 LDA.ld off=0x500 n=[6,1,1,1] ; wait s20 sig s4
@42 VX.cvt a_dt=u8 a_s=[1,0,0,0] d=0x10 d_dt=s32 d_s=[1,0,0,0] n=[6,1,1,1] ; wait s4 sig s22
@43 ST.st region=R1 loc=0x10 esz=4 n=[6,1,1,1] ; wait s22 sig s10
@44 LDA.ld region=R1 off=0xf80 esz=4 n=[480,1,1,1] ; wait s10
@45 LDA.ld region=R1 loc=0x780 esz=4 n=[6,1,1,1] ; sig s4
@46 VX.ew fn=sub a_dt=s32 a_s=[1,10,60,0] b=0x780 b_dt=s32 b_s=[0,1,0,0] d=0x7a0 d_dt=s32 d_s=[1,10,60,0] n=[10,6,8,1] ; wait s4
@47 VX.cvt a=0x7a0 a_dt=s32 a_s=[1,0,0,0] d_dt=f32 d_s=[1,0,0,0] n=[480,1,1,1] ; sig s22
@48 ST.st region=R1 off=0x7c0 esz=4 n=[480,1,1,1] ; wait s22 sig s10
@49 LDA.ld region=R1 off=0x780 esz=4 n=[6,1,1,1] ; wait s10 sig s2
@50 ST.st region=R1 esz=4 n=[6,1,1,1] ; wait s2 sig s10
@51 LDA.ld region=R1 off=0x7c0 esz=4 n=[480,1,1,1] ; wait s10
@52 LDA.ld region=R1 loc=0x780 esz=4 n=[6,1,1,1] ; sig s4
@53 VX.ew fn=mul a_dt=f32 a_s=[1,10,60,0] b=0x780 b_dt=f32 b_s=[0,1,0,0] d=0x7a0 d_dt=f32 d_s=[1,10,60,0] n=[10,6,8,1] ; wait s4 sig s22
@54 ST.st region=R3 loc=0x7a0 esz=4 n=[480,1,1,1] ; wait s22
@55 VX.halt
