# E_SHIFT_RANGE load @0: a shift by the width
.config tiny-fuzz
.regions r1=4096 r2=4096 r3=4096
VX.ew fn=shr a_s=[1,0,0,0] b_mem=imm b_dt=u8 d=0x100 d_s=[1,0,0,0] n=[4,1,1,1] imm0=8 # fix: VX.ew fn=shr a_s=[1,0,0,0] b_mem=imm b_dt=u8 d=0x100 d_s=[1,0,0,0] n=[4,1,1,1] imm0=7
VX.halt
