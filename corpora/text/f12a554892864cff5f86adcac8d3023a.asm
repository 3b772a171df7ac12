.anpu 2
.config 0xdca470257f832576
.regions r1=2048 r2=1992 r3=2048
.const 0000004000000000000000000000000000000000000000000000000000000000
.zero 32
.const 000040c000000000000000000000000000000000000000000000000000000000
.zero 32
.const 0000804000000000000000000000000000000000000000000000000000000000
.zero 32
.const 0000803f00000000000000000000000000000000000000000000000000000000
.zero 32
.const 0000804000000000000000000000000000000000000000000000000000000000
.zero 96
.const 000080c000000000000000000000000000000000000000000000000000000000
.zero 32
.const 0000404000000000000000000000000000000000000000000000000000000000
.zero 32
.const 0000404000000000000000000000000000000000000000000000000000000000
.zero 32
.const 000040c000000000000000000000000000000000000000000000000000000000
.zero 32
.const 0000803f00000000000000000000000000000000000000000000000000000000
.zero 32
.const 000000c000000000000000000000000000000000000000000000000000000000
.zero 96
.const 000080bf00000000000000000000000000000000000000000000000000000000
.zero 32
.const 000080c000000000000000000000000000000000000000000000000000000000
.zero 32
.const 0000803f00000000000000000000000000000000000000000000000000000000
.zero 32
.const 0000003f00000000000000000000000000000000000000000000000000000000
.zero 32
.const 0000803f
.io in "x0" dtype=f32 dims=[32,1] region=R2 off=0x0
.io in "x1" dtype=f32 dims=[65,7] region=R2 off=0x80
.io in "x2" dtype=s64 dims=[1] region=R2 off=0x7c0
.io out "y0" dtype=f32 dims=[32,16] region=R3 off=0x0
.debug @0 nodes=[0] pass="g0 Gemm_0" tile=[0] buffers=[0]
.debug @1 nodes=[0] pass="g0 Gemm_0" tile=[0] buffers=[1]
.debug @2 nodes=[0] pass="g0 Gemm_0" tile=[0] buffers=[0,1,2]
.debug @3 nodes=[0] pass="g0 Gemm_0" tile=[0] buffers=[2,3]
.debug @4 nodes=[0] pass="g0 Gemm_0" tile=[0] buffers=[3]
.debug @5 nodes=[1,2] pass="g1 Gemm_0" tile=[0] buffers=[4]
.debug @6 nodes=[1,2] pass="g1 Gemm_0" tile=[0] buffers=[5]
.debug @7 nodes=[1,2] pass="g1 Gemm_0" tile=[0] buffers=[6]
.debug @8 nodes=[1,2] pass="g1 Gemm_0" tile=[0] buffers=[4,5,7]
.debug @9 nodes=[1,2] pass="g1 Gemm_0" tile=[0] buffers=[7,6,8]
.debug @10 nodes=[1,2] pass="g1 Gemm_0" tile=[0] buffers=[8]
@0 LDA.ld region=R2 esz=4 n=[32,1,1,1] ; sig s3
@1 LDW.ld loc=0x80 esz=4 n=[256,1,1,1] ; sig s8
@2 MX.conv in_sx=4 in_sc=64 w=0x80 oh=1 ow=32 ih=1 iw=32 cg=1 clast=1 ng=1 nlast=16 dtype=f32 ; wait s3,s8 sig s19
@3 VX.ew a_mem=acc a_dt=f32 a_s=[1,0,0,0] d_dt=f32 d_s=[1,0,0,0] n=[512,1,1,1] ; wait s19 sig s22
@4 ST.st region=R1 esz=4 n=[512,1,1,1] ; wait s22 sig s10
@5 LDA.ld region=R1 esz=4 n=[512,1,1,1] ; wait s10
@6 LDA.ld off=0x400 loc=0x800 esz=4 n=[1,1,1,1] ; sig s4
@7 LDA.ld off=0x440 loc=0x810 esz=4 n=[1,1,1,1] ; sig s4
@8 VX.ew fn=mul a_dt=f32 a_s=[1,0,0,0] b=0x800 b_dt=f32 d=0x820 d_dt=f32 d_s=[1,0,0,0] n=[512,1,1,1] ; wait s4
@9 VX.ew fn=add a=0x820 a_dt=f32 a_s=[1,0,0,0] b=0x810 b_dt=f32 d_dt=f32 d_s=[1,0,0,0] n=[512,1,1,1] ; wait s4 sig s22
@10 ST.st region=R3 esz=4 n=[512,1,1,1] ; wait s22
@11 VX.halt
