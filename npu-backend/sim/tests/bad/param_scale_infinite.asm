# E_PARAM @3: a scale that is infinite
.config tiny-fuzz
.regions r1=64 r2=0 r3=0
VX.fill d_dt=s32 d_s=[1,0,0,0] n=[4,1,1,1] imm0=4
VX.fill d_mem=prm d=0x8 d_dt=s32 d_s=[1,0,0,0] n=[1,1,1,1]
VX.fill d_mem=prm d=0x4 d_dt=u32 d_s=[1,0,0,0] n=[1,1,1,1] imm0=2139095040 # fix: VX.fill d_mem=prm d=0x4 d_dt=u32 d_s=[1,0,0,0] n=[1,1,1,1] imm0=2139095039
VX.rq form=prm a_dt=s32 a_s=[1,0,0,0] d=0x200 d_s=[1,0,0,0] n=[4,1,1,1] rq=f32 dprm=0
VX.halt
