# E_SEM_SPSC @1 with @0: two engines signal
.config tiny-fuzz
.regions r1=4096 r2=4096 r3=4096
LDA.nop ; sig s2
LDW.nop ; sig s2 # fix: LDA.nop ; sig s2
VX.nop ; wait s2:2 # fix: VX.nop ; wait s2:2
VX.halt
