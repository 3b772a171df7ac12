# E_RACE @1 with @0: RAW, the store does not wait
.config tiny-fuzz
.regions r1=4096 r2=4096 r3=4096
LDA.ld region=R2 n=[16,1,1,1] ; sig s0
ST.st region=R3 n=[16,1,1,1] # fix: ST.st region=R3 n=[16,1,1,1] ; wait s0
VX.nop ; wait s0 # fix: VX.nop
VX.halt
