# E_DUP_WRITE @0: a destination stride of 0
.config tiny-fuzz
.regions r1=4096 r2=4096 r3=4096
VX.fill d_s=[1,0,0,0] n=[4,2,1,1] # fix: VX.fill d_s=[1,4,0,0] n=[4,2,1,1]
VX.halt
