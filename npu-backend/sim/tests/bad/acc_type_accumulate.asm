# E_ACC_TYPE @3: an integer product onto a float row
.config tiny-fuzz
.regions r1=64 r2=0 r3=0
VX.fill d_dt=u8 d_s=[1,0,0,0] n=[512,1,1,1]
VX.fill d_mem=acc d_dt=f32 d_s=[1,0,0,0] n=[16,1,1,1] # fix: VX.fill d_mem=acc d_dt=s32 d_s=[1,0,0,0] n=[16,1,1,1]
VX.fence
MX.conv in_sx=16 in_sy=16 w=0x100 oh=1 ow=1 ih=1 iw=1 cg=1 clast=16 ng=1 nlast=16 acc_sn=1 init=acc
VX.halt
