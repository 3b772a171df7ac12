# E_INSTR_LIMIT @2: three instructions, two allowed
# limit 2 # fix: # limit 3
.config tiny-fuzz
.regions r1=64 r2=0 r3=0
VX.nop
VX.nop
VX.halt
