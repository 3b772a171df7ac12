# E_UNINIT @3: the zero point of the record was never written
.config tiny-fuzz
.regions r1=64 r2=0 r3=0
VX.fill d_dt=s8 d_s=[1,0,0,0] n=[4,1,1,1]
VX.fill d_mem=prm d=0x4 d_dt=s32 d_s=[1,0,0,0] n=[1,1,1,1] imm0=1065353216
VX.nop # fix: VX.fill d_mem=prm d=0x8 d_dt=s32 d_s=[1,0,0,0] n=[1,1,1,1]
VX.ew fn=mov form=prm a_s=[1,0,0,0] d=0x200 d_dt=f32 d_s=[1,0,0,0] n=[4,1,1,1] aprm=0
VX.halt
