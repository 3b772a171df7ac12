# E_UNINIT @1: the last of four elements was never written
.config tiny-fuzz
.regions r1=64 r2=0 r3=0
VX.fill d_dt=s32 d_s=[1,0,0,0] n=[3,1,1,1] # fix: VX.fill d_dt=s32 d_s=[1,0,0,0] n=[4,1,1,1]
VX.ew fn=neg a_dt=s32 a_s=[1,0,0,0] d=0x200 d_dt=s32 d_s=[1,0,0,0] n=[4,1,1,1]
VX.halt
