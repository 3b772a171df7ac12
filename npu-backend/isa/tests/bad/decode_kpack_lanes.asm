# E_DECODE @0: kpack with cg and clast that do not count kw*C lanes
.config tiny-fuzz
.regions r1=4096 r2=4096 r3=4096
MX.conv in_sx=3 in_sy=15 w=0x100 kw=5 oh=1 ow=1 ih=1 iw=5 cg=1 clast=16 ng=1 nlast=16 acc_sn=1 kpack=1 # fix: MX.conv in_sx=3 in_sy=15 w=0x100 kw=5 oh=1 ow=1 ih=1 iw=5 cg=1 clast=15 ng=1 nlast=16 acc_sn=1 kpack=1
VX.halt
