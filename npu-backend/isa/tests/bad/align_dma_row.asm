# E_ALIGN @0: a load of part of a row
.config tiny-fuzz
.regions r1=4096 r2=4096 r3=4096
LDA.ld region=R2 mem=acc loc=0x40 n=[96,1,1,1] # fix: LDA.ld region=R2 mem=acc loc=0x40 n=[128,1,1,1]
VX.halt
