# E_DECODE @1: two waits on one semaphore
.config tiny-fuzz
.regions r1=4096 r2=4096 r3=4096
LDA.nop ; sig s1:2
VX.nop ; wait s1,s1 # fix: VX.nop ; wait s1:2
VX.halt
