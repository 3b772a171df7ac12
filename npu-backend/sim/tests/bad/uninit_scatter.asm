# E_UNINIT @3: SC sets an element that was never written (d is read)
.config tiny-fuzz
.regions r1=64 r2=0 r3=0
VX.fill d_dt=s8 d_s=[1,0,0,0] n=[1,1,1,1]
VX.fill d=0x100 d_dt=s32 d_s=[1,0,0,0] n=[1,1,1,1] imm0=2
VX.nop # fix: VX.fill d=0x202 d_dt=s8 d_s=[1,0,0,0] n=[1,1,1,1]
VX.sc fn=set a_s=[0,0,0,0] b=0x100 b_dt=s32 d=0x200 n=[1,1,1,1] imm0=1 imm1=4
VX.halt
