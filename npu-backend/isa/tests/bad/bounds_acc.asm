# E_BOUNDS @0: a row beyond ACC
.config tiny-fuzz
.regions r1=4096 r2=4096 r3=4096
MX.conv in_sx=16 in_sy=16 w=0x100 oh=1 ow=1 ih=1 iw=1 cg=1 clast=16 ng=1 nlast=16 acc_row=32 acc_sn=1 # fix: MX.conv in_sx=16 in_sy=16 w=0x100 oh=1 ow=1 ih=1 iw=1 cg=1 clast=16 ng=1 nlast=16 acc_row=31 acc_sn=1
VX.halt
