.anpu 2
.config 0xdca470257f832576
.regions r1=2080 r2=2016 r3=4032
.const 8fb0133f12adff3ec9c1f73d11970f3faf92d83fc65e3dbf343070bfb6e05cbe
.const 48628fbe1220933f7e4dd63f1a99173ec56f923fa9c601beffba703f1ec6f7be
.const 56cb9abfee57afbf0caf0a3ef546493f38f04abfdda9703f029c08c07eda3e3f
.const e5e1cfbe2968d4be8df85a3fdcbb8fbf3b1f523fd49ce83eef18efbf3cc5e73d
.const 07dd643f683c673e2323ae3ecfd0a8bf7cb4133feaae03bf1726333e7de1fdbe
.const d247debf9c0907be0bd61e3f2026473fb7f25f3d07db5a3fb4991e3eda4ec8be
.const 1646023f5800e63fa29ea23dc6ac81bfe660e1be562f9ebe1093e33e4356483e
.zero 32
.const 510f203e
.io in "x0" dtype=f32 dims=[9,56] region=R2 off=0x0
.io out "y0" dtype=f32 dims=[9,56] region=R3 off=0x0
.io out "y1" dtype=f32 dims=[9,56] region=R3 off=0x7e0
.debug @0 nodes=[0] pass="g0 Softmax_0" tile=[0] buffers=[0]
.debug @1 nodes=[0] pass="g0 Softmax_0" tile=[0] buffers=[0,1]
.debug @2 nodes=[0] pass="g0 Softmax_0" tile=[0] buffers=[1]
.debug @3 nodes=[1,2] pass="g1 Softmax_0" tile=[0] buffers=[2]
.debug @4 nodes=[1,2] pass="g1 Softmax_0" tile=[0] buffers=[3]
.debug @5 nodes=[1,2] pass="g1 Softmax_0" tile=[0] buffers=[2,3,4]
.debug @6 nodes=[1,2] pass="g1 Softmax_0" tile=[0] buffers=[4,5]
.debug @7 nodes=[1,2] pass="g1 Softmax_0" tile=[0] buffers=[5]
.debug @8 nodes=[3] pass="g2 Softmax_0" tile=[0] buffers=[6]
.debug @9 nodes=[3] pass="g2 Softmax_0" tile=[0] buffers=[6,7]
.debug @10 nodes=[3] pass="g2 Softmax_0" tile=[0] buffers=[7]
.debug @11 nodes=[4,6,7] pass="g3 Softmax_0" tile=[0] buffers=[8]
.debug @12 nodes=[4,6,7] pass="g3 Softmax_0" tile=[0] buffers=[9]
.debug @13 nodes=[4,6,7] pass="g3 Softmax_0" tile=[0] buffers=[10]
.debug @14 nodes=[4,6,7] pass="g3 Softmax_0" tile=[0] buffers=[11]
.debug @15 nodes=[4,6,7] pass="g3 Softmax_0" tile=[0] buffers=[8,9,12]
.debug @16 nodes=[4,6,7] pass="g3 Softmax_0" tile=[0] buffers=[10,12,13]
.debug @17 nodes=[4,6,7] pass="g3 Softmax_0" tile=[0] buffers=[11,14]
.debug @18 nodes=[4,6,7] pass="g3 Softmax_0" tile=[0] buffers=[10,13,14]
.debug @19 nodes=[4,6,7] pass="g3 Softmax_0" tile=[0] buffers=[14]
.debug @20 nodes=[4,6,7] pass="g3 Softmax_0" tile=[1] buffers=[8]
.debug @21 nodes=[4,6,7] pass="g3 Softmax_0" tile=[1] buffers=[9]
.debug @22 nodes=[4,6,7] pass="g3 Softmax_0" tile=[1] buffers=[10]
.debug @23 nodes=[4,6,7] pass="g3 Softmax_0" tile=[1] buffers=[8,9,12]
.debug @24 nodes=[4,6,7] pass="g3 Softmax_0" tile=[1] buffers=[10,12,13]
.debug @25 nodes=[4,6,7] pass="g3 Softmax_0" tile=[1] buffers=[11,14]
.debug @26 nodes=[4,6,7] pass="g3 Softmax_0" tile=[1] buffers=[10,13,14]
.debug @27 nodes=[4,6,7] pass="g3 Softmax_0" tile=[1] buffers=[14]
.debug @28 nodes=[5] pass="g4 PRelu_1" tile=[0] buffers=[15]
.debug @29 nodes=[5] pass="g4 PRelu_1" tile=[0] buffers=[16]
.debug @30 nodes=[5] pass="g4 PRelu_1" tile=[0] buffers=[15,16,17]
.debug @31 nodes=[5] pass="g4 PRelu_1" tile=[0] buffers=[17]
@0 LDA.ld region=R2 esz=4 n=[504,1,1,1] ; sig s4
@1 VX.red fn=max a_dt=f32 a_s=[1,56,0,0] d=0x7e0 d_dt=f32 d_s=[0,1,0,0] n=[56,9,1,1] ; wait s4 sig s22,s20
@2 ST.st region=R1 loc=0x7e0 esz=4 n=[9,1,1,1] ; wait s22 sig s10
@3 LDA.ld region=R2 esz=4 n=[504,1,1,1] ; wait s20
@4 LDA.ld region=R1 loc=0x7e0 esz=4 n=[9,1,1,1] ; wait s10 sig s4
@5 VX.ew fn=sub a_dt=f32 a_s=[1,56,0,0] b=0x7e0 b_dt=f32 b_s=[0,1,0,0] d=0x810 d_dt=f32 d_s=[1,56,0,0] n=[56,9,1,1] ; wait s4
@6 VX.ew fn=exp a=0x810 a_dt=f32 a_s=[1,0,0,0] d_dt=f32 d_s=[1,0,0,0] n=[504,1,1,1] ; sig s22
@7 ST.st region=R1 off=0x40 esz=4 n=[504,1,1,1] ; wait s22 sig s10
@8 LDA.ld region=R1 off=0x40 esz=4 n=[504,1,1,1] ; wait s10 sig s4
@9 VX.red a_dt=f32 a_s=[1,56,0,0] d=0x7e0 d_dt=f32 d_s=[0,1,0,0] n=[56,9,1,1] ; wait s4 sig s22,s20
@10 ST.st region=R1 loc=0x7e0 esz=4 n=[9,1,1,1] ; wait s22 sig s10
@11 LDA.ld region=R1 off=0x40 esz=4 n=[280,1,1,1] ; wait s20
@12 LDA.ld region=R1 loc=0x460 esz=4 n=[5,1,1,1] ; wait s10 sig s4
@13 LDA.ld region=R2 loc=0x480 esz=4 n=[280,1,1,1] ; sig s4
@14 LDA.ld loc=0x8e0 esz=4 n=[56,1,1,1] ; sig s4
@15 VX.ew fn=div a_dt=f32 a_s=[1,56,0,0] b=0x460 b_dt=f32 b_s=[0,1,0,0] d=0x9c0 d_dt=f32 d_s=[1,56,0,0] n=[56,5,1,1] ; wait s4 sig s20
@16 VX.ew fn=ge a=0x480 a_dt=f32 a_s=[1,0,0,0] b=0x9c0 b_dt=f32 b_s=[1,0,0,0] d=0xe20 d_dt=bool d_s=[1,0,0,0] n=[280,1,1,1] ; wait s4
@17 VX.ew a=0x8e0 a_dt=f32 a_s=[1,0,0,0] d=0xf40 d_dt=f32 d_s=[1,56,0,0] n=[56,5,1,1] ; wait s4
@18 VX.ew fn=cmov a=0x480 a_dt=f32 a_s=[1,0,0,0] b=0xe20 b_dt=bool b_s=[1,0,0,0] d=0xf40 d_dt=f32 d_s=[1,0,0,0] n=[280,1,1,1] ; sig s22,s20
@19 ST.st region=R3 off=0x7e0 loc=0xf40 esz=4 n=[280,1,1,1] ; wait s22 sig s14
@20 LDA.ld region=R1 off=0x4a0 esz=4 n=[224,1,1,1] ; wait s20
@21 LDA.ld region=R1 off=0x14 loc=0x460 esz=4 n=[4,1,1,1] ; sig s4
@22 LDA.ld region=R2 off=0x460 loc=0x480 esz=4 n=[224,1,1,1] ; wait s20 sig s4
@23 VX.ew fn=div a_dt=f32 a_s=[1,56,0,0] b=0x460 b_dt=f32 b_s=[0,1,0,0] d=0x9c0 d_dt=f32 d_s=[1,56,0,0] n=[56,4,1,1] ; wait s4
@24 VX.ew fn=ge a=0x480 a_dt=f32 a_s=[1,0,0,0] b=0x9c0 b_dt=f32 b_s=[1,0,0,0] d=0xe20 d_dt=bool d_s=[1,0,0,0] n=[224,1,1,1] ; wait s4
@25 VX.ew a=0x8e0 a_dt=f32 a_s=[1,0,0,0] d=0xf40 d_dt=f32 d_s=[1,56,0,0] n=[56,4,1,1] ; wait s14
@26 VX.ew fn=cmov a=0x480 a_dt=f32 a_s=[1,0,0,0] b=0xe20 b_dt=bool b_s=[1,0,0,0] d=0xf40 d_dt=f32 d_s=[1,0,0,0] n=[224,1,1,1] ; sig s22,s20
@27 ST.st region=R3 off=0xc40 loc=0xf40 esz=4 n=[224,1,1,1] ; wait s22 sig s14
@28 LDA.ld region=R2 esz=4 n=[504,1,1,1] ; wait s20
@29 LDA.ld off=0x100 loc=0x7e0 esz=4 n=[1,1,1,1] ; sig s4
@30 VX.ew fn=prelu a_dt=f32 a_s=[1,0,0,0] b=0x7e0 b_dt=f32 d=0x7f0 d_dt=f32 d_s=[1,0,0,0] n=[504,1,1,1] ; wait s4,s14 sig s22
@31 ST.st region=R3 loc=0x7f0 esz=4 n=[504,1,1,1] ; wait s22
@32 VX.halt
