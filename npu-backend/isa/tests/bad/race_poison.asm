# E_RACE @1 with @0: POISON is a write
.config tiny-fuzz
.regions r1=4096 r2=4096 r3=4096
ST.st region=R3 n=[16,1,1,1]
VX.poison off=0xf len=1 # fix: VX.poison off=0x10 len=1
VX.halt
