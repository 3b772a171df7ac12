.anpu 2
.config 0xdca470257f832576
.regions r1=188 r2=128 r3=132
.const 0000803f00000000000000000000000000000000000000000000000000000000
.zero 32
.const 0000c03f00000000000000000000000000000000000000000000000000000000
.zero 96
.const 6841e2be962e5abe7cd409bf64986a3ea26cdabd000000000000000000000000
.zero 32
.const 35235d3ed661bf3ed56cd23e4201213fd9a3b43e000000000000000000000000
.zero 32
.const b61f5c3f041710bd71bce03e150e483f680a11bf000000000000000000000000
.zero 864
.io in "x0" dtype=f32 dims=[3,5] region=R2 off=0x0
.io in "x1" dtype=f32 dims=[1,1,8,2] region=R2 off=0x40
.io out "y0" dtype=f32 dims=[3,5] region=R3 off=0x0
.io out "y1" dtype=f32 dims=[2,3,3] region=R3 off=0x3c
.debug @0 nodes=[0] pass="g0 Expand_0" tile=[0] buffers=[0]
.debug @1 nodes=[0] pass="g0 Expand_0" tile=[0] buffers=[0]
.debug @2 nodes=[1,2,3] pass="g1 Elu_1" tile=[0] buffers=[1]
.debug @3 nodes=[1,2,3] pass="g1 Elu_1" tile=[0] buffers=[2]
.debug @4 nodes=[1,2,3] pass="g1 Elu_1" tile=[0] buffers=[3]
.debug @5 nodes=[1,2,3] pass="g1 Elu_1" tile=[0] buffers=[1,4]
.debug @6 nodes=[1,2,3] pass="g1 Elu_1" tile=[0] buffers=[4,2,5]
.debug @7 nodes=[1,2,3] pass="g1 Elu_1" tile=[0] buffers=[5,3,6]
.debug @8 nodes=[1,2,3] pass="g1 Elu_1" tile=[0] buffers=[6]
.debug @9 nodes=[4,5] pass="g2 Elu_1" tile=[0] buffers=[7]
.debug @10 nodes=[4,5] pass="g2 Elu_1" tile=[0] buffers=[8]
.debug @11 nodes=[4,5] pass="g2 Elu_1" tile=[0] buffers=[9]
.debug @12 nodes=[4,5] pass="g2 Elu_1" tile=[0] buffers=[7,8,10]
.debug @13 nodes=[4,5] pass="g2 Elu_1" tile=[0] buffers=[7,11]
.debug @14 nodes=[4,5] pass="g2 Elu_1" tile=[0] buffers=[9,10,11]
.debug @15 nodes=[4,5] pass="g2 Elu_1" tile=[0] buffers=[11]
.debug @16 nodes=[6] pass="g3 MatMul_2" tile=[0] buffers=[12]
.debug @17 nodes=[6] pass="g3 MatMul_2" tile=[0] buffers=[13]
.debug @18 nodes=[6] pass="g3 MatMul_2" tile=[0] buffers=[12,13,14]
.debug @19 nodes=[6] pass="g3 MatMul_2" tile=[0] buffers=[14,15]
.debug @20 nodes=[6] pass="g3 MatMul_2" tile=[0] buffers=[15]
@0 LDA.ld region=R2 esz=4 n=[15,1,1,1] ; sig s2
@1 ST.st region=R1 esz=4 n=[15,2,1,1] ds=[60,0,0] ; wait s2 sig s10
@2 LDA.ld region=R2 esz=4 n=[15,1,1,1] ; wait s10 sig s4
@3 LDA.ld loc=0x40 esz=4 n=[1,1,1,1] ; sig s4
@4 LDA.ld off=0x40 loc=0x50 esz=4 n=[1,1,1,1] ; sig s4
@5 VX.ew fn=exp a_dt=f32 a_s=[1,0,0,0] d=0x60 d_dt=f32 d_s=[1,0,0,0] n=[15,1,1,1] ; wait s4
@6 VX.ew fn=sub a=0x60 a_dt=f32 a_s=[1,0,0,0] b=0x40 b_dt=f32 d_dt=f32 d_s=[1,0,0,0] n=[15,1,1,1] ; wait s4
@7 VX.ew fn=mul a_dt=f32 a_s=[1,0,0,0] b=0x50 b_dt=f32 d=0x60 d_dt=f32 d_s=[1,0,0,0] n=[15,1,1,1] ; wait s4 sig s22,s20
@8 ST.st region=R1 off=0x80 loc=0x60 esz=4 n=[15,1,1,1] ; wait s22 sig s10,s14
@9 LDA.ld region=R2 esz=4 n=[15,1,1,1] ; wait s20
@10 LDA.ld off=0x80 loc=0x40 esz=4 n=[1,1,1,1] ; sig s4
@11 LDA.ld region=R1 off=0x80 loc=0x50 esz=4 n=[15,1,1,1] ; wait s10 sig s4
@12 VX.ew fn=lt a_dt=f32 a_s=[1,0,0,0] b=0x40 b_dt=f32 d=0x90 d_dt=bool d_s=[1,0,0,0] n=[15,1,1,1] ; wait s4,s14
@13 VX.ew a_dt=f32 a_s=[1,0,0,0] d=0xa0 d_dt=f32 d_s=[1,0,0,0] n=[15,1,1,1]
@14 VX.ew fn=cmov a=0x50 a_dt=f32 a_s=[1,0,0,0] b=0x90 b_dt=bool b_s=[1,0,0,0] d=0xa0 d_dt=f32 d_s=[1,0,0,0] n=[15,1,1,1] ; wait s4 sig s22,s20
@15 ST.st region=R3 loc=0xa0 esz=4 n=[15,1,1,1] ; wait s22 sig s11
@16 LDA.ld region=R1 esz=4 n=[30,1,1,1] ; wait s20 sig s3
@17 LDW.ld off=0xc0 loc=0x80 esz=4 n=[256,1,1,1] ; wait s11 sig s8
@18 MX.conv in_sx=20 in_sc=64 w=0x80 oh=1 ow=6 ih=1 iw=6 cg=1 clast=5 ng=1 nlast=3 dtype=f32 ; wait s3,s8 sig s19
@19 VX.ew a_mem=acc a_dt=f32 a_s=[1,16,0,0] d_dt=f32 d_s=[1,3,0,0] n=[3,6,1,1] ; wait s19 sig s22
@20 ST.st region=R3 off=0x3c esz=4 n=[18,1,1,1] ; wait s22
@21 VX.halt
