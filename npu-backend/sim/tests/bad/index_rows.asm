# E_INDEX @2: row -5 of 4
.config tiny-fuzz
.regions r1=64 r2=0 r3=0
.zero 64
VX.fill d=0x100 d_dt=s32 d_s=[1,0,0,0] n=[1,1,1,1] imm0=4294967291 # fix: VX.fill d=0x100 d_dt=s32 d_s=[1,0,0,0] n=[1,1,1,1] imm0=4294967292
VX.fence
LDA.ldx idx=0x100 n=[16,1,1,1] row_s=16 len=4
VX.halt
