# E_PAD @0: the second window of max lies beyond the input
.config tiny-fuzz
.regions r1=4096 r2=4096 r3=4096
VX.pool fn=max a_sx=1 a_sy=2 d=0x100 d_sx=1 d_sy=1 oh=2 ow=1 ih=2 iw=1 n0=1 sy=2 # fix: VX.pool fn=max a_sx=1 a_sy=2 d=0x100 d_sx=1 d_sy=1 oh=2 ow=1 ih=3 iw=1 n0=1 sy=2
VX.halt
