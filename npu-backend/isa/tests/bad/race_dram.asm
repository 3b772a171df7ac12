# E_RACE @1 with @0: RAW through the arena
.config tiny-fuzz
.regions r1=4096 r2=4096 r3=4096
ST.st region=R1 off=0x40 n=[16,1,1,1]
LDA.ld region=R1 off=0x4f loc=0x100 n=[16,1,1,1] # fix: LDA.ld region=R1 off=0x50 loc=0x100 n=[16,1,1,1]
VX.halt
