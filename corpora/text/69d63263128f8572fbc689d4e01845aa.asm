.anpu 2
.config 0xdca470257f832576
.regions r1=0 r2=2088 r3=2060
.const 000000c0000000c0000080bf000080400000803f000080400000000000000000
.const 000040c00000803f00008040000040400000803f000040400000803f00000040
.const 00004040000000c0000040c000000000000080bf0000803f0000803f0000803f
.const 000080c0000080c0000040400000803f0000804000004040000000c0000000c0
.const 000080bf00000040000080c0000040400000404000000000000000000000803f
.const 000000c000004040000080c0000080400000000000000000000080c000000000
.const 000080400000803f00004040000000c000008040000080c00000004000008040
.const 000000000000004000008040000080bf0000803f000000c0000040c0
.io in "x0" dtype=f32 dims=[63,1,1,8] region=R2 off=0x0
.io in "x1" dtype=f32 dims=[10] region=R2 off=0x800
.io out "y0" dtype=f32 dims=[11] region=R3 off=0x0
.io out "y1" dtype=f32 dims=[63,1,1,8] region=R3 off=0x2c
.debug @0 nodes=[0] pass="g0 Pad_0" tile=[0] buffers=[0]
.debug @1 nodes=[0] pass="g0 Pad_0" tile=[0] buffers=[0]
.debug @2 nodes=[0] pass="g0 Pad_0" tile=[1] buffers=[1]
.debug @3 nodes=[0] pass="g0 Pad_0" tile=[1] buffers=[1]
.debug @4 nodes=[1] pass="g1 Add_1" tile=[0] buffers=[2]
.debug @5 nodes=[1] pass="g1 Add_1" tile=[0] buffers=[3]
.debug @6 nodes=[1] pass="g1 Add_1" tile=[0] buffers=[2,3,4]
.debug @7 nodes=[1] pass="g1 Add_1" tile=[0] buffers=[4]
@0 LDA.ld region=R2 off=0x800 esz=4 n=[10,1,1,1] ; sig s2
@1 ST.st region=R3 off=0x4 esz=4 n=[10,1,1,1] ; wait s2 sig s14
@2 VX.fill d_dt=f32 n=[1,1,1,1] ; wait s14 sig s22
@3 ST.st region=R3 esz=4 n=[1,1,1,1] ; wait s22 sig s10
@4 LDA.ld esz=4 n=[63,1,1,1] ; wait s10
@5 LDA.ld region=R2 loc=0x100 esz=4 n=[504,1,1,1] ; sig s4
@6 VX.ew fn=add a_dt=f32 a_s=[0,1,0,0] b=0x100 b_dt=f32 b_s=[1,8,0,0] d=0x8e0 d_dt=f32 d_s=[1,8,0,0] n=[8,63,1,1] ; wait s4 sig s22
@7 ST.st region=R3 off=0x2c loc=0x8e0 esz=4 n=[504,1,1,1] ; wait s22
@8 VX.halt
