# E_SHIFT_RANGE load @0: RQ double with a shift of 31
.config tiny-fuzz
.regions r1=4096 r2=4096 r3=4096
VX.rq a_dt=s32 a_s=[1,0,0,0] d=0x100 d_s=[1,0,0,0] n=[4,1,1,1] rq=double imm0=0x40000000 imm1=31 # fix: VX.rq a_dt=s32 a_s=[1,0,0,0] d=0x100 d_s=[1,0,0,0] n=[4,1,1,1] rq=double imm0=0x40000000 imm1=30
VX.halt
