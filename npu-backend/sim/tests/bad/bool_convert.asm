# E_BOOL @1: a bool byte of 255
.config tiny-fuzz
.regions r1=64 r2=0 r3=0
VX.fill d_dt=u8 d_s=[1,0,0,0] n=[4,1,1,1] imm0=255 # fix: VX.fill d_dt=u8 d_s=[1,0,0,0] n=[4,1,1,1] imm0=1
VX.cvt a_dt=bool a_s=[1,0,0,0] d=0x200 d_dt=f32 d_s=[1,0,0,0] n=[4,1,1,1]
VX.halt
