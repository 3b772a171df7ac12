# E_DECODE: no HALT
.config tiny-fuzz
.regions r1=4096 r2=4096 r3=4096
VX.nop # fix: VX.halt
