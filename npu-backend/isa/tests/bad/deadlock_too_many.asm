# E_DEADLOCK @1: waits for more than was signalled
.config tiny-fuzz
.regions r1=4096 r2=4096 r3=4096
LDA.nop ; sig s7:2
VX.nop ; wait s7:3 # fix: VX.nop ; wait s7:2
VX.halt
