# E_DEADLOCK @0: the signal comes later in the stream
.config tiny-fuzz
.regions r1=4096 r2=4096 r3=4096
VX.nop ; wait s7 # fix: VX.nop
LDA.nop ; sig s7 # fix: LDA.nop
VX.halt
