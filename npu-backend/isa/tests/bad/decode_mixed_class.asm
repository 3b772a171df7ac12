# E_DECODE @0: a float and an integer source
.config tiny-fuzz
.regions r1=4096 r2=4096 r3=4096
VX.ew fn=add a_dt=f32 a_s=[1,0,0,0] b_dt=s32 b=0x100 b_s=[1,0,0,0] d_dt=f32 d=0x200 d_s=[1,0,0,0] n=[4,1,1,1] # fix: VX.ew fn=add a_dt=f32 a_s=[1,0,0,0] b_dt=f32 b=0x100 b_s=[1,0,0,0] d_dt=f32 d=0x200 d_s=[1,0,0,0] n=[4,1,1,1]
VX.halt
