# E_SEM_SPSC @2 with @1: two engines wait
.config tiny-fuzz
.regions r1=4096 r2=4096 r3=4096
LDA.nop ; sig s2:2
VX.nop ; wait s2
MX.nop ; wait s2 # fix: VX.nop ; wait s2
VX.halt
