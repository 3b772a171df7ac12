.anpu 2
.config 0xdca470257f832576
.regions r1=3840 r2=3920 r3=3840
.zero 64
.const 0000c04000000000000000000000000000000000000000000000000000000000
.zero 32
.const 3ba5d83e24fd0abf000000000000000000000000000000000000000000000000
.zero 32
.const ad27063fab7b2e3f000000000000000000000000000000000000000000000000
.zero 928
.const d0f8fd3dfd2d10c0000000000000000000000000000000000000000000000000
.zero 32
.const 4410c0bf1668bfbf000000000000000000000000000000000000000000000000
.zero 928
.const 03baacbd9f544540000000000000000000000000000000000000000000000000
.zero 32
.const ebebaebe0783aebe000000000000000000000000000000000000000000000000
.zero 928
.const 3627d03dcee12c3d000000000000000000000000000000000000000000000000
.zero 32
.const fb3f8fbf57be0abe000000000000000000000000000000000000000000000000
.zero 928
.const 6763f13f8b86b03d000000000000000000000000000000000000000000000000
.zero 32
.const 154aaa3f86f6dcbe000000000000000000000000000000000000000000000000
.zero 928
.const ac80043f2e2d85bf000000000000000000000000000000000000000000000000
.zero 32
.const 86cac73f4e97b9be000000000000000000000000000000000000000000000000
.zero 928
.const a8c30ebf6b0b7b3d000000000000000000000000000000000000000000000000
.zero 32
.const 8bc002bf6339263f000000000000000000000000000000000000000000000000
.zero 928
.const 438ea7bf4c56cabe000000000000000000000000000000000000000000000000
.zero 32
.const ad08f33e72b978bf000000000000000000000000000000000000000000000000
.zero 928
.const 23ed963f4f60263b000000000000000000000000000000000000000000000000
.zero 32
.const d460d3be418a24be000000000000000000000000000000000000000000000000
.zero 928
.const f5142abf8f2275bf000000000000000000000000000000000000000000000000
.zero 32
.const 6000703f096d05c0000000000000000000000000000000000000000000000000
.zero 928
.const 085b6cbe7031c6be000000000000000000000000000000000000000000000000
.zero 32
.const 090ef33e66bfb03f000000000000000000000000000000000000000000000000
.zero 928
.const 0d600cbf0639bf3f000000000000000000000000000000000000000000000000
.zero 32
.const 1844a9bfe28af0bd000000000000000000000000000000000000000000000000
.zero 928
.const 789a13bf303ee93f000000000000000000000000000000000000000000000000
.zero 32
.const 31d6bf3e4fb9b03f000000000000000000000000000000000000000000000000
.zero 928
.const 1ba5103f665b37c0000000000000000000000000000000000000000000000000
.zero 32
.const 5aedc63e7fe4963f000000000000000000000000000000000000000000000000
.zero 928
.const 1eb8a3be5fef113f000000000000000000000000000000000000000000000000
.zero 32
.const 15dd123f1a1a013f000000000000000000000000000000000000000000000000
.zero 928
.const e5f9833ec8b843bf000000000000000000000000000000000000000000000000
.zero 32
.const c209d1bf8d381f3e000000000000000000000000000000000000000000000000
.zero 928
.const b81fdabf76939dbf000000000000000000000000000000000000000000000000
.zero 32
.const b64c183f9553913f000000000000000000000000000000000000000000000000
.zero 928
.const 1686a33f17460c40000000000000000000000000000000000000000000000000
.zero 32
.const 29fd5abf88f5dcbc000000000000000000000000000000000000000000000000
.zero 928
.const e799ab3ede84333f000000000000000000000000000000000000000000000000
.zero 32
.const 508f153f7270d4bf000000000000000000000000000000000000000000000000
.zero 928
.const 3bbb68bf3a3191bf000000000000000000000000000000000000000000000000
.zero 32
.const 4e8bf23f9669b5bf000000000000000000000000000000000000000000000000
.zero 928
.const 08cd503fcec5c8bd000000000000000000000000000000000000000000000000
.zero 32
.const 2c65f1be6c43f7bf000000000000000000000000000000000000000000000000
.zero 928
.const 4a5dd93ff33d15c0000000000000000000000000000000000000000000000000
.zero 32
.const 6d61fa3d7bbcaebe000000000000000000000000000000000000000000000000
.zero 928
.const 8bfe29be7ba3623e000000000000000000000000000000000000000000000000
.zero 32
.const 54c23dbcfa799cbd000000000000000000000000000000000000000000000000
.zero 928
.const c1afedbfcd7968bf000000000000000000000000000000000000000000000000
.zero 32
.const 853a93be126871bd000000000000000000000000000000000000000000000000
.zero 928
.const abaa2a3e00000000000000000000000000000000000000000000000000000000
.zero 32
.const 0000003f00000000000000000000000000000000000000000000000000000000
.zero 96
.const 0000803f
.io in "x0" dtype=f32 dims=[1,24,10,2] region=R2 off=0x0
.io in "x1" dtype=f32 dims=[1,4,25,5] region=R2 off=0x780
.io out "y0" dtype=f32 dims=[1,24,10,2] region=R3 off=0x0
.io out "y1" dtype=f32 dims=[1,24,10,2] region=R3 off=0x780
.debug @0 nodes=[0] pass="g0 Tanh_0" tile=[0] buffers=[0]
.debug @1 nodes=[0] pass="g0 Tanh_0" tile=[0] buffers=[0,1]
.debug @2 nodes=[0] pass="g0 Tanh_0" tile=[0] buffers=[1]
.debug @3 nodes=[1] pass="g1 Clip_1" tile=[0] buffers=[2]
.debug @4 nodes=[1] pass="g1 Clip_1" tile=[0] buffers=[3]
.debug @5 nodes=[1] pass="g1 Clip_1" tile=[0] buffers=[4]
.debug @6 nodes=[1] pass="g1 Clip_1" tile=[0] buffers=[2,3,5]
.debug @7 nodes=[1] pass="g1 Clip_1" tile=[0] buffers=[5,4,6]
.debug @8 nodes=[1] pass="g1 Clip_1" tile=[0] buffers=[6]
.debug @9 nodes=[2] pass="g2 MatMul_2" tile=[0] buffers=[7]
.debug @10 nodes=[2] pass="g2 MatMul_2" tile=[0] buffers=[8]
.debug @11 nodes=[2] pass="g2 MatMul_2" tile=[0] buffers=[7,8,9]
.debug @12 nodes=[2] pass="g2 MatMul_2" tile=[0] buffers=[9,10]
.debug @13 nodes=[2] pass="g2 MatMul_2" tile=[0] buffers=[10]
.debug @14 nodes=[2] pass="g2 MatMul_2" tile=[1] buffers=[7]
.debug @16 nodes=[2] pass="g2 MatMul_2" tile=[1] buffers=[8]
.debug @18 nodes=[2] pass="g2 MatMul_2" tile=[1] buffers=[7,8,9]
.debug @19 nodes=[2] pass="g2 MatMul_2" tile=[1] buffers=[9,10]
.debug @20 nodes=[2] pass="g2 MatMul_2" tile=[1] buffers=[10]
.debug @21 nodes=[2] pass="g2 MatMul_2" tile=[2] buffers=[7]
.debug @23 nodes=[2] pass="g2 MatMul_2" tile=[2] buffers=[8]
.debug @25 nodes=[2] pass="g2 MatMul_2" tile=[2] buffers=[7,8,9]
.debug @26 nodes=[2] pass="g2 MatMul_2" tile=[2] buffers=[9,10]
.debug @27 nodes=[2] pass="g2 MatMul_2" tile=[2] buffers=[10]
.debug @28 nodes=[2] pass="g2 MatMul_2" tile=[3] buffers=[7]
.debug @30 nodes=[2] pass="g2 MatMul_2" tile=[3] buffers=[8]
.debug @32 nodes=[2] pass="g2 MatMul_2" tile=[3] buffers=[7,8,9]
.debug @33 nodes=[2] pass="g2 MatMul_2" tile=[3] buffers=[9,10]
.debug @34 nodes=[2] pass="g2 MatMul_2" tile=[3] buffers=[10]
.debug @35 nodes=[2] pass="g2 MatMul_2" tile=[4] buffers=[7]
.debug @37 nodes=[2] pass="g2 MatMul_2" tile=[4] buffers=[8]
.debug @39 nodes=[2] pass="g2 MatMul_2" tile=[4] buffers=[7,8,9]
.debug @40 nodes=[2] pass="g2 MatMul_2" tile=[4] buffers=[9,10]
.debug @41 nodes=[2] pass="g2 MatMul_2" tile=[4] buffers=[10]
.debug @42 nodes=[2] pass="g2 MatMul_2" tile=[5] buffers=[7]
.debug @44 nodes=[2] pass="g2 MatMul_2" tile=[5] buffers=[8]
.debug @46 nodes=[2] pass="g2 MatMul_2" tile=[5] buffers=[7,8,9]
.debug @47 nodes=[2] pass="g2 MatMul_2" tile=[5] buffers=[9,10]
.debug @48 nodes=[2] pass="g2 MatMul_2" tile=[5] buffers=[10]
.debug @49 nodes=[2] pass="g2 MatMul_2" tile=[6] buffers=[7]
.debug @51 nodes=[2] pass="g2 MatMul_2" tile=[6] buffers=[8]
.debug @53 nodes=[2] pass="g2 MatMul_2" tile=[6] buffers=[7,8,9]
.debug @54 nodes=[2] pass="g2 MatMul_2" tile=[6] buffers=[9,10]
.debug @55 nodes=[2] pass="g2 MatMul_2" tile=[6] buffers=[10]
.debug @56 nodes=[2] pass="g2 MatMul_2" tile=[7] buffers=[7]
.debug @58 nodes=[2] pass="g2 MatMul_2" tile=[7] buffers=[8]
.debug @60 nodes=[2] pass="g2 MatMul_2" tile=[7] buffers=[7,8,9]
.debug @61 nodes=[2] pass="g2 MatMul_2" tile=[7] buffers=[9,10]
.debug @62 nodes=[2] pass="g2 MatMul_2" tile=[7] buffers=[10]
.debug @63 nodes=[2] pass="g2 MatMul_2" tile=[8] buffers=[7]
.debug @65 nodes=[2] pass="g2 MatMul_2" tile=[8] buffers=[8]
.debug @67 nodes=[2] pass="g2 MatMul_2" tile=[8] buffers=[7,8,9]
.debug @68 nodes=[2] pass="g2 MatMul_2" tile=[8] buffers=[9,10]
.debug @69 nodes=[2] pass="g2 MatMul_2" tile=[8] buffers=[10]
.debug @70 nodes=[2] pass="g2 MatMul_2" tile=[9] buffers=[7]
.debug @72 nodes=[2] pass="g2 MatMul_2" tile=[9] buffers=[8]
.debug @74 nodes=[2] pass="g2 MatMul_2" tile=[9] buffers=[7,8,9]
.debug @75 nodes=[2] pass="g2 MatMul_2" tile=[9] buffers=[9,10]
.debug @76 nodes=[2] pass="g2 MatMul_2" tile=[9] buffers=[10]
.debug @77 nodes=[2] pass="g2 MatMul_2" tile=[10] buffers=[7]
.debug @79 nodes=[2] pass="g2 MatMul_2" tile=[10] buffers=[8]
.debug @81 nodes=[2] pass="g2 MatMul_2" tile=[10] buffers=[7,8,9]
.debug @82 nodes=[2] pass="g2 MatMul_2" tile=[10] buffers=[9,10]
.debug @83 nodes=[2] pass="g2 MatMul_2" tile=[10] buffers=[10]
.debug @84 nodes=[2] pass="g2 MatMul_2" tile=[11] buffers=[7]
.debug @86 nodes=[2] pass="g2 MatMul_2" tile=[11] buffers=[8]
.debug @88 nodes=[2] pass="g2 MatMul_2" tile=[11] buffers=[7,8,9]
.debug @89 nodes=[2] pass="g2 MatMul_2" tile=[11] buffers=[9,10]
.debug @90 nodes=[2] pass="g2 MatMul_2" tile=[11] buffers=[10]
.debug @91 nodes=[2] pass="g2 MatMul_2" tile=[12] buffers=[7]
.debug @93 nodes=[2] pass="g2 MatMul_2" tile=[12] buffers=[8]
.debug @95 nodes=[2] pass="g2 MatMul_2" tile=[12] buffers=[7,8,9]
.debug @96 nodes=[2] pass="g2 MatMul_2" tile=[12] buffers=[9,10]
.debug @97 nodes=[2] pass="g2 MatMul_2" tile=[12] buffers=[10]
.debug @98 nodes=[2] pass="g2 MatMul_2" tile=[13] buffers=[7]
.debug @100 nodes=[2] pass="g2 MatMul_2" tile=[13] buffers=[8]
.debug @102 nodes=[2] pass="g2 MatMul_2" tile=[13] buffers=[7,8,9]
.debug @103 nodes=[2] pass="g2 MatMul_2" tile=[13] buffers=[9,10]
.debug @104 nodes=[2] pass="g2 MatMul_2" tile=[13] buffers=[10]
.debug @105 nodes=[2] pass="g2 MatMul_2" tile=[14] buffers=[7]
.debug @107 nodes=[2] pass="g2 MatMul_2" tile=[14] buffers=[8]
.debug @109 nodes=[2] pass="g2 MatMul_2" tile=[14] buffers=[7,8,9]
.debug @110 nodes=[2] pass="g2 MatMul_2" tile=[14] buffers=[9,10]
.debug @111 nodes=[2] pass="g2 MatMul_2" tile=[14] buffers=[10]
.debug @112 nodes=[2] pass="g2 MatMul_2" tile=[15] buffers=[7]
.debug @114 nodes=[2] pass="g2 MatMul_2" tile=[15] buffers=[8]
.debug @116 nodes=[2] pass="g2 MatMul_2" tile=[15] buffers=[7,8,9]
.debug @117 nodes=[2] pass="g2 MatMul_2" tile=[15] buffers=[9,10]
.debug @118 nodes=[2] pass="g2 MatMul_2" tile=[15] buffers=[10]
.debug @119 nodes=[2] pass="g2 MatMul_2" tile=[16] buffers=[7]
.debug @121 nodes=[2] pass="g2 MatMul_2" tile=[16] buffers=[8]
.debug @123 nodes=[2] pass="g2 MatMul_2" tile=[16] buffers=[7,8,9]
.debug @124 nodes=[2] pass="g2 MatMul_2" tile=[16] buffers=[9,10]
.debug @125 nodes=[2] pass="g2 MatMul_2" tile=[16] buffers=[10]
.debug @126 nodes=[2] pass="g2 MatMul_2" tile=[17] buffers=[7]
.debug @128 nodes=[2] pass="g2 MatMul_2" tile=[17] buffers=[8]
.debug @130 nodes=[2] pass="g2 MatMul_2" tile=[17] buffers=[7,8,9]
.debug @131 nodes=[2] pass="g2 MatMul_2" tile=[17] buffers=[9,10]
.debug @132 nodes=[2] pass="g2 MatMul_2" tile=[17] buffers=[10]
.debug @133 nodes=[2] pass="g2 MatMul_2" tile=[18] buffers=[7]
.debug @135 nodes=[2] pass="g2 MatMul_2" tile=[18] buffers=[8]
.debug @137 nodes=[2] pass="g2 MatMul_2" tile=[18] buffers=[7,8,9]
.debug @138 nodes=[2] pass="g2 MatMul_2" tile=[18] buffers=[9,10]
.debug @139 nodes=[2] pass="g2 MatMul_2" tile=[18] buffers=[10]
.debug @140 nodes=[2] pass="g2 MatMul_2" tile=[19] buffers=[7]
.debug @142 nodes=[2] pass="g2 MatMul_2" tile=[19] buffers=[8]
.debug @144 nodes=[2] pass="g2 MatMul_2" tile=[19] buffers=[7,8,9]
.debug @145 nodes=[2] pass="g2 MatMul_2" tile=[19] buffers=[9,10]
.debug @146 nodes=[2] pass="g2 MatMul_2" tile=[19] buffers=[10]
.debug @147 nodes=[2] pass="g2 MatMul_2" tile=[20] buffers=[7]
.debug @149 nodes=[2] pass="g2 MatMul_2" tile=[20] buffers=[8]
.debug @151 nodes=[2] pass="g2 MatMul_2" tile=[20] buffers=[7,8,9]
.debug @152 nodes=[2] pass="g2 MatMul_2" tile=[20] buffers=[9,10]
.debug @153 nodes=[2] pass="g2 MatMul_2" tile=[20] buffers=[10]
.debug @154 nodes=[2] pass="g2 MatMul_2" tile=[21] buffers=[7]
.debug @156 nodes=[2] pass="g2 MatMul_2" tile=[21] buffers=[8]
.debug @158 nodes=[2] pass="g2 MatMul_2" tile=[21] buffers=[7,8,9]
.debug @159 nodes=[2] pass="g2 MatMul_2" tile=[21] buffers=[9,10]
.debug @160 nodes=[2] pass="g2 MatMul_2" tile=[21] buffers=[10]
.debug @161 nodes=[2] pass="g2 MatMul_2" tile=[22] buffers=[7]
.debug @163 nodes=[2] pass="g2 MatMul_2" tile=[22] buffers=[8]
.debug @165 nodes=[2] pass="g2 MatMul_2" tile=[22] buffers=[7,8,9]
.debug @166 nodes=[2] pass="g2 MatMul_2" tile=[22] buffers=[9,10]
.debug @167 nodes=[2] pass="g2 MatMul_2" tile=[22] buffers=[10]
.debug @168 nodes=[2] pass="g2 MatMul_2" tile=[23] buffers=[7]
.debug @170 nodes=[2] pass="g2 MatMul_2" tile=[23] buffers=[8]
.debug @172 nodes=[2] pass="g2 MatMul_2" tile=[23] buffers=[7,8,9]
.debug @173 nodes=[2] pass="g2 MatMul_2" tile=[23] buffers=[9,10]
.debug @174 nodes=[2] pass="g2 MatMul_2" tile=[23] buffers=[10]
.debug @175 nodes=[3,4,5,6] pass="g3 HardSwish_3" tile=[0] buffers=[11]
.debug @176 nodes=[3,4,5,6] pass="g3 HardSwish_3" tile=[0] buffers=[12]
.debug @177 nodes=[3,4,5,6] pass="g3 HardSwish_3" tile=[0] buffers=[13]
.debug @178 nodes=[3,4,5,6] pass="g3 HardSwish_3" tile=[0] buffers=[14]
.debug @179 nodes=[3,4,5,6] pass="g3 HardSwish_3" tile=[0] buffers=[15]
.debug @180 nodes=[3,4,5,6] pass="g3 HardSwish_3" tile=[0] buffers=[11,12,16]
.debug @181 nodes=[3,4,5,6] pass="g3 HardSwish_3" tile=[0] buffers=[16,13,17]
.debug @182 nodes=[3,4,5,6] pass="g3 HardSwish_3" tile=[0] buffers=[17,14,18]
.debug @183 nodes=[3,4,5,6] pass="g3 HardSwish_3" tile=[0] buffers=[18,15,19]
.debug @184 nodes=[3,4,5,6] pass="g3 HardSwish_3" tile=[0] buffers=[11,19,20]
.debug @185 nodes=[3,4,5,6] pass="g3 HardSwish_3" tile=[0] buffers=[20]
.debug @186 nodes=[3,4,5,6] pass="g3 HardSwish_3" tile=[1] buffers=[11]
.debug @187 nodes=[3,4,5,6] pass="g3 HardSwish_3" tile=[1] buffers=[11,12,16]
.debug @188 nodes=[3,4,5,6] pass="g3 HardSwish_3" tile=[1] buffers=[16,13,17]
.debug @189 nodes=[3,4,5,6] pass="g3 HardSwish_3" tile=[1] buffers=[17,14,18]
.debug @190 nodes=[3,4,5,6] pass="g3 HardSwish_3" tile=[1] buffers=[18,15,19]
.debug @191 nodes=[3,4,5,6] pass="g3 HardSwish_3" tile=[1] buffers=[11,19,20]
.debug @192 nodes=[3,4,5,6] pass="g3 HardSwish_3" tile=[1] buffers=[20]
@0 LDA.ld region=R2 esz=4 n=[480,1,1,1] ; sig s4
@1 VX.ew fn=tanh a_dt=f32 a_s=[1,0,0,0] d=0x780 d_dt=f32 d_s=[1,0,0,0] n=[480,1,1,1] ; wait s4 sig s22,s20
@2 ST.st region=R1 loc=0x780 esz=4 n=[480,1,1,1] ; wait s22 sig s10
@3 LDA.ld region=R2 esz=4 n=[480,1,1,1] ; wait s20
@4 LDA.ld loc=0x780 esz=4 n=[1,1,1,1] ; wait s10 sig s4
@5 LDA.ld off=0x40 loc=0x790 esz=4 n=[1,1,1,1] ; sig s4
@6 VX.ew fn=max a_dt=f32 a_s=[1,0,0,0] b=0x780 b_dt=f32 d=0x7a0 d_dt=f32 d_s=[1,0,0,0] n=[480,1,1,1] ; wait s4
@7 VX.ew fn=min a=0x7a0 a_dt=f32 a_s=[1,0,0,0] b=0x790 b_dt=f32 d_dt=f32 d_s=[1,0,0,0] n=[480,1,1,1] ; wait s4 sig s22
@8 ST.st region=R1 off=0x780 esz=4 n=[480,1,1,1] ; wait s22 sig s10,s11
@9 LDA.ld region=R1 esz=4 n=[20,1,1,1] ; wait s10 sig s3
@10 LDW.ld off=0x80 loc=0x50 esz=4 n=[256,1,1,1] ; wait s11 sig s8
@11 MX.conv in_sx=8 in_sc=64 w=0x50 oh=1 ow=10 ih=1 iw=10 cg=1 clast=2 ng=1 nlast=2 dtype=f32 ; wait s3,s8 sig s19,s15
@12 VX.ew a_mem=acc a_dt=f32 a_s=[1,16,0,0] d=0x450 d_dt=f32 d_s=[1,2,0,0] n=[2,10,1,1] ; wait s19 sig s22,s23
@13 ST.st region=R3 loc=0x450 esz=4 n=[20,1,1,1] ; wait s22 sig s14
@14 LDA.ld region=R1 off=0x50 esz=4 n=[20,1,1,1] ; wait s15 sig s3
@15 MX.nop ; sig s16
@16 LDW.ld off=0x480 loc=0x50 esz=4 n=[256,1,1,1] ; wait s16 sig s8
@17 MX.nop ; wait s3,s8
@18 MX.conv in_sx=8 in_sc=64 w=0x50 oh=1 ow=10 ih=1 iw=10 cg=1 clast=2 ng=1 nlast=2 dtype=f32 ; wait s23 sig s19,s15
@19 VX.ew a_mem=acc a_dt=f32 a_s=[1,16,0,0] d=0x450 d_dt=f32 d_s=[1,2,0,0] n=[2,10,1,1] ; wait s14,s19 sig s22,s23
@20 ST.st region=R3 off=0x50 loc=0x450 esz=4 n=[20,1,1,1] ; wait s22 sig s14
@21 LDA.ld region=R1 off=0xa0 esz=4 n=[20,1,1,1] ; wait s15 sig s3
@22 MX.nop ; sig s16
@23 LDW.ld off=0x880 loc=0x50 esz=4 n=[256,1,1,1] ; wait s16 sig s8
@24 MX.nop ; wait s3,s8
@25 MX.conv in_sx=8 in_sc=64 w=0x50 oh=1 ow=10 ih=1 iw=10 cg=1 clast=2 ng=1 nlast=2 dtype=f32 ; wait s23 sig s19,s15
@26 VX.ew a_mem=acc a_dt=f32 a_s=[1,16,0,0] d=0x450 d_dt=f32 d_s=[1,2,0,0] n=[2,10,1,1] ; wait s14,s19 sig s22,s23
@27 ST.st region=R3 off=0xa0 loc=0x450 esz=4 n=[20,1,1,1] ; wait s22 sig s14
@28 LDA.ld region=R1 off=0xf0 esz=4 n=[20,1,1,1] ; wait s15 sig s3
@29 MX.nop ; sig s16
@30 LDW.ld off=0xc80 loc=0x50 esz=4 n=[256,1,1,1] ; wait s16 sig s8
@31 MX.nop ; wait s3,s8
@32 MX.conv in_sx=8 in_sc=64 w=0x50 oh=1 ow=10 ih=1 iw=10 cg=1 clast=2 ng=1 nlast=2 dtype=f32 ; wait s23 sig s19,s15
@33 VX.ew a_mem=acc a_dt=f32 a_s=[1,16,0,0] d=0x450 d_dt=f32 d_s=[1,2,0,0] n=[2,10,1,1] ; wait s14,s19 sig s22,s23
@34 ST.st region=R3 off=0xf0 loc=0x450 esz=4 n=[20,1,1,1] ; wait s22 sig s14
@35 LDA.ld region=R1 off=0x140 esz=4 n=[20,1,1,1] ; wait s15 sig s3
@36 MX.nop ; sig s16
@37 LDW.ld off=0x1080 loc=0x50 esz=4 n=[256,1,1,1] ; wait s16 sig s8
@38 MX.nop ; wait s3,s8
@39 MX.conv in_sx=8 in_sc=64 w=0x50 oh=1 ow=10 ih=1 iw=10 cg=1 clast=2 ng=1 nlast=2 dtype=f32 ; wait s23 sig s19,s15
@40 VX.ew a_mem=acc a_dt=f32 a_s=[1,16,0,0] d=0x450 d_dt=f32 d_s=[1,2,0,0] n=[2,10,1,1] ; wait s14,s19 sig s22,s23
@41 ST.st region=R3 off=0x140 loc=0x450 esz=4 n=[20,1,1,1] ; wait s22 sig s14
@42 LDA.ld region=R1 off=0x190 esz=4 n=[20,1,1,1] ; wait s15 sig s3
@43 MX.nop ; sig s16
@44 LDW.ld off=0x1480 loc=0x50 esz=4 n=[256,1,1,1] ; wait s16 sig s8
@45 MX.nop ; wait s3,s8
@46 MX.conv in_sx=8 in_sc=64 w=0x50 oh=1 ow=10 ih=1 iw=10 cg=1 clast=2 ng=1 nlast=2 dtype=f32 ; wait s23 sig s19,s15
@47 VX.ew a_mem=acc a_dt=f32 a_s=[1,16,0,0] d=0x450 d_dt=f32 d_s=[1,2,0,0] n=[2,10,1,1] ; wait s14,s19 sig s22,s23
@48 ST.st region=R3 off=0x190 loc=0x450 esz=4 n=[20,1,1,1] ; wait s22 sig s14
@49 LDA.ld region=R1 off=0x1e0 esz=4 n=[20,1,1,1] ; wait s15 sig s3
@50 MX.nop ; sig s16
@51 LDW.ld off=0x1880 loc=0x50 esz=4 n=[256,1,1,1] ; wait s16 sig s8
@52 MX.nop ; wait s3,s8
@53 MX.conv in_sx=8 in_sc=64 w=0x50 oh=1 ow=10 ih=1 iw=10 cg=1 clast=2 ng=1 nlast=2 dtype=f32 ; wait s23 sig s19,s15
@54 VX.ew a_mem=acc a_dt=f32 a_s=[1,16,0,0] d=0x450 d_dt=f32 d_s=[1,2,0,0] n=[2,10,1,1] ; wait s14,s19 sig s22,s23
@55 ST.st region=R3 off=0x1e0 loc=0x450 esz=4 n=[20,1,1,1] ; wait s22 sig s14
@56 LDA.ld region=R1 off=0x230 esz=4 n=[20,1,1,1] ; wait s15 sig s3
@57 MX.nop ; sig s16
@58 LDW.ld off=0x1c80 loc=0x50 esz=4 n=[256,1,1,1] ; wait s16 sig s8
@59 MX.nop ; wait s3,s8
@60 MX.conv in_sx=8 in_sc=64 w=0x50 oh=1 ow=10 ih=1 iw=10 cg=1 clast=2 ng=1 nlast=2 dtype=f32 ; wait s23 sig s19,s15
@61 VX.ew a_mem=acc a_dt=f32 a_s=[1,16,0,0] d=0x450 d_dt=f32 d_s=[1,2,0,0] n=[2,10,1,1] ; wait s14,s19 sig s22,s23
@62 ST.st region=R3 off=0x230 loc=0x450 esz=4 n=[20,1,1,1] ; wait s22 sig s14
@63 LDA.ld region=R1 off=0x280 esz=4 n=[20,1,1,1] ; wait s15 sig s3
@64 MX.nop ; sig s16
@65 LDW.ld off=0x2080 loc=0x50 esz=4 n=[256,1,1,1] ; wait s16 sig s8
@66 MX.nop ; wait s3,s8
@67 MX.conv in_sx=8 in_sc=64 w=0x50 oh=1 ow=10 ih=1 iw=10 cg=1 clast=2 ng=1 nlast=2 dtype=f32 ; wait s23 sig s19,s15
@68 VX.ew a_mem=acc a_dt=f32 a_s=[1,16,0,0] d=0x450 d_dt=f32 d_s=[1,2,0,0] n=[2,10,1,1] ; wait s14,s19 sig s22,s23
@69 ST.st region=R3 off=0x280 loc=0x450 esz=4 n=[20,1,1,1] ; wait s22 sig s14
@70 LDA.ld region=R1 off=0x2d0 esz=4 n=[20,1,1,1] ; wait s15 sig s3
@71 MX.nop ; sig s16
@72 LDW.ld off=0x2480 loc=0x50 esz=4 n=[256,1,1,1] ; wait s16 sig s8
@73 MX.nop ; wait s3,s8
@74 MX.conv in_sx=8 in_sc=64 w=0x50 oh=1 ow=10 ih=1 iw=10 cg=1 clast=2 ng=1 nlast=2 dtype=f32 ; wait s23 sig s19,s15
@75 VX.ew a_mem=acc a_dt=f32 a_s=[1,16,0,0] d=0x450 d_dt=f32 d_s=[1,2,0,0] n=[2,10,1,1] ; wait s14,s19 sig s22,s23
@76 ST.st region=R3 off=0x2d0 loc=0x450 esz=4 n=[20,1,1,1] ; wait s22 sig s14
@77 LDA.ld region=R1 off=0x320 esz=4 n=[20,1,1,1] ; wait s15 sig s3
@78 MX.nop ; sig s16
@79 LDW.ld off=0x2880 loc=0x50 esz=4 n=[256,1,1,1] ; wait s16 sig s8
@80 MX.nop ; wait s3,s8
@81 MX.conv in_sx=8 in_sc=64 w=0x50 oh=1 ow=10 ih=1 iw=10 cg=1 clast=2 ng=1 nlast=2 dtype=f32 ; wait s23 sig s19,s15
@82 VX.ew a_mem=acc a_dt=f32 a_s=[1,16,0,0] d=0x450 d_dt=f32 d_s=[1,2,0,0] n=[2,10,1,1] ; wait s14,s19 sig s22,s23
@83 ST.st region=R3 off=0x320 loc=0x450 esz=4 n=[20,1,1,1] ; wait s22 sig s14
@84 LDA.ld region=R1 off=0x370 esz=4 n=[20,1,1,1] ; wait s15 sig s3
@85 MX.nop ; sig s16
@86 LDW.ld off=0x2c80 loc=0x50 esz=4 n=[256,1,1,1] ; wait s16 sig s8
@87 MX.nop ; wait s3,s8
@88 MX.conv in_sx=8 in_sc=64 w=0x50 oh=1 ow=10 ih=1 iw=10 cg=1 clast=2 ng=1 nlast=2 dtype=f32 ; wait s23 sig s19,s15
@89 VX.ew a_mem=acc a_dt=f32 a_s=[1,16,0,0] d=0x450 d_dt=f32 d_s=[1,2,0,0] n=[2,10,1,1] ; wait s14,s19 sig s22,s23
@90 ST.st region=R3 off=0x370 loc=0x450 esz=4 n=[20,1,1,1] ; wait s22 sig s14
@91 LDA.ld region=R1 off=0x3c0 esz=4 n=[20,1,1,1] ; wait s15 sig s3
@92 MX.nop ; sig s16
@93 LDW.ld off=0x3080 loc=0x50 esz=4 n=[256,1,1,1] ; wait s16 sig s8
@94 MX.nop ; wait s3,s8
@95 MX.conv in_sx=8 in_sc=64 w=0x50 oh=1 ow=10 ih=1 iw=10 cg=1 clast=2 ng=1 nlast=2 dtype=f32 ; wait s23 sig s19,s15
@96 VX.ew a_mem=acc a_dt=f32 a_s=[1,16,0,0] d=0x450 d_dt=f32 d_s=[1,2,0,0] n=[2,10,1,1] ; wait s14,s19 sig s22,s23
@97 ST.st region=R3 off=0x3c0 loc=0x450 esz=4 n=[20,1,1,1] ; wait s22 sig s14
@98 LDA.ld region=R1 off=0x410 esz=4 n=[20,1,1,1] ; wait s15 sig s3
@99 MX.nop ; sig s16
@100 LDW.ld off=0x3480 loc=0x50 esz=4 n=[256,1,1,1] ; wait s16 sig s8
@101 MX.nop ; wait s3,s8
@102 MX.conv in_sx=8 in_sc=64 w=0x50 oh=1 ow=10 ih=1 iw=10 cg=1 clast=2 ng=1 nlast=2 dtype=f32 ; wait s23 sig s19,s15
@103 VX.ew a_mem=acc a_dt=f32 a_s=[1,16,0,0] d=0x450 d_dt=f32 d_s=[1,2,0,0] n=[2,10,1,1] ; wait s14,s19 sig s22,s23
@104 ST.st region=R3 off=0x410 loc=0x450 esz=4 n=[20,1,1,1] ; wait s22 sig s14
@105 LDA.ld region=R1 off=0x460 esz=4 n=[20,1,1,1] ; wait s15 sig s3
@106 MX.nop ; sig s16
@107 LDW.ld off=0x3880 loc=0x50 esz=4 n=[256,1,1,1] ; wait s16 sig s8
@108 MX.nop ; wait s3,s8
@109 MX.conv in_sx=8 in_sc=64 w=0x50 oh=1 ow=10 ih=1 iw=10 cg=1 clast=2 ng=1 nlast=2 dtype=f32 ; wait s23 sig s19,s15
@110 VX.ew a_mem=acc a_dt=f32 a_s=[1,16,0,0] d=0x450 d_dt=f32 d_s=[1,2,0,0] n=[2,10,1,1] ; wait s14,s19 sig s22,s23
@111 ST.st region=R3 off=0x460 loc=0x450 esz=4 n=[20,1,1,1] ; wait s22 sig s14
@112 LDA.ld region=R1 off=0x4b0 esz=4 n=[20,1,1,1] ; wait s15 sig s3
@113 MX.nop ; sig s16
@114 LDW.ld off=0x3c80 loc=0x50 esz=4 n=[256,1,1,1] ; wait s16 sig s8
@115 MX.nop ; wait s3,s8
@116 MX.conv in_sx=8 in_sc=64 w=0x50 oh=1 ow=10 ih=1 iw=10 cg=1 clast=2 ng=1 nlast=2 dtype=f32 ; wait s23 sig s19,s15
@117 VX.ew a_mem=acc a_dt=f32 a_s=[1,16,0,0] d=0x450 d_dt=f32 d_s=[1,2,0,0] n=[2,10,1,1] ; wait s14,s19 sig s22,s23
@118 ST.st region=R3 off=0x4b0 loc=0x450 esz=4 n=[20,1,1,1] ; wait s22 sig s14
@119 LDA.ld region=R1 off=0x500 esz=4 n=[20,1,1,1] ; wait s15 sig s3
@120 MX.nop ; sig s16
@121 LDW.ld off=0x4080 loc=0x50 esz=4 n=[256,1,1,1] ; wait s16 sig s8
@122 MX.nop ; wait s3,s8
@123 MX.conv in_sx=8 in_sc=64 w=0x50 oh=1 ow=10 ih=1 iw=10 cg=1 clast=2 ng=1 nlast=2 dtype=f32 ; wait s23 sig s19,s15
@124 VX.ew a_mem=acc a_dt=f32 a_s=[1,16,0,0] d=0x450 d_dt=f32 d_s=[1,2,0,0] n=[2,10,1,1] ; wait s14,s19 sig s22,s23
@125 ST.st region=R3 off=0x500 loc=0x450 esz=4 n=[20,1,1,1] ; wait s22 sig s14
@126 LDA.ld region=R1 off=0x550 esz=4 n=[20,1,1,1] ; wait s15 sig s3
@127 MX.nop ; sig s16
@128 LDW.ld off=0x4480 loc=0x50 esz=4 n=[256,1,1,1] ; wait s16 sig s8
@129 MX.nop ; wait s3,s8
@130 MX.conv in_sx=8 in_sc=64 w=0x50 oh=1 ow=10 ih=1 iw=10 cg=1 clast=2 ng=1 nlast=2 dtype=f32 ; wait s23 sig s19,s15
@131 VX.ew a_mem=acc a_dt=f32 a_s=[1,16,0,0] d=0x450 d_dt=f32 d_s=[1,2,0,0] n=[2,10,1,1] ; wait s14,s19 sig s22,s23
@132 ST.st region=R3 off=0x550 loc=0x450 esz=4 n=[20,1,1,1] ; wait s22 sig s14
@133 LDA.ld region=R1 off=0x5a0 esz=4 n=[20,1,1,1] ; wait s15 sig s3
@134 MX.nop ; sig s16
@135 LDW.ld off=0x4880 loc=0x50 esz=4 n=[256,1,1,1] ; wait s16 sig s8
@136 MX.nop ; wait s3,s8
@137 MX.conv in_sx=8 in_sc=64 w=0x50 oh=1 ow=10 ih=1 iw=10 cg=1 clast=2 ng=1 nlast=2 dtype=f32 ; wait s23 sig s19,s15
@138 VX.ew a_mem=acc a_dt=f32 a_s=[1,16,0,0] d=0x450 d_dt=f32 d_s=[1,2,0,0] n=[2,10,1,1] ; wait s14,s19 sig s22,s23
@139 ST.st region=R3 off=0x5a0 loc=0x450 esz=4 n=[20,1,1,1] ; wait s22 sig s14
@140 LDA.ld region=R1 off=0x5f0 esz=4 n=[20,1,1,1] ; wait s15 sig s3
@141 MX.nop ; sig s16
@142 LDW.ld off=0x4c80 loc=0x50 esz=4 n=[256,1,1,1] ; wait s16 sig s8
@143 MX.nop ; wait s3,s8
@144 MX.conv in_sx=8 in_sc=64 w=0x50 oh=1 ow=10 ih=1 iw=10 cg=1 clast=2 ng=1 nlast=2 dtype=f32 ; wait s23 sig s19,s15
@145 VX.ew a_mem=acc a_dt=f32 a_s=[1,16,0,0] d=0x450 d_dt=f32 d_s=[1,2,0,0] n=[2,10,1,1] ; wait s14,s19 sig s22,s23
@146 ST.st region=R3 off=0x5f0 loc=0x450 esz=4 n=[20,1,1,1] ; wait s22 sig s14
@147 LDA.ld region=R1 off=0x640 esz=4 n=[20,1,1,1] ; wait s15 sig s3
@148 MX.nop ; sig s16
@149 LDW.ld off=0x5080 loc=0x50 esz=4 n=[256,1,1,1] ; wait s16 sig s8
@150 MX.nop ; wait s3,s8
@151 MX.conv in_sx=8 in_sc=64 w=0x50 oh=1 ow=10 ih=1 iw=10 cg=1 clast=2 ng=1 nlast=2 dtype=f32 ; wait s23 sig s19,s15
@152 VX.ew a_mem=acc a_dt=f32 a_s=[1,16,0,0] d=0x450 d_dt=f32 d_s=[1,2,0,0] n=[2,10,1,1] ; wait s14,s19 sig s22,s23
@153 ST.st region=R3 off=0x640 loc=0x450 esz=4 n=[20,1,1,1] ; wait s22 sig s14
@154 LDA.ld region=R1 off=0x690 esz=4 n=[20,1,1,1] ; wait s15 sig s3
@155 MX.nop ; sig s16
@156 LDW.ld off=0x5480 loc=0x50 esz=4 n=[256,1,1,1] ; wait s16 sig s8
@157 MX.nop ; wait s3,s8
@158 MX.conv in_sx=8 in_sc=64 w=0x50 oh=1 ow=10 ih=1 iw=10 cg=1 clast=2 ng=1 nlast=2 dtype=f32 ; wait s23 sig s19,s15
@159 VX.ew a_mem=acc a_dt=f32 a_s=[1,16,0,0] d=0x450 d_dt=f32 d_s=[1,2,0,0] n=[2,10,1,1] ; wait s14,s19 sig s22,s23
@160 ST.st region=R3 off=0x690 loc=0x450 esz=4 n=[20,1,1,1] ; wait s22 sig s14
@161 LDA.ld region=R1 off=0x6e0 esz=4 n=[20,1,1,1] ; wait s15 sig s3
@162 MX.nop ; sig s16
@163 LDW.ld off=0x5880 loc=0x50 esz=4 n=[256,1,1,1] ; wait s16 sig s8
@164 MX.nop ; wait s3,s8
@165 MX.conv in_sx=8 in_sc=64 w=0x50 oh=1 ow=10 ih=1 iw=10 cg=1 clast=2 ng=1 nlast=2 dtype=f32 ; wait s23 sig s19,s15
@166 VX.ew a_mem=acc a_dt=f32 a_s=[1,16,0,0] d=0x450 d_dt=f32 d_s=[1,2,0,0] n=[2,10,1,1] ; wait s14,s19 sig s22,s23
@167 ST.st region=R3 off=0x6e0 loc=0x450 esz=4 n=[20,1,1,1] ; wait s22 sig s14
@168 LDA.ld region=R1 off=0x730 esz=4 n=[20,1,1,1] ; wait s15 sig s3
@169 MX.nop ; sig s16
@170 LDW.ld off=0x5c80 loc=0x50 esz=4 n=[256,1,1,1] ; wait s16 sig s8
@171 MX.nop ; wait s3,s8
@172 MX.conv in_sx=8 in_sc=64 w=0x50 oh=1 ow=10 ih=1 iw=10 cg=1 clast=2 ng=1 nlast=2 dtype=f32 ; wait s23 sig s19,s15
@173 VX.ew a_mem=acc a_dt=f32 a_s=[1,16,0,0] d=0x450 d_dt=f32 d_s=[1,2,0,0] n=[2,10,1,1] ; wait s14,s19 sig s22
@174 ST.st region=R3 off=0x730 loc=0x450 esz=4 n=[20,1,1,1] ; wait s22 sig s14
@175 LDA.ld region=R1 off=0x780 esz=4 n=[240,1,1,1] ; wait s15
@176 LDA.ld off=0x6080 loc=0x3c0 esz=4 n=[1,1,1,1] ; sig s4
@177 LDA.ld off=0x60c0 loc=0x3d0 esz=4 n=[1,1,1,1] ; sig s4
@178 LDA.ld off=0x6100 loc=0x3e0 esz=4 n=[1,1,1,1] ; sig s4
@179 LDA.ld off=0x6140 loc=0x3f0 esz=4 n=[1,1,1,1] ; sig s4
@180 VX.ew fn=mul a_dt=f32 a_s=[1,0,0,0] b=0x3c0 b_dt=f32 d=0x400 d_dt=f32 d_s=[1,0,0,0] n=[240,1,1,1] ; wait s4,s14
@181 VX.ew fn=add a=0x400 a_dt=f32 a_s=[1,0,0,0] b=0x3d0 b_dt=f32 d=0x7c0 d_dt=f32 d_s=[1,0,0,0] n=[240,1,1,1] ; wait s4
@182 VX.ew fn=max a=0x7c0 a_dt=f32 a_s=[1,0,0,0] b=0x3e0 b_dt=f32 d=0xb80 d_dt=f32 d_s=[1,0,0,0] n=[240,1,1,1] ; wait s4
@183 VX.ew fn=min a=0xb80 a_dt=f32 a_s=[1,0,0,0] b=0x3f0 b_dt=f32 d=0xf40 d_dt=f32 d_s=[1,0,0,0] n=[240,1,1,1] ; wait s4
@184 VX.ew fn=mul a_dt=f32 a_s=[1,0,0,0] b=0xf40 b_dt=f32 b_s=[1,0,0,0] d=0x1300 d_dt=f32 d_s=[1,0,0,0] n=[240,1,1,1] ; sig s22,s20
@185 ST.st region=R3 off=0x780 loc=0x1300 esz=4 n=[240,1,1,1] ; wait s22 sig s14
@186 LDA.ld region=R1 off=0xb40 esz=4 n=[240,1,1,1] ; wait s20 sig s4
@187 VX.ew fn=mul a_dt=f32 a_s=[1,0,0,0] b=0x3c0 b_dt=f32 d=0x400 d_dt=f32 d_s=[1,0,0,0] n=[240,1,1,1] ; wait s4
@188 VX.ew fn=add a=0x400 a_dt=f32 a_s=[1,0,0,0] b=0x3d0 b_dt=f32 d=0x7c0 d_dt=f32 d_s=[1,0,0,0] n=[240,1,1,1]
@189 VX.ew fn=max a=0x7c0 a_dt=f32 a_s=[1,0,0,0] b=0x3e0 b_dt=f32 d=0xb80 d_dt=f32 d_s=[1,0,0,0] n=[240,1,1,1]
@190 VX.ew fn=min a=0xb80 a_dt=f32 a_s=[1,0,0,0] b=0x3f0 b_dt=f32 d=0xf40 d_dt=f32 d_s=[1,0,0,0] n=[240,1,1,1]
@191 VX.ew fn=mul a_dt=f32 a_s=[1,0,0,0] b=0xf40 b_dt=f32 b_s=[1,0,0,0] d=0x1300 d_dt=f32 d_s=[1,0,0,0] n=[240,1,1,1] ; wait s14 sig s22
@192 ST.st region=R3 off=0xb40 loc=0x1300 esz=4 n=[240,1,1,1] ; wait s22
@193 VX.halt
