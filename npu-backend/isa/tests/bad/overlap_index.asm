# E_OVERLAP @0: gathered rows land on the indices
.config tiny-fuzz
.regions r1=4096 r2=4096 r3=4096
LDA.ldx region=R2 loc=0x100 idx=0x10c n=[16,1,1,1] row_s=16 len=2 # fix: LDA.ldx region=R2 loc=0x100 idx=0x110 n=[16,1,1,1] row_s=16 len=2
VX.halt
