# E_UNINIT @2: ACCUMULATE onto a row without a start value
.config tiny-fuzz
.regions r1=64 r2=0 r3=0
VX.fill d_dt=u8 d_s=[1,0,0,0] n=[512,1,1,1] ; sig s0
MX.nop ; wait s0
MX.conv in_sx=16 in_sy=16 w=0x100 oh=1 ow=1 ih=1 iw=1 cg=1 clast=16 ng=1 nlast=16 acc_sn=1 init=acc # fix: MX.conv in_sx=16 in_sy=16 w=0x100 oh=1 ow=1 ih=1 iw=1 cg=1 clast=16 ng=1 nlast=16 acc_sn=1
VX.halt
