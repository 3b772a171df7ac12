# E_DECODE: HALT is not the last instruction
.config tiny-fuzz
.regions r1=4096 r2=4096 r3=4096
VX.halt
VX.nop # fix:
