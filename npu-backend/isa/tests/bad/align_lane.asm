# E_ALIGN @0: an ACC address inside a lane
.config tiny-fuzz
.regions r1=4096 r2=4096 r3=4096
VX.tr a_mem=acc a=0x2 a_dt=s32 a_s=[1,0,0,0] d=0x100 d_dt=s32 d_s=[1,0,0,0] n=[4,1,1,1] # fix: VX.tr a_mem=acc a=0x4 a_dt=s32 a_s=[1,0,0,0] d=0x100 d_dt=s32 d_s=[1,0,0,0] n=[4,1,1,1]
VX.halt
