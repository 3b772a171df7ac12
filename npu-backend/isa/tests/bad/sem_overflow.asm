# E_SEM_OVERFLOW @2: 64 units if VX is slow, although the stream never holds more than 63
.config tiny-fuzz
.regions r1=4096 r2=4096 r3=4096
LDA.nop ; sig s2:63
VX.nop ; wait s2:63 sig s3
LDA.nop ; sig s2 # fix: LDA.nop ; wait s3 sig s2
VX.nop ; wait s2 # fix: VX.nop ; wait s2
LDA.nop ; wait s3 # fix: LDA.nop
VX.halt
