# E_BOUNDS @0: one byte beyond the scratchpad
.config tiny-fuzz
.regions r1=4096 r2=4096 r3=4096
LDA.ld region=R2 loc=0x1ff1 n=[16,1,1,1] # fix: LDA.ld region=R2 loc=0x1ff0 n=[16,1,1,1]
VX.halt
