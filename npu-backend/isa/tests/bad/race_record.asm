# E_RACE @1 with @0: a record is loaded while RQ reads its scale
.config tiny-fuzz
.regions r1=4096 r2=4096 r3=4096
VX.rq form=prm a_dt=s32 a_s=[1,0,0,0] d=0x100 d_s=[1,0,0,0] n=[4,1,1,1] rq=f32 dprm=3
LDW.ld region=R2 mem=prm loc=0x3b n=[1,1,1,1] # fix: LDW.ld region=R2 mem=prm loc=0x3c n=[1,1,1,1]
VX.halt
