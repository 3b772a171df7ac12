# E_ALIGN @0: VX writes half a row of ACC
.config tiny-fuzz
.regions r1=4096 r2=4096 r3=4096
VX.fill d_mem=acc d_dt=s32 d_s=[1,0,0,0] n=[8,1,1,1] # fix: VX.fill d_mem=acc d_dt=s32 d_s=[1,0,0,0] n=[16,1,1,1]
VX.halt
