# E_SHIFT_RANGE @4: RQ_SINGLE with shift 1
.config tiny-fuzz
.regions r1=64 r2=0 r3=0
VX.fill d_dt=s32 d_s=[1,0,0,0] n=[4,1,1,1] imm0=4
VX.fill d_mem=prm d=0x4 d_dt=s32 d_s=[1,0,0,0] n=[1,1,1,1] imm0=5
VX.fill d_mem=prm d=0x8 d_dt=s32 d_s=[1,0,0,0] n=[1,1,1,1]
VX.fill d_mem=prm d=0xc d_dt=s8 d_s=[1,0,0,0] n=[1,1,1,1] imm0=1 # fix: VX.fill d_mem=prm d=0xc d_dt=s8 d_s=[1,0,0,0] n=[1,1,1,1] imm0=2
VX.rq form=prm a_dt=s32 a_s=[1,0,0,0] d=0x200 d_s=[1,0,0,0] n=[4,1,1,1] rq=single dprm=0
VX.halt
