# E_DECODE @0: a zero point in a float convolution
.config tiny-fuzz
.regions r1=4096 r2=4096 r3=4096
MX.conv in_sx=32 in_sy=32 w=0x100 oh=1 ow=1 ih=1 iw=1 cg=1 clast=16 ng=1 nlast=16 acc_sn=1 dtype=bf16 zw=1 # fix: MX.conv in_sx=32 in_sy=32 w=0x100 oh=1 ow=1 ih=1 iw=1 cg=1 clast=16 ng=1 nlast=16 acc_sn=1 dtype=bf16
VX.halt
