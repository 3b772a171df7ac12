# E_SEM_LEAK @1: a signal across a host segment
.config tiny-fuzz
.regions r1=4096 r2=4096 r3=4096
.hostseg
LDA.nop ; sig s2 # fix: LDA.nop
VX.segment_end
MX.nop ; wait s2 # fix: MX.nop
VX.halt
