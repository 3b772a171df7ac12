# E_DECODE @0: ST does not load
.config tiny-fuzz
.regions r1=4096 r2=4096 r3=4096
ST.ld region=R2 n=[16,1,1,1] # fix: LDW.ld region=R2 n=[16,1,1,1]
VX.halt
