# E_OVERLAP @0: TR is not legal in place
.config tiny-fuzz
.regions r1=4096 r2=4096 r3=4096
VX.tr a_s=[1,0,0,0] d_s=[1,0,0,0] n=[4,1,1,1] # fix: VX.tr a_s=[1,0,0,0] d=0x4 d_s=[1,0,0,0] n=[4,1,1,1]
VX.halt
