# E_BOUNDS @0: the last channel has no record
.config tiny-fuzz
.regions r1=4096 r2=4096 r3=4096
VX.rq form=prm a_dt=s32 a_s=[1,0,0,0] d=0x100 d_s=[1,0,0,0] n=[16,1,1,1] rq=f32 chan=i0 dprm=49 # fix: VX.rq form=prm a_dt=s32 a_s=[1,0,0,0] d=0x100 d_s=[1,0,0,0] n=[16,1,1,1] rq=f32 chan=i0 dprm=48
VX.halt
