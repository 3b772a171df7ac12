# E_INDEX @2: EW.idx of -3 in a length of 2
.config tiny-fuzz
.regions r1=64 r2=0 r3=0
VX.fill d_dt=s32 d_s=[1,0,0,0] n=[4,1,1,1] imm0=4294967293 # fix: VX.fill d_dt=s32 d_s=[1,0,0,0] n=[4,1,1,1] imm0=4294967294
VX.fill d=0x100 d_dt=s32 d_s=[1,0,0,0] n=[4,1,1,1] imm0=2
VX.ew fn=idx a_dt=s32 a_s=[1,0,0,0] b=0x100 b_dt=s32 b_s=[1,0,0,0] d=0x200 d_dt=s32 d_s=[1,0,0,0] n=[4,1,1,1]
VX.halt
