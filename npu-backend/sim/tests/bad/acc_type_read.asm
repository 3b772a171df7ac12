# E_ACC_TYPE @1: rows of f32 read as s32
.config tiny-fuzz
.regions r1=64 r2=0 r3=0
VX.fill d_mem=acc d_dt=f32 d_s=[1,0,0,0] n=[16,1,1,1] # fix: VX.fill d_mem=acc d_dt=s32 d_s=[1,0,0,0] n=[16,1,1,1]
VX.tr a_mem=acc a_dt=s32 a_s=[1,0,0,0] d=0x100 d_dt=s32 d_s=[1,0,0,0] n=[16,1,1,1]
VX.halt
