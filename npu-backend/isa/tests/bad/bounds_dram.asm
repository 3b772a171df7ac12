# E_BOUNDS @0: a row before the region (negative stride)
.config tiny-fuzz
.regions r1=4096 r2=4096 r3=4096
LDA.ld region=R2 off=0x10 n=[16,3,1,1] ds=[-16,0,0] ls=[16,0,0] # fix: LDA.ld region=R2 off=0x20 n=[16,3,1,1] ds=[-16,0,0] ls=[16,0,0]
VX.halt
