# E_BOUND_INPUT: compiled for the value 0102
# input k 0103 # fix: # input k 0102
.config tiny-fuzz
.regions r1=0 r2=2 r3=0
.io in "k" dtype=u8 dims=[2] region=R2 bound=a12871fee210fb8619291eaea194581cbd2531e4b23759d225f6806923f63222
VX.nop
VX.halt
