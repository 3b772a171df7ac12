# E_UNINIT @2: read after the buffer's end of life
.config tiny-fuzz
.regions r1=64 r2=0 r3=0
VX.fill d_dt=u8 d_s=[1,0,0,0] n=[16,1,1,1]
VX.poison off=0xf len=1 # fix: VX.poison off=0x10 len=1
VX.ew fn=abs a_dt=u8 a_s=[1,0,0,0] d=0x200 d_dt=u8 d_s=[1,0,0,0] n=[16,1,1,1]
VX.halt
