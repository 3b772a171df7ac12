# E_BOUNDS @0: the whole range of an index counts
.config tiny-fuzz
.regions r1=4096 r2=4096 r3=4096
VX.ga a=0x1ffd b=0x100 b_dt=s32 b_s=[1,0,0,0] d=0x200 d_s=[1,0,0,0] n=[1,1,1,1] imm0=1 imm1=4 # fix: VX.ga a=0x1ffd b=0x100 b_dt=s32 b_s=[1,0,0,0] d=0x200 d_s=[1,0,0,0] n=[1,1,1,1] imm0=1 imm1=3
VX.halt
