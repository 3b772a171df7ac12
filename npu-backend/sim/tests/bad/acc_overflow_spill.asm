# E_ACC_OVERFLOW @5: a wrapped sum is spilled; wrapping that cancels inside ACC is legal (twin)
.config tiny-fuzz
.regions r1=64 r2=0 r3=0
VX.fill d_dt=u8 d_s=[1,0,0,0] n=[16,1,1,1] imm0=1
VX.fill d=0x100 d_dt=u8 d_s=[1,0,0,0] n=[256,1,1,1] imm0=1
VX.fill d_mem=acc d_dt=s32 d_s=[1,0,0,0] n=[16,1,1,1] imm0=2147483647
VX.fence
MX.conv in_sx=16 in_sy=16 w=0x100 oh=1 ow=1 ih=1 iw=1 cg=1 clast=1 ng=1 nlast=16 acc_sn=1 init=acc ; sig s0
ST.st region=R1 mem=acc n=[64,1,1,1] ; wait s0 # fix: ST.nop ; wait s0
VX.fence
VX.fill d=0x100 d_dt=u8 d_s=[1,0,0,0] n=[256,1,1,1] imm0=255
VX.fence
MX.conv in_sx=16 in_sy=16 w=0x100 oh=1 ow=1 ih=1 iw=1 cg=1 clast=1 ng=1 nlast=16 acc_sn=1 init=acc ; sig s1
ST.st region=R1 mem=acc n=[64,1,1,1] ; wait s1
VX.halt
