# E_ACC_TYPE @1: ST names the other tag
.config tiny-fuzz
.regions r1=64 r2=0 r3=0
VX.fill d_mem=acc d_dt=f32 d_s=[1,0,0,0] n=[16,1,1,1] ; sig s0
ST.st region=R1 mem=acc n=[64,1,1,1] ; wait s0 # fix: ST.st region=R1 mem=acc n=[64,1,1,1] tag=f32 ; wait s0
VX.halt
