# E_RACE @1 with @0: WAW, two engines load the same byte
.config tiny-fuzz
.regions r1=4096 r2=4096 r3=4096
LDA.ld region=R2 n=[16,1,1,1]
LDW.ld region=R2 loc=0xf n=[16,1,1,1] # fix: LDW.ld region=R2 loc=0x10 n=[16,1,1,1]
VX.halt
