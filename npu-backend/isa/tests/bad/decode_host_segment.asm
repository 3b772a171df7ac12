# E_DECODE @0: a host segment that does not exist
.config tiny-fuzz
.regions r1=4096 r2=4096 r3=4096
VX.segment_end seg=1 # fix: VX.fence
VX.halt
