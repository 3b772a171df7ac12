# E_LUT_RANGE @2: the last entry of the table is missing
.config tiny-fuzz
.regions r1=64 r2=0 r3=0
VX.fill d_dt=s8 d_s=[1,0,0,0] n=[4,1,1,1]
VX.fill d_mem=lut d_dt=u8 d_s=[1,0,0,0] n=[255,1,1,1] # fix: VX.fill d_mem=lut d_dt=u8 d_s=[1,0,0,0] n=[256,1,1,1]
VX.lut a_s=[1,0,0,0] d=0x200 d_s=[1,0,0,0] n=[4,1,1,1]
VX.halt
