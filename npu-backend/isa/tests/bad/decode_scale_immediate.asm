# E_DECODE @0: an immediate scale that is NaN
.config tiny-fuzz
.regions r1=4096 r2=4096 r3=4096
VX.rq a_dt=s32 a_s=[1,0,0,0] d=0x100 d_s=[1,0,0,0] n=[4,1,1,1] rq=f32 imm0=f32:0x7fc00000 # fix: VX.rq a_dt=s32 a_s=[1,0,0,0] d=0x100 d_s=[1,0,0,0] n=[4,1,1,1] rq=f32 imm0=0x1p-3
VX.halt
