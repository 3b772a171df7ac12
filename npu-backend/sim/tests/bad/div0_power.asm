# E_DIV0 @2: 0 to the power -1
.config tiny-fuzz
.regions r1=64 r2=0 r3=0
VX.fill d_dt=s32 d_s=[1,0,0,0] n=[4,1,1,1] # fix: VX.fill d_dt=s32 d_s=[1,0,0,0] n=[4,1,1,1] imm0=5
VX.fill d=0x100 d_dt=s32 d_s=[1,0,0,0] n=[4,1,1,1] imm0=4294967295
VX.ew fn=ipow a_dt=s32 a_s=[1,0,0,0] b=0x100 b_dt=s32 b_s=[1,0,0,0] d=0x200 d_dt=s32 d_s=[1,0,0,0] n=[4,1,1,1]
VX.halt
