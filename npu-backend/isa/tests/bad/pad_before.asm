# E_PAD @0: an average over padding alone
.config tiny-fuzz
.regions r1=4096 r2=4096 r3=4096
VX.pool fn=avg a_dt=f32 a_sx=1 a_sy=4 d=0x100 d_dt=f32 d_sx=1 d_sy=1 oh=1 ow=1 ih=1 iw=1 n0=1 kh=2 kw=2 iy0=-2 # fix: VX.pool fn=avg a_dt=f32 a_sx=1 a_sy=4 d=0x100 d_dt=f32 d_sx=1 d_sy=1 oh=1 ow=1 ih=1 iw=1 n0=1 kh=2 kw=2 iy0=-1
VX.halt
