# E_SEM_LEAK @1: a signal that nobody takes
.config tiny-fuzz
.regions r1=4096 r2=4096 r3=4096
LDA.nop ; sig s2 # fix: LDA.nop
VX.halt
