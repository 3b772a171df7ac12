# E_DECODE @0: a count of 0
.config tiny-fuzz
.regions r1=4096 r2=4096 r3=4096
LDA.ld region=R2 n=[16,0,1,1] # fix: LDA.ld region=R2 n=[16,1,1,1]
VX.halt
