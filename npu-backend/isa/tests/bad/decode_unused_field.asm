# E_DECODE @0: fill without padmode
.config tiny-fuzz
.regions r1=4096 r2=4096 r3=4096
LDA.ld region=R2 n=[16,1,1,1] fill=0x7 # fix: LDA.ld region=R2 n=[16,1,1,1] padmode=1 fill=0x7
VX.halt
