# E_UNINIT @3: cmov reads d, also where the condition is 0
.config tiny-fuzz
.regions r1=64 r2=0 r3=0
VX.fill d_dt=s8 d_s=[1,0,0,0] n=[4,1,1,1]
VX.fill d=0x100 d_dt=bool d_s=[1,0,0,0] n=[4,1,1,1]
VX.nop # fix: VX.fill d=0x200 d_dt=s8 d_s=[1,0,0,0] n=[4,1,1,1]
VX.ew fn=cmov a_dt=s8 a_s=[1,0,0,0] b=0x100 b_dt=bool b_s=[1,0,0,0] d=0x200 d_dt=s8 d_s=[1,0,0,0] n=[4,1,1,1]
VX.halt
