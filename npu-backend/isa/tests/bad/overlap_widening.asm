# E_OVERLAP @0: in place with another element size
.config tiny-fuzz
.regions r1=4096 r2=4096 r3=4096
VX.cvt a_dt=s8 a_s=[1,0,0,0] d_dt=s16 d_s=[1,0,0,0] n=[4,1,1,1] # fix: VX.cvt a_dt=s8 a_s=[1,0,0,0] d_dt=u8 d_s=[1,0,0,0] n=[4,1,1,1]
VX.halt
