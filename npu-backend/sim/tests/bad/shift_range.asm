# E_SHIFT_RANGE @2: shift of s8 by 8
.config tiny-fuzz
.regions r1=64 r2=0 r3=0
VX.fill d_dt=s8 d_s=[1,0,0,0] n=[4,1,1,1]
VX.fill d=0x100 d_dt=s8 d_s=[1,0,0,0] n=[4,1,1,1] imm0=8 # fix: VX.fill d=0x100 d_dt=s8 d_s=[1,0,0,0] n=[4,1,1,1] imm0=7
VX.ew fn=shl a_dt=s8 a_s=[1,0,0,0] b=0x100 b_dt=s8 b_s=[1,0,0,0] d=0x200 d_dt=s8 d_s=[1,0,0,0] n=[4,1,1,1]
VX.halt
