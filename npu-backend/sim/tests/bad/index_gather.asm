# E_INDEX @2: index 4 of 4
.config tiny-fuzz
.regions r1=64 r2=0 r3=0
VX.fill d_dt=s8 d_s=[1,0,0,0] n=[4,1,1,1]
VX.fill d=0x100 d_dt=s32 d_s=[1,0,0,0] n=[1,1,1,1] imm0=4 # fix: VX.fill d=0x100 d_dt=s32 d_s=[1,0,0,0] n=[1,1,1,1] imm0=4294967292
VX.ga b=0x100 b_dt=s32 d=0x200 d_s=[1,0,0,0] n=[1,1,1,1] imm0=1 imm1=4
VX.halt
