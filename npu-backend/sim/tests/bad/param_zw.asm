# E_PARAM @3: a weight zero point of -129
.config tiny-fuzz
.regions r1=64 r2=0 r3=0
VX.fill d_dt=u8 d_s=[1,0,0,0] n=[512,1,1,1]
VX.fill d_mem=prm d=0xe d_dt=u16 d_s=[1,0,0,0] n=[1,1,1,1] imm0=65407 # fix: VX.fill d_mem=prm d=0xe d_dt=u16 d_s=[1,0,0,0] n=[1,1,1,1] imm0=65408
VX.fence
MX.conv in_sx=16 in_sy=16 w=0x100 oh=1 ow=1 ih=1 iw=1 cg=1 clast=16 ng=1 nlast=1 acc_sn=1 zwm=1
VX.halt
